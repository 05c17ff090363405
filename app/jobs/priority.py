"""The bounds of a job's priority. Nothing else is here, so that a command line that only asks an API starts at once."""

MOST_PRIORITY = 100
"""Priorities go from minus this to this; higher goes first."""
