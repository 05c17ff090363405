"""A monkey against a whole installation: it breaks what it can reach while clients work, and then everything is judged.

`python -m tests.chaos.monkey` (`make chaos`); docs/chaos.md says what it does and what it has found.
"""
