"""The base of transformations of gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor

from crl.continual.part import Host, HostT, Kind, Part


class Gradient(Part[HostT]):
    """Changes the gradients of the shared parameters, in place.

    Attributes:
        CORRECTS: Whether :meth:`correct` is to be called: Adam rescales gradients element by element, so a step may
            leave the subspace that its gradient lies in.
    """

    KIND: ClassVar[Kind] = Kind.GRADIENT
    HOSTS: ClassVar[tuple[Host, ...]] = tuple(Host)
    CORRECTS: ClassVar[bool] = False

    def transform(self, gradients: Mapping[str, Tensor]) -> None:
        """Change the gradients of the shared parameters, given by name, in place."""

    def correct(self, changes: Mapping[str, Tensor]) -> None:
        """Change the step that the optimiser took, given by parameter, in place (needs :attr:`CORRECTS`)."""
