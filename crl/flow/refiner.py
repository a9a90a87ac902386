"""Refiners: what happens to a planned action before it is executed.

Nothing (:class:`NoRefiner`), the action flow while the regime is off nominal (:class:`FlowRefiner`), or the true
inverse of what the body does to its commands (:class:`OracleRefiner`), which is an upper bound no robot has.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from crl.errors import CrlError
from crl.flow.action_flow import ActionFlow
from crl.flow.authority import Reach, careful_box, reachable_box, reachable_spec
from crl.flow.box import Box, box_least_squares
from crl.flow.nominal import Nominal
from crl.flow.probing import probed, seems_dead
from crl.flow.regime import Regime, RegimeTracker
from crl.types import ActionSpec, Array


@runtime_checkable
class Refiner(Protocol):
    """Refines planned actions and takes note of what executed ones did."""

    def begin(self) -> None:
        """A new mission with a nominal body: forget the regime."""
        ...

    def refine(self, planned: Array) -> Array:
        """The action to execute for a planned one, float32 [A]."""
        ...

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Take note of one transition: [S], the action that was really executed [A], the (wrapped) change [D]."""
        ...

    def nominal_command(self, executed: Tensor) -> Tensor:
        """The command [A] with which the nominal body does what it did with an executed one, as far as known."""
        ...

    def authority(self) -> ActionSpec:
        """The range of planned actions that can be attained now, for the planner."""
        ...

    def reach(self) -> Reach | None:
        """What can be attained of planned actions inside of that range, if not all of it."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything that decides future refinements, as plain data."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        ...


class NoRefiner:
    """Executes what was planned.

    Args:
        action: Elements of the action.
    """

    def __init__(self, action: ActionSpec) -> None:
        self._action = action

    def begin(self) -> None:
        """Nothing to forget."""

    def refine(self, planned: Array) -> Array:
        """The planned action, copied."""
        return planned.copy()

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Nothing to note."""

    def nominal_command(self, executed: Tensor) -> Tensor:
        """The executed command."""
        return executed

    def authority(self) -> ActionSpec:
        """The whole range."""
        return self._action

    def reach(self) -> Reach | None:
        """All of it."""
        return None

    def state_dict(self) -> dict[str, Any]:
        """No state."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """No state."""


class FlowRefiner:
    """Corrects planned actions by a fitted flow, while the regime is off nominal and understood.

    The planned action comes back unchanged while the body is nominal, while no context explains it, and whenever the
    flow's output is not finite (which is said once). A correction changes no element by more than ``max_correction``
    half ranges. The result is inside the action box if ``clipped``, else inside the box that the flow was fitted for.

    Args:
        flow: The fitted flow.
        nominal: The nominal model that the flow was fitted with.
        clipped: Keep to the action box, as a real robot must.
    """

    def __init__(self, flow: ActionFlow, nominal: Nominal, *, clipped: bool = True) -> None:
        self.flow = flow
        self.tracker = RegimeTracker(flow.config, flow.identifier, nominal, flow.calibration, flow.box)
        self.clipped = clipped
        self._limits = flow.box if clipped else flow.box.scaled(flow.config.box_scale)
        self._bound = flow.config.max_correction * self._limits.half
        self._said = False
        self._nominal_features = flow.identifier.features(flow.identifier.nominal)
        self._seen = flow.identifier.nominal, self._nominal_features
        self._dead = flow.identifier.nominal, False
        self._reached: tuple[Tensor, Reach | None] = flow.identifier.nominal, None

    @property
    def regime(self) -> Regime:
        """The regime in force."""
        return self.tracker.regime

    def begin(self) -> None:
        """Forget the regime."""
        self.tracker.reset()

    def refine(self, planned: Array) -> Array:
        """The action to execute for a planned one, float32 [A]."""
        regime = self.tracker.regime
        if not regime.active:
            return planned.copy()
        features = self._features(regime.context)
        if torch.equal(features, self._nominal_features):  # what it knows of the body can't be corrected
            return planned.copy()
        action = torch.from_numpy(planned.copy())
        refined = self.flow.refine(action.unsqueeze(0), regime.context.unsqueeze(0), features.unsqueeze(0))[0]
        if not bool(torch.isfinite(refined).all()):
            if not self._said:
                self._said = True
                warnings.warn(
                    "the action flow gave a correction that is not finite: planned actions are executed unrefined "
                    "(said once; fit the flow again if its file is damaged)",
                    RuntimeWarning,
                    stacklevel=2,
                )
            return planned.copy()
        bounded = action + torch.clamp(refined - action, -self._bound, self._bound)
        if self.clipped and self._seems_dead(regime):
            bounded = probed(bounded, self.tracker.excitation, self.flow.box)
        result: Array = self._limits.clip(bounded).numpy().astype(np.float32)
        return result

    def _seems_dead(self, regime: Regime) -> bool:
        """Whether the context in force leaves an element of the action without effect; asked once for each."""
        if self._dead[0] is not regime.context:
            box = self.flow.box
            self._dead = regime.context, seems_dead(reachable_box(self.flow.identifier, regime, box), box)
        return self._dead[1]

    def _features(self, context: Tensor) -> Tensor:
        """What the flow sees of a context [C], [F]; computed once for each, which may be in force for long."""
        if self._seen[0] is not context:
            self._seen = context, self.flow.identifier.features(context)
        return self._seen[1]

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Take note of one executed transition."""
        self.tracker.observe(observation, executed, change)

    def nominal_command(self, executed: Tensor) -> Tensor:
        """The command that the context in force says the body executed."""
        regime = self.tracker.regime
        if not regime.active:
            return executed
        return self.flow.identifier.effective(executed.unsqueeze(0), regime.context.unsqueeze(0))[0]

    def authority(self) -> ActionSpec:
        """The range of planned actions that can be attained under the regime; a careful one if none explains."""
        identifier, regime, box = self.flow.identifier, self.tracker.regime, self.flow.box
        if not self.clipped or not self.tracker.off or regime.delay:
            return self.flow.action
        if regime.active:
            return reachable_spec(self.flow.action, reachable_box(identifier, regime, box))
        careful = identifier.fed_back
        if self.flow.config.care and self.tracker.trusted:  # half the speed is half the way: not for ever
            careful = list(range(box.size))
        return reachable_spec(self.flow.action, careful_box(careful, box)) if careful else self.flow.action

    def reach(self) -> Reach | None:
        """What the body is able to do under the regime, where it couples channels."""
        regime = self.tracker.regime
        if not self.clipped or not regime.active:
            return None
        if self._reached[0] is not regime.context:
            self._reached = regime.context, Reach.of(self.flow.identifier, regime.context, self.flow.box)
        return self._reached[1]

    def state_dict(self) -> dict[str, Any]:
        """The tracker's evidence, and whether the warning was given; the flow itself is a file of its own."""
        return {"tracker": self.tracker.state_dict(), "said": self._said}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.tracker.load_state_dict(state["tracker"])
        self._said = bool(state["said"])


class OracleRefiner:
    """Inverts what the body really does to its commands, u = M a + b, told by whoever changes the body.

    Args:
        action: Elements of the action.
        clipped: Keep to the action box; what cannot be attained is approached as near as it can be, in half ranges.
    """

    def __init__(self, action: ActionSpec, *, clipped: bool = True) -> None:
        self._action = action
        self._box = Box.of(action)
        self.clipped = clipped
        self.begin()

    def begin(self) -> None:
        """A nominal body."""
        self._matrix, self._bias = torch.eye(self._box.size), torch.zeros(self._box.size)

    def tell(self, gains: Tensor, bias: Tensor | None = None) -> None:
        """The truth: gains [A] or a matrix [A, A] (of actions in their own units), and a bias [A] in those units."""
        matrix = torch.diag(gains) if gains.ndim == 1 else gains
        offset = torch.zeros(self._box.size) if bias is None else bias
        size = self._box.size
        if matrix.shape != (size, size) or offset.shape != (size,):
            raise CrlError(
                f"gains {tuple(gains.shape)} and a bias {tuple(offset.shape)} do not fit {size} actions",
                "give one gain (or one row and column of a matrix) and one bias per action element",
            )
        self._matrix, self._bias = matrix.float(), offset.float()

    def refine(self, planned: Array) -> Array:
        """The action that makes the body do what was planned; a dead channel's action stays as it is."""
        wanted = torch.from_numpy(planned.copy())
        half = self._box.half
        # In half ranges, so that elements with different units weigh alike.
        matrix = self._matrix * half / half.unsqueeze(-1)
        target = (wanted - self._bias) / half
        if self.clipped:
            ends = Box(self._box.low / half, self._box.high / half)
            solved = box_least_squares(matrix.unsqueeze(0), target.unsqueeze(0), (wanted / half).unsqueeze(0), ends)[0]
        else:
            start = wanted / half
            solved = (
                start + torch.linalg.lstsq(matrix, (target - matrix @ start).unsqueeze(-1), driver="gelsd")[0][:, 0]
            )
        result: Array = (solved * half).numpy().astype(np.float32)
        return result

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Nothing to note: the truth is told."""

    def nominal_command(self, executed: Tensor) -> Tensor:
        """What the body makes of an executed command: M a + b."""
        return self._matrix @ executed + self._bias

    def authority(self) -> ActionSpec:
        """The range of planned actions that can be attained; see :func:`~crl.flow.authority.reachable_box`."""
        if not self.clipped:
            return self._action
        reach = self._matrix.abs() @ self._box.half
        centre = self._matrix @ self._box.middle + self._bias
        return reachable_spec(self._action, Box(self._box.clip(centre - reach), self._box.clip(centre + reach)))

    def reach(self) -> Reach | None:
        """What the body is able to do, where it couples channels."""
        if not self.clipped or torch.equal(self._matrix, torch.diag(self._matrix.diagonal())):
            return None
        half = self._box.half
        return Reach(self._matrix * half / half.unsqueeze(-1), self._bias / half, self._box)

    def state_dict(self) -> dict[str, Any]:
        """The truth in force."""
        return {"matrix": self._matrix.clone(), "bias": self._bias.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._matrix, self._bias = state["matrix"].clone(), state["bias"].clone()
