"""The CloudStack-compatible endpoint (docs/cloudstack-api.md says what is served and what differs)."""
