"""Which fields of an observation a replay shows: those that the reward depends on most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crl.reporting.replay.recorded_episode import RecordedEpisode
from crl.types import WIDTH, Array

ON_THE_MAP = ("position", "goal", "fixed", "command")
"""Roles of fields that a map, or the bars of actions, show better."""


@dataclass(frozen=True)
class ShownField:
    """A field that is shown: its name, unit, place in the observation and range over the episode."""

    name: str
    unit: str
    at: int
    angle: bool
    low: float
    high: float


def shown_fields(episodes: Sequence[RecordedEpisode], count: int) -> list[ShownField]:
    """The fields that matter most, most important first.

    A field matters as much as the reward of the episode's transitions changes when the field of the next observation is
    moved by its deviation over the episode. Where the reward says nothing, the fields come in their order. A field that
    stands still is left out, and so are those that a map shows.

    Args:
        episodes: Episodes of tasks with the same fields; all of them are shown the same fields on the same scale.
        count: Most fields.
    """
    recorded = episodes[0]
    seen = np.concatenate([one.observations() for one in episodes])
    spread = seen.std(axis=0)
    matters = np.mean([_sensitivity(one, spread) for one in episodes], axis=0)
    has_map = map_axes(recorded) is not None
    candidates = []
    for field, at in zip(recorded.spec.observation.fields, recorded.spec.observation.offsets(), strict=True):
        hidden = has_map and field.role in ON_THE_MAP and not (field.role == "position" and field.name == "z")
        if WIDTH[field.kind] > 1 or hidden or spread[at] < 1e-6:
            continue
        candidates.append((-float(matters[at]), at, field))
    chosen = sorted(candidates, key=lambda item: item[:2])[:count]
    return [_shown(field.name, field.unit, at, field.kind == "angle", seen[:, at]) for _, at, field in chosen]


def map_axes(recorded: RecordedEpisode) -> tuple[int, int] | None:
    """Places of x and y in the observation of a body that moves over a map, or ``None``."""
    offsets = recorded.spec.observation.offsets()
    fields = recorded.spec.observation.fields
    found = [at for field, at in zip(fields, offsets, strict=True) if field.role == "position"]
    return (found[0], found[1]) if len(found) >= 2 else None


def heading_at(recorded: RecordedEpisode) -> int | None:
    """Place of the heading in the observation, or ``None``."""
    offsets = recorded.spec.observation.offsets()
    fields = zip(recorded.spec.observation.fields, offsets, strict=True)
    return next((at for field, at in fields if field.role == "heading"), None)


def _sensitivity(recorded: RecordedEpisode, spread: Array) -> Array:
    """Mean change of the reward when an element of the next observation moves by its deviation, [S]."""
    steps = [moment.transition for moment in recorded.moments if moment.transition is not None]
    matters = np.zeros_like(spread)
    if not steps:
        return matters
    if "reward" in recorded.spec.learned:
        return matters
    before = np.stack([step.observation for step in steps])
    actions = np.stack([step.executed for step in steps])
    after = np.stack([step.next_observation for step in steps])
    with np.errstate(all="ignore"):
        usual = np.asarray(recorded.spec.reward(before, actions, after), dtype=np.float64)
        for index in range(len(spread)):
            moved = after.copy()
            moved[:, index] += spread[index]
            change = np.abs(np.asarray(recorded.spec.reward(before, actions, moved)) - usual)
            matters[index] = float(np.nan_to_num(change).mean())
    return matters


def _shown(name: str, unit: str, at: int, angle: bool, values: Array) -> ShownField:
    low, high = float(values.min()), float(values.max())
    margin = 0.08 * max(high - low, 1e-6)
    return ShownField(name, unit, at, angle, low - margin, high + margin)
