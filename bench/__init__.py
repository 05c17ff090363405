"""Measurements, peers beside us in one run; never part of a test."""
