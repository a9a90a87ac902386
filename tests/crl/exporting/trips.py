"""Episodes to send round, and what comes back of them."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from crl.sequences import load_sequence
from crl.training.data.episode import Episode

STEPS = (300, 1, 517)
"""Lengths of the episodes."""


def episodes(lengths: tuple[int, ...] = STEPS, seed: int = 0) -> list[Episode]:
    """Random episodes of a slide; the three actions of a step differ, and the second episode ends for good."""
    rng = np.random.default_rng(seed)
    task = load_sequence("tests.tiny:SLIDES").spec(0)

    def numbers(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return [
        Episode(
            task, 7 + i, numbers(count + 1, 2), numbers(count, 1), numbers(count, 1),
            np.clip(numbers(count, 1), -1, 1), rng.normal(size=count), i == 1,
        )
        for i, count in enumerate(lengths)
    ]  # fmt: skip


def assert_same(read: list[Episode], sent: list[Episode]) -> None:
    """Every field of every episode, to the bit."""
    assert len(read) == len(sent)
    for one, other in zip(read, sent, strict=True):
        for field in fields(Episode):
            ours, theirs = getattr(one, field.name), getattr(other, field.name)
            if isinstance(ours, np.ndarray):
                assert ours.dtype == theirs.dtype, field.name
                np.testing.assert_array_equal(ours, theirs, field.name)
            else:
                assert ours == theirs, field.name
