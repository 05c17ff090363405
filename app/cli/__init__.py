"""The `vrelocate` command: what operators type, on the host of an installation or anywhere its API can be reached.

Start-up stays light: a command imports what it needs when it runs, so `--help` and shell completion never pay for
SQLAlchemy or pyVmomi.
"""
