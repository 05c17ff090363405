"""Secondary storage: a place off the datastores where bytes rest between two copies, with checksums, resumable."""
