"""The schema as a program sees it: upgrade it, and ask which revision it has."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config


def alembic_config(database_url: str | None = None) -> Config:
    """Return alembic's configuration; without a URL the process's settings name the database."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    if database_url:
        config.attributes["database_url"] = database_url
    return config


def upgrade(database_url: str | None = None) -> None:
    """Bring the schema to the newest revision; safe to run twice, and two at once wait for each other."""
    command.upgrade(alembic_config(database_url), "head")
