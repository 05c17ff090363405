"""Gurus: what knows a hypervisor, and the words in which a migration is put to one."""
