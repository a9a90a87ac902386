"""The path by which plug-ins name this base class."""

from crl.continual.generators.shared import SharedNetwork

__all__ = ["SharedNetwork"]
