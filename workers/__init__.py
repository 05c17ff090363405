"""Celery tasks, and what lives as long as a worker does: the watcher, the sweep, the periodic sync."""
