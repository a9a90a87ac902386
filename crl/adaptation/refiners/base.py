"""What every refiner offers, and the one that changes nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.adaptation.authority import Reach
from crl.adaptation.tracking.regime import Regime
from crl.types import ActionSpec, Array

Effect = Callable[[Tensor], Tensor]
Predict = Callable[[Tensor, Tensor], Tensor]
"""Maps observations [N, S] and actions [N, A] to the changes [N, D] of one control step."""
Motion = Callable[[Tensor, Tensor], Tensor]
"""Maps observations [..., S] and actions [..., A] to the observations after them [..., S]."""


class Refiner(ABC):
    """Refines planned actions, and takes note of what executed ones did.

    Args:
        action: Elements of the action.

    Attributes:
        tracks: Whether it looks for regimes; if not, :attr:`regime` says nothing of the body.
        SETTINGS: Settings that one of a user's own reads, as dotted keys or beginnings of such; ``None``: it does not
            say, and is taken to read all of ``refiner``, ``flow`` and ``body``.
        is_told: Whether it has to be told what the body makes of its commands (:meth:`tell`) before every decision,
            :meth:`tell_effect` or :meth:`tell_motion`.
        motion: How the body will move, as it was told; ``None``: it was not.
    """

    SETTINGS: ClassVar[tuple[str, ...] | None] = None
    tracks = False
    is_told = False
    motion: Motion | None = None

    def __init__(self, action: ActionSpec) -> None:
        self.action = action

    @property
    def regime(self) -> Regime:
        """What is known of the body now; nothing by default."""
        return Regime(False, torch.zeros(0), 0.0, 0)

    def begin(self) -> None:
        """A new mission with a nominal body: forget the regime."""

    def tell(self, gains: Tensor, bias: Tensor | None = None) -> None:
        """What the body makes of its commands, u = M a + b.

        Args:
            gains: Gains [A] or a matrix [A, A] of actions in their own units.
            bias: A bias [A] in those units.
        """
        del gains, bias

    def tell_effect(self, effect: Effect) -> None:
        """What the body makes of its commands in the next step, if that is no matrix and bias.

        Args:
            effect: The nominal commands [..., A] that commands [..., A] amount to.
        """
        del effect

    def plans_with(self, predict: Predict) -> None:
        """Take note of the planner's model, as it is whenever it is called.

        Args:
            predict: The model.
        """
        del predict

    def tell_motion(self, motion: Motion) -> None:
        """How the body will move in the next step, if no commands of the nominal body amount to that.

        Args:
            motion: Its motion.
        """
        del motion

    def tell_regime(self, regime: int) -> None:
        """Which regime the next step is of, for who learns with labels.

        Args:
            regime: Number of the true regime, 0 for the nominal one.
        """
        del regime

    def forget_labels(self) -> None:
        """A new life begins, whose regimes have other numbers: what was told before is forgotten."""

    @abstractmethod
    def refine(self, planned: Array) -> Array:
        """The action to execute for a planned one, float32 [A]."""

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Take note of one transition: [S], the action that was really executed [A], the (wrapped) change [D]."""
        del observation, executed, change

    def nominal_command(self, executed: Tensor) -> Tensor:
        """The command [A] with which the nominal body does what it did with an executed one, as far as known."""
        return executed

    def context(self) -> Tensor | None:
        """What the planner's model reads of the body now, [P]; ``None``: it reads nominal commands, and no context."""
        return None

    def authority(self) -> ActionSpec:
        """The range of planned actions that can be attained now, for the planner; the whole range by default."""
        return self.action

    def effect(self, actions: Tensor) -> Tensor:
        """What the planner's model should take actions [..., A] for: they themselves, since they are corrected."""
        return actions

    def reach(self) -> Reach | None:
        """What can be attained of planned actions inside that range; ``None``: all of it."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides future refinements, as plain data."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        del state


class NoRefiner(Refiner):
    """Executes what was planned."""

    def refine(self, planned: Array) -> Array:
        """The planned action, copied."""
        return planned.copy()
