"""The demo: a small vCenter of our own, a datastore emptied into a new one, and every outcome checked.

`cast` says who takes part and what is expected of each, `stack` starts everything, `play` does it, `judge` compares
what happened with what was expected, `report` shows it.
"""
