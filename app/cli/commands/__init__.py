"""The commands, a module a family: their options, the call that does the work, what is shown of its outcome."""
