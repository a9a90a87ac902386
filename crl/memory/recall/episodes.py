"""Which label an episode belongs to, judged after it from its transitions: learning without labels.

While a task is learned its model is still wrong, and wrong in other places after every session. So single transitions
say little, and an episode is judged as a whole: the robust deviation of what a task's model leaves of its changes,
compared with what the model leaves of the transitions that it was learned from (a geometric mean over the dimensions of
a change). In development (pole lengths) this ratio was 0.5 to 1.4 in later episodes of the same task, and 7 to 50 in
the first episode of another one, unless that was hard to tell apart.

The first episodes that follow a new model lead to places that are new to it, and the ratio is large there, too. So the
task that is learned is only doubted once it has settled, which is to say that it has explained an episode, and by what
has been usual for it since. Before that, it keeps what comes, unless a known task explains the episode as well as its
own. An agent that acts by the wrong model may go anywhere: so a task that may be back is judged by the transitions in
the range of what it was learned from, if there are enough of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.continual.access import inferred
from crl.continual.strategy import Labels
from crl.learning.knowledge import Knowledge
from crl.memory.models.regime import robust_scale
from crl.memory.recall.informative import informative
from crl.memory.recall.likelihood import log_likelihood
from crl.types import Transition

EXPLAINED = 4.0
"""Ratio of residuals up to which a task that was left explains an episode."""
SETTLED = 1.5
"""Ratio up to which the task that is learned settles."""
USUAL = 1.5
"""Up to so many times its usual ratio, a settled task is not compared with others."""
DOUBTED = 3.0
"""Beyond so many times its usual ratio, the task that is learned does not explain the episode."""
HABIT = 5
"""Newest episodes of a task that say what is usual."""
FEWEST = 10
"""Informative transitions of an episode, in the range of a label, by which the label can be judged."""
RANGE = 3.0
"""Deviations from the mean of what a model reads that are in its range."""
FINEST = 0.005
"""A level of residuals is at least this share of the deviation of changes: what is less costs nothing."""
LEAST = 1e-3
"""A ratio, and each dimension's, is at least this."""
SAMPLE = 2048
"""Transitions that a level is measured on, at most."""


@dataclass(frozen=True)
class Verdict:
    """What an episode says.

    Attributes:
        label: The label that it belongs to; ``None``: none that is known.
        ratios: The ratio of every label that could be judged.
    """

    label: int | None
    ratios: Mapping[int, float]


class EpisodeJudge:
    """Judges episodes by the models of what was learned.

    Args:
        knowledge: The models, and the transitions of the label that is learned.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._levels: dict[int, Tensor] = {}
        self._habits: dict[int, list[float]] = {}

    def needs(self, told: Labels) -> list[str]:
        """What the strategy needs of tasks beyond what is told."""
        return inferred(self._knowledge.strategy, told)

    def judge(self, transitions: Sequence[Transition], *, changed: bool) -> Verdict:
        """Say which label an episode belongs to.

        Args:
            transitions: The episode, before anything is learned from it.
            changed: Whether it is known that the task changed before it (or may have).

        Returns:
            The verdict; it is the label that is learned where nothing can be said.
        """
        current = self._knowledge.task
        if self._knowledge.normalisers[current].features.count == 0:  # nothing was learned of it yet
            return Verdict(current, {})
        before, action, change = self._informative(*self._tensors(transitions))
        if len(change) < FEWEST:
            return Verdict(current, {})
        levels = {**self._levels, current: self._level(current)}
        residuals = {label: change - self._predicted(label, before, action) for label in levels}
        seen = {label: self._in_range(label, before, action) for label in levels if label != current}
        ratios = {label: _ratio(rows[seen.get(label, ...)], levels[label]) for label, rows in residuals.items()}
        usual = self._usual(current)
        if usual is None and ratios[current] <= SETTLED:
            usual = ratios[current]
        if usual is None and not changed:
            better = [label for label in ratios if ratios[label] <= SETTLED and ratios[label] < ratios[current]]
            return Verdict(min(better, key=lambda label: ratios[label], default=current), ratios)
        if usual is not None and ratios[current] <= USUAL * usual and not changed:
            self._get_used_to(current, ratios[current])
            return Verdict(current, ratios)
        limits = {**dict.fromkeys(levels, EXPLAINED), **({current: DOUBTED * usual} if usual is not None else {})}
        explaining = [label for label in ratios if ratios[label] <= limits[label]]
        if not explaining:
            return Verdict(None, ratios)
        unit = torch.stack([levels[label] for label in explaining]).amax(dim=0)
        likelihood = {label: float(log_likelihood(residuals[label] / unit).sum()) for label in explaining}
        best = max(explaining, key=lambda label: likelihood[label])
        if best == current:
            self._get_used_to(current, ratios[current])
        return Verdict(best, ratios)

    def _usual(self, label: int) -> float | None:
        """The usual ratio of a label; ``None`` if it has not settled."""
        habit = self._habits.get(label)
        return math.exp(sum(habit) / len(habit)) if habit else None

    def _get_used_to(self, label: int, ratio: float) -> None:
        self._habits[label] = [*self._habits.get(label, []), math.log(max(ratio, LEAST))][-HABIT:]

    def settled(self, label: int) -> bool:
        """Whether a label has explained an episode."""
        return label in self._habits

    def drop(self, label: int) -> None:
        """Judge by a label no more: it was a known one."""
        self._levels.pop(label, None)

    def leave(self) -> None:
        """Note how well the label that is learned is known, before another one is."""
        current = self._knowledge.task
        if self._knowledge.normalisers[current].features.count:
            self._levels[current] = self._level(current)

    def _level(self, label: int) -> Tensor:
        """Robust deviation [D] of what the model of the label that is learned leaves of its transitions."""
        buffer = self._knowledge.buffer
        rows = torch.linspace(0, len(buffer) - 1, min(len(buffer), SAMPLE)).long()
        observation, action, after = (part[rows] for part in buffer.tensors(self._knowledge.device))
        before, action, change = self._informative(observation, action, after)
        least = FINEST * self._knowledge.task_model(label).scale
        if label in self._levels:  # it is back, with few transitions so far
            least = torch.maximum(least, self._levels[label])
        if not len(change):
            return least
        return torch.maximum(robust_scale(change - self._predicted(label, before, action)), least)

    def _in_range(self, label: int, before: Tensor, action: Tensor) -> Tensor:
        """Which transitions are in a label's range, bool [N]; all, if those are too few."""
        inside = (self._knowledge.task_model(label).read(before, action).abs() <= RANGE).all(dim=-1)
        return inside if int(inside.sum()) >= FEWEST else torch.ones_like(inside)

    def _predicted(self, label: int, before: Tensor, action: Tensor) -> Tensor:
        return self._knowledge.task_model(label).predict(before, action)

    def _tensors(self, transitions: Sequence[Transition]) -> tuple[Tensor, Tensor, Tensor]:
        names = ("observation", "executed", "next_observation")
        made = (torch.stack([torch.as_tensor(getattr(row, name)) for row in transitions]) for name in names)
        observation, action, after = (part.to(self._knowledge.device) for part in made)
        return observation, action, after

    def _informative(self, observation: Tensor, action: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Observations, actions and changes of the transitions that tell tasks apart."""
        features = self._knowledge.model.features
        change = features.change(observation, after)
        kept = informative(features, change)
        return observation[kept], action[kept], change[kept]

    # ------------------------------------------------------------------ persistence
    def state_dict(self) -> dict[str, Any]:
        """Levels of the labels that were left, and the usual ratios of those that have settled."""
        return {
            "levels": {label: level.clone() for label, level in self._levels.items()},
            "habits": {label: list(habit) for label, habit in self._habits.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        size = self._knowledge.model.features.changes
        like = torch.zeros(size, device=self._knowledge.device)
        self._levels = {
            int(label): restoring.tensor(level, f"levels/{label}", like) for label, level in state["levels"].items()
        }
        self._habits = {label: list(habit) for label, habit in state["habits"].items()}


def _ratio(residuals: Tensor, level: Tensor) -> float:
    """Geometric mean over the dimensions of residuals [N, D] in levels [D]."""
    return float((robust_scale(residuals) / level).clamp_min(LEAST).log().mean().exp())
