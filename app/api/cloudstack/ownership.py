"""Who owns what is shown: CloudStack's clients expect an account and a domain, and here there is one of each."""

from __future__ import annotations

from uuid import UUID

DOMAIN = "ROOT"
DOMAIN_ID = UUID("8c1c3d2e-6f0b-5c59-9a53-0d5b6f4c7e10")
"""The same in every installation: nothing distinguishes domains here."""
OWNER = "admin"
"""Account of everything found in a vCenter. A job's account is the name of the key that asked for it."""
