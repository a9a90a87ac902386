"""Identification of regimes: windows of executed transitions, and the protocol of who finds a context in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """Executed transitions of R bodies: observations [R, N, S], executed actions [R, N, A], changes [R, N, D].

    Attributes:
        weight: 1 for a transition that counts, 0 for padding, [R, N].
    """

    observation: Tensor
    action: Tensor
    change: Tensor
    weight: Tensor

    @classmethod
    def of(cls, observation: Tensor, action: Tensor, change: Tensor) -> Window:
        """A window of one body from [N, S], [N, A] and [N, D]."""
        weight = torch.ones(1, observation.shape[0], dtype=observation.dtype)
        return cls(observation.unsqueeze(0), action.unsqueeze(0), change.unsqueeze(0), weight)

    def flat(self) -> tuple[Tensor, Tensor, Tensor]:
        """Observations, actions and changes as rows [R * N, ...]."""
        return self.observation.flatten(0, 1), self.action.flatten(0, 1), self.change.flatten(0, 1)


@dataclass(frozen=True)
class Known:
    """What transitions say of a context: the normal equations of a linear fit, G c = r, summed over them.

    Attributes:
        gram: G, float64 [..., C, C].
        right: r, float64 [..., C].
        steps: How many transitions they are of.
    """

    gram: Tensor
    right: Tensor
    steps: float

    def faded(self, share: float) -> Known:
        """The same, counting a share of what it did."""
        return Known(share * self.gram, share * self.right, share * self.steps)

    def plus(self, other: Known) -> Known:
        """What both say."""
        return Known(self.gram + other.gram, self.right + other.right, self.steps + other.steps)

    def of(self, row: int) -> Known:
        """What one transition says, where these are of several, [N, C, C] and [N, C]."""
        return Known(self.gram[row], self.right[row], 1.0)


@dataclass(frozen=True)
class Estimate:
    """Contexts [R, C] and how far the data speak for them, in [0, 1], [R].

    Attributes:
        known: What each transition of the windows says, [R * N, C, C] and [R * N, C], if that can be added up.
    """

    context: Tensor
    confidence: Tensor
    known: Known | None = None


@runtime_checkable
class Identifier(Protocol):
    """Finds a context in a window. A context says which nominal command does what a command does now.

    Attributes:
        size: Number C of context elements.
        features_size: Number F of features of a context.
        nominal: Context of the nominal body, [C].
        relative_error: Deviation of predictions off nominal, as a share of the regime's effect.
        fed_back: Elements of the action that are fed back (``flow.measured``) by actuators which serve others, too.
        affine: Whether effective commands are an affine function of actions, exactly.
    """

    size: int
    features_size: int
    nominal: Tensor
    relative_error: float
    fed_back: list[int]
    affine: bool

    def identify(self, window: Window, start: Tensor | None = None, known: Known | None = None) -> Estimate:
        """Contexts of windows; independent of the order of the transitions.

        Args:
            window: The windows.
            start: Where to look first, [C]: the context in force.
            known: What is known of the regime beside the windows.
        """
        ...

    def effective(self, action: Tensor, context: Tensor) -> Tensor:
        """Nominal commands [N, A] that would do what actions [N, A] do under contexts [N, C]."""
        ...

    def describes(self, regime: Tensor) -> Tensor | None:
        """Contexts [R, C] of regimes [R, G] of :class:`~crl.flow.simulator.ChannelRegimes`, if known without data."""
        ...

    def done(self, observation: Tensor, action: Tensor, context: Tensor) -> Tensor:
        """Nominal commands [N, A] that would do *all* of what actions do at observations [N, S].

        That is the effective ones, and what else a context knows of the body that no correction undoes.
        """
        ...

    def prompt(self, context: Tensor) -> Tensor:
        """Share [..., A] of its range in which every element should be planned under contexts [..., C]; 1: all of it.

        It is less where commands are answered late, or actuators are busy with others.
        """
        ...

    def undone(self, action: Tensor, context: Tensor) -> Tensor:
        """A guess of the actions [N, A] that would do what nominal commands [N, A] do, under contexts [N, C]."""
        ...

    def features(self, context: Tensor) -> Tensor:
        """What the flow sees of contexts [..., C], [..., F]."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What identification depends on, as plain data."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        ...
