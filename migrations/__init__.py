"""The alembic environment and its revisions, packaged so that an installed vrelocate can upgrade its schema."""
