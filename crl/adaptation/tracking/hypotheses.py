"""Hypotheses about the body: nominal, faulty under a context, or nominal with delayed input.

Each gives the residuals of transitions under it. What follows from its context (the authority that the context leaves,
what the flow reads of it) is computed when it is first asked for, and kept with the hypothesis.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from crl.adaptation.authority import Reach, reachable_box, seems_dead
from crl.adaptation.box import Box
from crl.adaptation.identification.identifier import Information
from crl.adaptation.tracking.context_model import ContextModel
from crl.adaptation.tracking.window import Row, nominal_residuals

MOST, PROVEN = 5.0, 25.0
"""A hypothesis proves itself by transitions that it was not fitted to: when their likelihood exceeds the nominal body's
by ``PROVEN`` nats, of which one transition counts ``MOST`` at the most."""


class Hypothesis(ABC):
    """What may be true of the body now.

    Args:
        model: Predicts transitions under contexts.
        context: The context, [C]; the nominal one by default.
        proof: See below.

    Attributes:
        off: Whether the body is off nominal.
        context: The context. It does not change.
        confidence: How far the data support the context, in [0, 1].
        delay: Control steps by which commands are late.
        information: What transitions that have left the window say of the context, if they are remembered.
        proof: Log-likelihood (nats) by which it has predicted transitions better than the nominal body does, bounded.
    """

    off = True

    def __init__(self, model: ContextModel, context: Tensor | None = None, *, proof: float = 0.0) -> None:
        self._model = model
        self.context = model.identifier.nominal.clone() if context is None else context
        self.confidence = 0.0
        self.delay = 0
        self.information: Information | None = None
        self.proof = proof

    @abstractmethod
    def residuals(self, rows: Sequence[Row]) -> Tensor:
        """Normalised residuals of transitions under the hypothesis, [N, D]."""

    def residual(self, row: Row) -> tuple[Tensor, Tensor]:
        """Normalised residual of one transition under the hypothesis, [D], and its model-error allowance, []."""
        residuals = self.residuals([row])
        return residuals[0], self._model.error_allowance(residuals, row.nominal.unsqueeze(0))[0]

    @abstractmethod
    def restarted(self) -> Hypothesis:
        """The same after an alarm: without what was remembered and proved before it."""

    def kept(self) -> Faulty | None:
        """What is worth keeping of it when it is no longer in force: a context that is proven and remembered."""
        return None

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """The hypothesis as plain data."""

    @property
    def proven(self) -> bool:
        """Whether it has predicted well."""
        return self.proof >= PROVEN

    def credit(self, gain: float) -> None:
        """Take note of the log-likelihood by which it predicted one transition better than the nominal body does."""
        self.proof = min(max(self.proof + min(max(gain, -MOST), MOST), 0.0), 2 * PROVEN)

    def remember(self, row: Row, memory: int) -> bool:
        """Add a transition that leaves the window to the information.

        Args:
            row: The transition.
            memory: Transitions over which information fades; 0: nothing is remembered.

        Returns:
            Whether it was added.
        """
        del row, memory
        return False

    @cached_property
    def features(self) -> Tensor:
        """What the flow reads of the context, [F]."""
        return self._model.identifier.features(self.context)

    @cached_property
    def correctable(self) -> bool:
        """Whether the flow can tell the context from the nominal one; of a slow response alone it cannot."""
        return not torch.equal(self.features, self._model.nominal_features)

    @cached_property
    def reachable(self) -> Box:
        """The smallest box around the nominal commands that are reachable."""
        return reachable_box(self._model.identifier, self.context, self._model.box)

    @cached_property
    def reach(self) -> Reach | None:
        """The nominal commands that are reachable, where channels are coupled."""
        return Reach.of(self._model.identifier, self.context, self._model.box)

    @cached_property
    def seems_dead(self) -> bool:
        """Whether the context leaves an element of the action without effect."""
        return seems_dead(self.reachable, self._model.box)


class Nominal(Hypothesis):
    """The body is nominal."""

    off = False

    def residuals(self, rows: Sequence[Row]) -> Tensor:
        """See :class:`Hypothesis`."""
        return nominal_residuals(rows)

    def residual(self, row: Row) -> tuple[Tensor, Tensor]:
        """See :class:`Hypothesis`; nothing is allowed for, since the calibration has the nominal model's errors."""
        return row.nominal, torch.zeros((), dtype=row.nominal.dtype)

    def restarted(self) -> Hypothesis:
        """See :class:`Hypothesis`: after an alarm the body is faulty, and its context is not known yet."""
        return Faulty(self._model, self.context)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Hypothesis`."""
        return {"kind": "nominal"}


class Faulty(Hypothesis):
    """The body does with commands what a context says.

    Args:
        model: Predicts transitions under contexts.
        context: The context, [C]; the nominal one stands for a fault of which nothing is known yet.
        confidence: How far the data support it.
        information: What transitions that have left the window say of it.
        proof: See :class:`Hypothesis`.
    """

    def __init__(
        self,
        model: ContextModel,
        context: Tensor,
        confidence: float = 0.0,
        information: Information | None = None,
        *,
        proof: float = 0.0,
    ) -> None:
        super().__init__(model, context, proof=proof)
        self.confidence = confidence
        self.information = information

    def residuals(self, rows: Sequence[Row]) -> Tensor:
        """See :class:`Hypothesis`."""
        return self._model.residuals(self.context, rows)

    def restarted(self) -> Hypothesis:
        """See :class:`Hypothesis`."""
        return Faulty(self._model, self.context, self.confidence)

    def kept(self) -> Faulty | None:
        """See :class:`Hypothesis`."""
        return self if self.information is not None and self.proven else None

    def recalled(self) -> Faulty:
        """The same, in force again after it was set aside."""
        return Faulty(self._model, self.context, self.confidence, self.information, proof=PROVEN)

    def remember(self, row: Row, memory: int) -> bool:
        """See :class:`Hypothesis`; only a proven context is worth it."""
        if row.information is None or memory <= 0 or not self.proven:
            return False
        before = self.information
        self.information = row.information if before is None else row.information.plus(before.faded(1 - 1 / memory))
        return True

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Hypothesis`."""
        return {
            "kind": "faulty",
            "context": self.context.clone(),
            "confidence": self.confidence,
            "information": None if self.information is None else asdict(self.information),
            "proof": self.proof,
        }

    @classmethod
    def from_state(cls, model: ContextModel, state: Mapping[str, Any]) -> Faulty:
        """What :meth:`state_dict` described."""
        information, context = Information.from_state(state["information"]), state["context"].clone()
        return cls(model, context, float(state["confidence"]), information, proof=float(state["proof"]))


class Delayed(Hypothesis):
    """The body is nominal, and its commands are late.

    Args:
        model: Predicts transitions under contexts.
        steps: The delay, in control steps, from 1 to ``flow.tracking.delays``.
        proof: See :class:`Hypothesis`.
    """

    def __init__(self, model: ContextModel, steps: int, *, proof: float = 0.0) -> None:
        super().__init__(model, proof=proof)
        self.delay = steps

    def residuals(self, rows: Sequence[Row]) -> Tensor:
        """See :class:`Hypothesis`."""
        return torch.stack([row.delayed[self.delay - 1] for row in rows])

    def restarted(self) -> Hypothesis:
        """See :class:`Hypothesis`."""
        return Delayed(self._model, self.delay)

    def state_dict(self) -> dict[str, Any]:
        """See :class:`Hypothesis`."""
        return {"kind": "delayed", "steps": self.delay, "proof": self.proof}


def hypothesis_from_state(model: ContextModel, state: Mapping[str, Any]) -> Hypothesis:
    """The hypothesis that ``state_dict`` described."""
    if state["kind"] == "faulty":
        return Faulty.from_state(model, state)
    if state["kind"] == "delayed":
        return Delayed(model, int(state["steps"]), proof=float(state["proof"]))
    return Nominal(model)
