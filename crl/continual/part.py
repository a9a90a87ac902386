"""What a part of a strategy is: one mechanism, put onto the generator that makes the weights of each task.

A strategy is a composition: one generator (:class:`crl.continual.composable.Composable`) and any number of parts.
There is a base class per kind in a folder of its own: penalties, gradients, memories, averages, schedules and
plasticity. This module has what all of them share: the hooks at a task's begin and end, before and after a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from crl.continual import options
from crl.dynamics.windows import Windows

if TYPE_CHECKING:
    from crl.continual.composable import Composable

HostT = TypeVar("HostT", bound="Composable")


class Host(Enum):
    """What the shared parameters of a generator are, which decides which parts it can take."""

    NETWORK = "one network serves all tasks"
    HYPERNETWORK = "a hypernetwork makes the weights"
    FROZEN = "finished tasks have weights of their own"
    ADAPTERS = "low-rank adapters change a network that rests"


class Kind(Enum):
    """The kinds of parts, by their folder."""

    PENALTY = "penalties"
    GRADIENT = "gradients"
    MEMORY = "memories"
    AVERAGE = "averages"
    SCHEDULE = "schedules"
    PLASTICITY = "plasticity"


class Boundary(Enum):
    """What a part needs when a task ends."""

    NOTHING = "nothing"
    LABEL = "to be told that the task ends"
    ROWS = "the task's transitions, once more"


class Part(Generic[HostT]):
    """Base of all parts.

    Args:
        host: The generator that it is a part of; its own parts are not known yet.
        name: The part's name, which its entries in the saved state begin with.

    Attributes:
        KIND: Its kind.
        HOSTS: Generators that it can be put onto.
        OPTIONS: Names and defaults of its own options, read from ``continual.options``.
        SETTINGS: Other settings that it reads, as dotted keys; ``None``: it does not say.
        BOUNDARY: What it needs when a task ends.
        REVISITS: Whether it looks at transitions of finished tasks again.
        FOLLOWS: Whether :meth:`after_step` is to be called with what moved.
        WATCHES: Whether :meth:`see` is to be shown what the layers read.
        KEPT_ONCE: Entries of :meth:`state_dict` that do not grow with the number of tasks.
    """

    KIND: ClassVar[Kind]
    HOSTS: ClassVar[tuple[Host, ...]] = (Host.NETWORK,)
    OPTIONS: ClassVar[Mapping[str, Any]] = {}
    SETTINGS: ClassVar[tuple[str, ...] | None] = None
    BOUNDARY: ClassVar[Boundary] = Boundary.LABEL
    REVISITS: ClassVar[bool] = False
    FOLLOWS: ClassVar[bool] = False
    WATCHES: ClassVar[bool] = False
    KEPT_ONCE: ClassVar[tuple[str, ...]] = ()

    def __init__(self, host: HostT, name: str) -> None:
        self.host = host
        self.name = name
        self.config = host.config

    @property
    def generator(self) -> torch.Generator:
        """Source of all random numbers."""
        return self.host.generator

    def number(self, option: str, *, least: float = 0.0, most: float = float("inf")) -> float:
        """The value of an option that is a number.

        Args:
            option: Its name, one of :attr:`OPTIONS`.
            least: Smallest value that has a meaning.
            most: Largest one.

        Raises:
            SettingsError: It is no finite number of that range.
        """
        return options.number(self.config, self.OPTIONS, option, least=least, most=most)

    def whole(self, option: str, *, least: int = 0) -> int:
        """The value of an option that is a whole number.

        Args:
            option: Its name, one of :attr:`OPTIONS`.
            least: Smallest value that has a meaning.

        Raises:
            SettingsError: It is no whole number of that range.
        """
        return options.whole(self.config, self.OPTIONS, option, least=least)

    # ------------------------------------------------------------------ hooks
    def begin_task(self, task: int) -> None:
        """A task begins, or goes on; the host knows it already."""

    def see(self, layers: Sequence[Tensor]) -> None:
        """See what the layers read while the current task is judged, and the output (needs :attr:`WATCHES`).

        Args:
            layers: [E, B, units] each, one more than there are layers, with their graph.
        """

    def before_step(self) -> None:
        """The gradients of the current task's loss are there, and nothing was added to them."""

    def after_step(self, before: Mapping[str, Tensor]) -> None:
        """The step was taken; ``before`` holds what the shared parameters were (needs :attr:`FOLLOWS`)."""

    def end_task(self, rows: Windows) -> None:
        """The current task ends; its averaged weights are the weights now.

        Args:
            rows: All windows of the task's transitions. What is not copied is gone afterwards.
        """

    def bytes_per_task(self) -> int:
        """Bytes that it keeps per finished task."""
        return 0

    def state_dict(self) -> dict[str, Any]:
        """Everything of it that decides the future, as plain data."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit; the host is restored already."""
