"""Which hypothesis is in force: decided from one window, and from what was in force before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from crl.adaptation.identification.transitions import Window
from crl.adaptation.tracking.comparison import SOUND, Comparison, Fit
from crl.adaptation.tracking.context_model import ContextModel
from crl.adaptation.tracking.hypotheses import Delayed, Faulty, Hypothesis, Nominal, hypothesis_from_state
from crl.adaptation.tracking.window import Row, columns
from crl.config.sections.flow import TrackingConfig


@dataclass(frozen=True)
class Belief:
    """What is believed of the body.

    Attributes:
        hypothesis: The hypothesis in force.
        explains: Whether it explains the window, or leaves far less of it than the nominal body does while nothing
            explains it; of the nominal body nobody asks.
        model_error: Model-error allowance of an imperfect hypothesis, a mean square; 0: it explains all.
        mixed: Whether the window may be of two regimes, because a hypothesis explained it and does so no longer, and no
            alarm has cut it yet.
        aside: A proven context that was in force before, kept for the case that its fault has not ended.
    """

    hypothesis: Hypothesis
    explains: bool = False
    aside: Faulty | None = None
    model_error: float = 0.0
    mixed: bool = False

    def retired(self) -> Belief:
        """The same after an alarm: a proven context with information is set aside, and the hypothesis starts again."""
        aside = self.hypothesis.kept() or self.aside
        return replace(self, hypothesis=self.hypothesis.restarted(), aside=aside, mixed=False)

    def state_dict(self) -> dict[str, Any]:
        """The belief as plain data."""
        return {
            "hypothesis": self.hypothesis.state_dict(),
            "explains": self.explains,
            "model_error": self.model_error,
            "mixed": self.mixed,
            "aside": None if self.aside is None else self.aside.state_dict(),
        }

    @classmethod
    def from_state(cls, model: ContextModel, state: Mapping[str, Any]) -> Belief:
        """What :meth:`state_dict` described."""
        aside = None if state["aside"] is None else Faulty.from_state(model, state["aside"])
        hypothesis = hypothesis_from_state(model, state["hypothesis"])
        return cls(
            hypothesis,
            bool(state["explains"]),
            aside,
            float(state.get("model_error", state.get("forgiven", 0.0))),
            bool(state["mixed"]),
        )


def decide(
    belief: Belief, rows: Sequence[Row], model: ContextModel, config: TrackingConfig, *, promising: bool = False
) -> Belief:
    """What to believe of the body that made a window, after something else was believed.

    Args:
        belief: What was believed so far; the body is off nominal.
        rows: The window, at least one transition.
        model: Predicts transitions under contexts, and has the identifier.
        config: Settings of the memory and of the delays to consider.
        promising: Whether the contexts that were found of late have predicted well.
    """
    window = Comparison(rows, model)
    if nominal_explains(belief, window):
        return nominal(belief, model)
    found = identify(belief, rows, model, config.memory)
    delays = [Delayed(model, steps) for steps in range(1, config.delays + 1)]
    return select(belief, found, delays, window, promising=promising)


def identify(belief: Belief, rows: Sequence[Row], model: ContextModel, memory: int) -> Faulty | None:
    """The context that an identifier finds in a window; ``None`` if it is not finite.

    With a memory, what every transition says of it is noted in its row.

    Args:
        belief: What was believed so far; information counts while its hypothesis explains.
        rows: The window.
        model: Has the identifier.
        memory: Transitions over which information fades; 0: nothing is remembered.
    """
    force = belief.hypothesis
    information = force.information if belief.explains else None
    start = force.context if information is not None else None
    estimate = model.identifier.identify(Window.of(*columns(rows)), start, information)
    if memory and estimate.information is not None:
        for index, row in enumerate(rows):
            row.information = estimate.information.of(index)
    context = estimate.context[0]
    if not bool(torch.isfinite(context).all()):
        return None
    return Faulty(model, context, float(estimate.confidence[0]), force.information, proof=force.proof)


def select(
    belief: Belief, found: Faulty | None, delays: Sequence[Delayed], window: Comparison, *, promising: bool = False
) -> Belief:
    """The hypothesis to believe in, among those that are not the nominal one. Nothing is changed.

    The hypothesis in force is replaced by a better one only, because an alarm may be due to a moment that no hypothesis
    explains. For the same reason a context that was set aside is preferred if it explains as much: it has been seen for
    longer. A delay has no parameter to fit. So it is preferred to a context that explains as much, and a context has to
    be better than a delay in force by more than chance.

    Args:
        belief: What was believed so far.
        found: The context that was identified in the window.
        delays: Input delays to consider.
        window: Compares on the window.
        promising: Whether the contexts that were found of late have predicted well.
    """
    force, aside = belief.hypothesis, belief.aside
    held = window.fit(force) if belief.explains or found is None else None
    new = None if found is None else window.fit(found)
    again = None if aside is None else window.fit(aside)
    limit = held.misfit if held is not None and belief.explains else math.inf
    if belief.model_error and held is not None and new is not None and window.share(new) >= window.share(held):
        new = None  # the misfit counts small effects the most, and an imperfect context is judged by the large ones
    least = new.misfit if new is not None else math.inf
    best = held
    if aside is not None and again is not None and again.misfit <= min(least, limit) + window.chance:
        best, limit, aside = replace(again, hypothesis=aside.recalled()), again.misfit, None
    elif least < limit - (window.chance if force.delay else 0.0):
        best, limit = new, least
    assert best is not None
    late = best_delay(delays, window, limit + _favour(best.hypothesis, window.chance))
    if late is not None:
        aside = best.hypothesis.kept() or aside
        best, limit = late, late.misfit
    return judged(belief, best, aside, window, promising=promising)


def judged(belief: Belief, best: Fit, aside: Faulty | None, window: Comparison, *, promising: bool = False) -> Belief:
    """The belief in the best hypothesis: it explains the window, or it helps while nothing does, or neither.

    A turned sign with a dead zone, say, is no gain. The best gain still leaves a tenth of what the nominal body leaves,
    and not to apply it would be to drive the wrong way. The error that it leaves is then taken for usual, so that only
    more than that contradicts it.

    Args:
        belief: What was believed so far.
        best: The hypothesis that was selected.
        aside: A proven context to keep.
        window: Compares on the window.
        promising: Whether the contexts that were found of late have predicted well.
    """
    imperfect = belief.explains and belief.model_error > 0
    perfect = belief.explains and not imperfect
    going_on = perfect and best.misfit < window.worst and window.unsound(best) <= 2 * SOUND
    if going_on or window.convinces(best):
        return Belief(best.hypothesis, True, aside)
    mixed = belief.mixed or perfect
    helps = not mixed and window.helps(best, promising=promising)
    if not best.hypothesis.delay and (helps or (imperfect and not window.fails(best))):
        return Belief(best.hypothesis, True, aside, window.model_error(best))
    return Belief(best.hypothesis, False, aside, mixed=mixed)


def _favour(hypothesis: Hypothesis, chance: float) -> float:
    """By how much the misfit of a delay may exceed that of a hypothesis."""
    if hypothesis.delay:
        return 0.0
    # A window may say too little of a context that is known from more transitions.
    return chance if hypothesis.information is None else -chance


def best_delay(delays: Sequence[Delayed], window: Comparison, limit: float) -> Fit | None:
    """The delay that explains the window best, if its misfit is at most ``limit`` and it convinces."""
    best = None
    for delay in delays:
        fit = window.fit(delay)
        if fit.misfit <= limit and window.convinces(fit):
            best, limit = fit, fit.misfit
    return best


def nominal_explains(belief: Belief, window: Comparison) -> bool:
    """Whether the nominal body could have made the window, and the hypothesis in force explains no more.

    A window may say too little of a context with information from more transitions. The end of its fault is detected
    by a likelihood ratio.
    """
    if not window.is_usual():
        return False
    if not belief.explains:
        return True
    if belief.hypothesis.information is not None:
        return False
    return window.worst - window.fit(belief.hypothesis).misfit <= window.chance


def nominal(belief: Belief, model: ContextModel) -> Belief:
    """The belief in a nominal body, after another one."""
    return Belief(Nominal(model), aside=belief.retired().aside)
