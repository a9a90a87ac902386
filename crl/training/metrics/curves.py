"""Metrics of learning curves: area, Continual World's forward transfer, and plasticity (speed of learning).

A curve holds one score per training episode. An episode's score stands for all its environment steps, so areas are
exact sums and need no interpolation. Formulas and sources: docs/reference/metrics.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Curve:
    """Training scores of one visit of a task.

    Attributes:
        task: Name of the task.
        start: Environment steps of the run before the first episode.
        steps: Environment steps of every episode, each at least 1.
        scores: Score of every episode, such as success (0 or 1) or a normalised return.
    """

    task: str
    start: int
    steps: tuple[int, ...]
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuse what is no curve."""
        if len(self.steps) != len(self.scores) or not self.steps or min(self.steps) < 1:
            raise ValueError(f"{self.task}: a curve needs episodes of at least one step, with one score each")

    @property
    def span(self) -> int:
        """Environment steps of all its training episodes."""
        return sum(self.steps)


def curves(lines: Iterable[Mapping[str, Any]], score: Callable[[Mapping[str, Any]], float]) -> list[Curve]:
    """Learning curves of a run, one per visit, in order.

    Args:
        lines: Lines of kind ``episode`` of a ``metrics.jsonl``: ``task``, ``episode`` (from 1 in every visit),
            ``step`` (environment steps of the run after it) and ``steps`` (its own).
        score: The score of a line.
    """
    visits: list[list[Mapping[str, Any]]] = []
    for line in lines:
        if line["steps"] < 1:
            continue  # a simulator that fails at its first step leaves nothing to score
        before = visits[-1][-1] if visits else None
        if before is None or line["task"] != before["task"] or line["episode"] <= before["episode"]:
            visits.append([])
        visits[-1].append(line)
    return [
        Curve(
            task=str(visit[0]["task"]),
            start=int(visit[0]["step"]) - int(visit[0]["steps"]),
            steps=tuple(int(line["steps"]) for line in visit),
            scores=tuple(float(score(line)) for line in visit),
        )
        for visit in visits
    ]


def area(curve: Curve, span: int | None = None) -> float:
    """Mean score over the first ``span`` environment steps of a curve: 1/span of the integral.

    Args:
        curve: A learning curve.
        span: At most the curve's own, which is the default. Curves of different length are compared over the shorter
            one's: what a task that was mastered early would have reached later is not known.

    Raises:
        ValueError: The curve is shorter than that.
    """
    left = curve.span if span is None else span
    if not 1 <= left <= curve.span:
        raise ValueError(f"{curve.task}: no area over {left} steps of a curve of {curve.span}")
    total, whole = 0.0, left
    for steps, score in zip(curve.steps, curve.scores, strict=True):
        taken = min(steps, left)
        total, left = total + taken * score, left - taken
        if not left:
            break
    return total / whole


def areas(curve: Curve, fresh: Sequence[Curve]) -> tuple[float, float]:
    """Area of a curve, and mean area of a fresh model's curves on the same task, each pair over its common span.

    Raises:
        ValueError: There is no curve of a fresh model.
    """
    if not fresh:
        raise ValueError(f"{curve.task}: no curve of a fresh model to compare with")
    spans = [min(curve.span, other.span) for other in fresh]
    ours = [area(curve, span) for span in spans]
    theirs = [area(other, span) for other, span in zip(fresh, spans, strict=True)]
    return sum(ours) / len(ours), sum(theirs) / len(theirs)


def curve_transfer(curve: Curve, fresh: Sequence[Curve]) -> float | None:
    """Forward transfer of one task (Wolczyk et al. 2021): (AUC - AUC_fresh) / (1 - AUC_fresh).

    Scores must lie in [0, 1]. ``None`` where the fresh model leaves nothing to gain (AUC_fresh = 1).

    Raises:
        ValueError: A score lies outside [0, 1].
    """
    for one in (curve, *fresh):
        if min(one.scores) < 0 or max(one.scores) > 1:
            raise ValueError(f"{one.task}: forward transfer needs scores in [0, 1]")
    ours, theirs = areas(curve, fresh)
    return None if theirs >= 1 else (ours - theirs) / (1 - theirs)


def relative_speed(curve: Curve, fresh: Sequence[Curve]) -> float | None:
    """Plasticity: area of the curve / area of a fresh model's; 1 is as fast, less is slower.

    ``None`` where the fresh model's area is not positive.
    """
    ours, theirs = areas(curve, fresh)
    return None if theirs <= 0 else ours / theirs


def steps_to_reach(curve: Curve, score: float, window: int = 1) -> int | None:
    """Environment steps of training until the mean of the newest ``window`` episodes reaches a score.

    Args:
        curve: A learning curve.
        score: The score to reach.
        window: Episodes of the mean; before there are as many, nothing counts as reached.

    Returns:
        Steps at the end of that episode, or ``None`` if it never happens.
    """
    spent = 0
    for index, steps in enumerate(curve.steps):
        spent += steps
        newest = curve.scores[max(0, index + 1 - window) : index + 1]
        if len(newest) == window and sum(newest) / window >= score:
            return spent
    return None
