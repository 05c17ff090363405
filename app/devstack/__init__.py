"""The embedded default: `vrelocate up` starts everything that an installation needs, with nothing to install first.

Real PostgreSQL and real Valkey from wheels, the API, the workers and the simulated vCenter, each a process of its own,
started, watched, restarted and stopped by one parent.
"""
