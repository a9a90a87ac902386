"""What refiners share that follow the regime: when they correct, how far, and what they tell the planner."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl.adaptation.authority import Reach, careful_box, reachable_spec
from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.refiners.base import Refiner
from crl.adaptation.refiners.excitation import excited
from crl.adaptation.tracking.hypotheses import Hypothesis
from crl.adaptation.tracking.regime import Regime
from crl.adaptation.tracking.tracker import RegimeTracker
from crl.types import ActionSpec, Array


class TrackingRefiner(Refiner):
    """Corrects planned actions while the regime is off nominal and a context explains it; how, its subclasses say.

    The planned action comes back unchanged while the body is nominal, while no context explains it, and whenever the
    correction is not finite (which is said once). A correction changes no element by more than ``max_correction``
    half ranges. The result is inside the action box if ``clipped``, else inside the box that the flow was fitted for.

    Args:
        flow: The identifier, the calibration and, for those that use it, the fitted flow.
        nominal: The nominal model that it was fitted with.
        clipped: Keep to the action box, as a real robot must.
        limit: Largest refined command, as a share of that box around its middle, above 0 and at most 1. A command that
            excites what seems dead may be larger.
    """

    tracks = True

    def __init__(self, flow: ActionFlow, nominal: NominalModel, *, clipped: bool = True, limit: float = 1.0) -> None:
        super().__init__(flow.action)
        self.flow = flow
        self.tracker = RegimeTracker(flow.config.tracking, flow.identifier, nominal, flow.calibration, flow.box)
        self.clipped = clipped
        self._limits = flow.box if clipped else flow.box.scaled(flow.config.field.box_scale)
        self._gentle = self._limits.scaled(limit)
        self._bound = flow.config.tracking.max_correction * self._limits.half
        self._warned = False

    @property
    def regime(self) -> Regime:
        """The regime in force."""
        return self.tracker.regime

    def begin(self) -> None:
        """Forget the regime."""
        self.tracker.reset()

    def refine(self, planned: Array) -> Array:
        """The action to execute for a planned one, float32 [A]."""
        hypothesis = self.tracker.belief.hypothesis
        if not self.regime.active or not hypothesis.correctable:
            return planned.copy()
        action = torch.from_numpy(planned.copy())
        refined = self.corrected(action, hypothesis)
        if not bool(torch.isfinite(refined).all()):
            self._warn()
            return planned.copy()
        bounded = self._gentle.clip(action + torch.clamp(refined - action, -self._bound, self._bound))
        if self.clipped and hypothesis.seems_dead:
            bounded = excited(bounded, self.tracker.excitation, self.flow.box)
        result: Array = self._limits.clip(bounded).numpy().astype(np.float32)
        return result

    @abstractmethod
    def corrected(self, action: Tensor, hypothesis: Hypothesis) -> Tensor:
        """The action [A] that does under a hypothesis what a planned one [A] would do with the nominal body.

        It need neither be bounded nor finite.
        """

    def _warn(self) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                "the refiner gave a correction that is not finite: planned actions are executed unrefined "
                "(said once; fit the flow again if its file is damaged)",
                RuntimeWarning,
                stacklevel=3,
            )

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Take note of one executed transition."""
        self.tracker.observe(observation, executed, change)

    def nominal_command(self, executed: Tensor) -> Tensor:
        """The command that the body executed, according to the context in force."""
        regime = self.regime
        if not regime.active:
            return executed
        return self.flow.identifier.effective(executed.unsqueeze(0), regime.context.unsqueeze(0))[0]

    def authority(self) -> ActionSpec:
        """The range of planned actions that can be attained under the regime; a careful one if none explains."""
        regime, box = self.regime, self.flow.box
        if not self.clipped or not regime.off or regime.delay:
            return self.action
        if regime.active:
            return reachable_spec(self.action, self.tracker.belief.hypothesis.reachable)
        careful = self.flow.identifier.fed_back
        if self.flow.config.tracking.care and not self.tracker.backing_off:  # at half the speed; so not for ever
            careful = list(range(box.size))
        return reachable_spec(self.action, careful_box(careful, box)) if careful else self.action

    def reach(self) -> Reach | None:
        """What the body can do under the regime, where it couples channels."""
        return self.tracker.belief.hypothesis.reach if self.clipped and self.regime.active else None

    def state_dict(self) -> dict[str, Any]:
        """The tracker's evidence, and whether the warning was given; the flow itself is a file of its own."""
        return {"tracker": self.tracker.state_dict(), "said": self._warned}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.tracker.load_state_dict(state["tracker"])
        self._warned = bool(state["said"])
