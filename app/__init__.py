"""vrelocate: moves stopped virtual machines and detached disks between vSphere datastores."""

from importlib.metadata import version

__version__ = version("vrelocate")
