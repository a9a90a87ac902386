"""The path by which plug-ins name this base class."""

from crl.continual.generators.hypercrl import HyperCRL

__all__ = ["HyperCRL"]
