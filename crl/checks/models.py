"""Whether two tasks are two: their environments behave differently, or are at least made differently.

A short random walk need not meet what makes a task another one: a door that opens the other way is the same until it is
touched. So environments that behave alike are compared part by part. What differs between two environments of one task
(handles, counters) is no difference.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import gymnasium

from crl.sequences import TaskSequence

_OUTER = {"env", "spec", "_cached_spec", "_np_random", "_np_random_seed", "render_mode", "metadata"}
"""What Gymnasium keeps; its ``spec`` holds the arguments, whether they had an effect or not."""


def different_parts(sequence: TaskSequence, one: int, other: int, seed: int) -> list[str]:
    """Names of the parts in which the environments of two tasks differ, after a reset with one seed."""
    first, again, second = (_parts(sequence, index, seed) for index in (one, one, other))
    names = [name for name in first if first[name] == again.get(name)]
    return [name for name in names if first[name] != second.get(name)]


def _parts(sequence: TaskSequence, index: int, seed: int) -> dict[str, bytes]:
    """Every part of an environment and of its wrappers that can be written down."""
    parts: dict[str, bytes] = {}
    with closing(sequence.make(index)) as env:
        env.reset(seed=seed)
        layer: Any = env.env
        while True:
            for name, value in vars(layer).items():
                if name not in _OUTER:
                    _note(parts, name, value)
            if not isinstance(layer, gymnasium.Wrapper):
                return parts
            layer = layer.env


def _note(parts: dict[str, bytes], name: str, value: Any) -> None:
    if name == "task" and isinstance(value, Mapping):
        value = {key: part for key, part in value.items() if key != "name"}
    try:
        parts.setdefault(name, pickle.dumps(value))
    except Exception:  # handles, closures, whatever a simulator keeps
        return
