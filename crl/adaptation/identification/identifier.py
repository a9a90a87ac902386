"""What identifies regimes: windows of executed transitions, what they say of a context, and who finds the context."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from crl.adaptation.identification.simulator import RegimeSimulator
from crl.adaptation.identification.transitions import Window
from crl.types import Told, untold


@dataclass(frozen=True)
class Information:
    """What transitions say of a context: the normal equations of a linear fit, G c = r, summed over them.

    Attributes:
        matrix: G (the information matrix), float64 [..., C, C].
        vector: r, float64 [..., C].
        steps: Number of transitions.
    """

    matrix: Tensor
    vector: Tensor
    steps: float

    def faded(self, share: float) -> Information:
        """The same with its weight multiplied by ``share``."""
        return Information(share * self.matrix, share * self.vector, share * self.steps)

    def plus(self, other: Information) -> Information:
        """The sum of both."""
        return Information(self.matrix + other.matrix, self.vector + other.vector, self.steps + other.steps)

    def of(self, row: int) -> Information:
        """That of one transition, where this is of several, [N, C, C] and [N, C]."""
        return Information(self.matrix[row], self.vector[row], 1.0)

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | None) -> Information | None:
        """What ``dataclasses.asdict`` made of it."""
        return None if state is None else cls(**state)


@dataclass(frozen=True)
class Estimate:
    """Contexts [R, C] and how far the data support them, in [0, 1], [R].

    Attributes:
        information: Of each transition of the windows, [R * N, C, C] and [R * N, C]; ``None`` from an identifier whose
            contexts are no linear fit.
    """

    context: Tensor
    confidence: Tensor
    information: Information | None = None


class Identifier(ABC):
    """Finds a context in a window. A context says which nominal command does what a command does now.

    Attributes:
        size: Number C of context elements.
        features_size: Number F of features of a context.
        nominal: Context of the nominal body, [C].
        relative_error: Deviation of predictions off nominal, as a share of the regime's effect.
        fed_back: Elements of the action that are fed back (``flow.identification.measured``) by actuators that serve
            others, too.
        affine: Whether effective commands are an affine function of actions, exactly.
    """

    size: int
    features_size: int
    nominal: Tensor
    relative_error: float
    fed_back: list[int]
    affine: bool

    def fit(self, simulator: RegimeSimulator, told: Told = untold) -> None:
        """Train on simulated regimes, where there is something to train; ``told`` of every step."""

    @abstractmethod
    def identify(self, window: Window, start: Tensor | None = None, information: Information | None = None) -> Estimate:
        """Contexts of windows; independent of the order of the transitions.

        Args:
            window: The windows.
            start: Where to begin, [C]: the context in force.
            information: What is known of the regime in addition to the windows.
        """

    @abstractmethod
    def effective(self, action: Tensor, context: Tensor) -> Tensor:
        """Effective commands [N, A]: the nominal ones that would do what actions [N, A] do under contexts [N, C]."""

    def describes(self, regime: Tensor) -> Tensor | None:
        """Contexts [R, C] of regimes [R, G] of :class:`~crl.adaptation.identification.simulator.ChannelRegimes`.

        ``None`` if only data tell them.
        """
        del regime
        return None

    def predicted_command(self, observation: Tensor, action: Tensor, context: Tensor) -> Tensor:
        """Nominal commands [N, A] that would do *all* of what actions do at observations [N, S].

        These are the effective commands, and what else a context knows of the body that no correction can undo.
        """
        del observation
        return self.effective(action, context)

    @abstractmethod
    def usable_share(self, context: Tensor) -> Tensor:
        """Share [..., A] of its range in which every element should be planned under contexts [..., C].

        It is below 1 where commands are answered slowly, or where actuators also serve other elements.
        """

    @abstractmethod
    def inverse_command(self, command: Tensor, context: Tensor) -> Tensor:
        """A first guess of the actions [N, A] that do what nominal commands [N, A] do, under contexts [N, C]."""

    @abstractmethod
    def features(self, context: Tensor) -> Tensor:
        """What the flow reads of contexts [..., C], [..., F]."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """What identification depends on, as plain data."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
