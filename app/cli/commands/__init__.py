"""The commands, a module a family: options, the call that does the work, what is shown of its outcome."""
