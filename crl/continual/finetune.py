"""The path by which plug-ins name this base class."""

from crl.continual.generators.finetune import Finetune

__all__ = ["Finetune"]
