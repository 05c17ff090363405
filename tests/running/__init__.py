"""Real programs, started for tests: one module a program."""
