"""A reader never takes half-written weights, and whatever kills the writer, the last good ones stay."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from crl.deployment.shared_weights import COUNTERS, SharedWeights, SharedWeightsError
from tests.crl.deployment.driving import descriptors

WRITER = "tests.crl.deployment.killed_writer"
WAIT = 60.0


@contextmanager
def shared(size: int) -> Iterator[tuple[SharedWeights, int]]:
    memory, descriptor = SharedWeights.create(size)
    try:
        yield memory, descriptor
    finally:
        memory.close()
        os.close(descriptor)


def publish(memory: SharedWeights, version: int, size: int = 100) -> None:
    weights = np.full(size, version, dtype=np.float32)
    assert memory.publish(weights, mission=version % 7, steps=version, loss=0.5 * version)


def check(memory: SharedWeights, after: int = 0) -> int:
    """Whatever is read is whole: all numbers belong to one version, a newer one than asked for."""
    found = memory.read(after)
    if found is None:
        return 0
    assert found.version > after
    assert found.weights.shape == (memory.size,)
    assert set(np.unique(found.weights).tolist()) == {float(found.version)}
    assert (found.mission, found.steps, found.loss) == (found.version % 7, found.version, 0.5 * found.version)
    return found.version


def writer(descriptor: int, size: int, count: int) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", WRITER, str(descriptor), str(size), str(count)]
    return subprocess.Popen(words, pass_fds=(descriptor,))


def test_what_is_published_is_read() -> None:
    with shared(5) as (memory, _):
        assert memory.newest() == 0
        assert memory.read() is None
        assert memory.publish(np.arange(5, dtype=np.float32), mission=3, steps=12, loss=-1.5)
        found = memory.read()
        assert found is not None
        np.testing.assert_array_equal(found.weights, np.arange(5))
        assert (found.version, found.mission, found.steps, found.loss) == (1, 3, 12, -1.5)
        assert memory.read(after=1) is None
        memory.count(steps=7, refused=2)
        assert memory.counters() == {**dict.fromkeys(COUNTERS, 0), "steps": 7, "refused": 2}
        assert memory.newest() == 1  # counters are elsewhere


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_never_published(bad: float) -> None:
    with shared(100) as (memory, _):
        publish(memory, 1)
        weights = np.zeros(100, dtype=np.float32)
        weights[57] = bad
        assert not memory.publish(weights, mission=0, steps=0, loss=0.0)
        assert check(memory) == 1


@given(
    st.lists(st.tuples(st.integers(0, 255), st.floats(0, 1, exclude_max=True)), min_size=1, max_size=20),
    st.integers(1, 5),
)
def test_garbage_in_the_memory_is_never_taken(garbage: list[tuple[int, float]], published: int) -> None:
    """Bytes changed anywhere: what is read is one of the published versions, whole, or nothing."""
    with shared(30) as (memory, descriptor):
        for version in range(1, published + 1):
            publish(memory, version, 30)
        total = os.fstat(descriptor).st_size
        for value, where in garbage:
            os.pwrite(descriptor, bytes([value]), int(where * total))
        assert check(memory) in (0, published - 1, published)
        # And the next publication is taken again, unless a version was made huge by the garbage.
        if memory.newest() == published:
            publish(memory, published + 1, 30)
            assert check(memory) == published + 1


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_writer_killed_in_the_middle_of_a_write_leaves_the_last_good_weights(count: int) -> None:
    """At each of the writes of a publication, half-way: clearing the record, weights, record, version."""
    with shared(1000) as (memory, descriptor):
        process = writer(descriptor, 1000, count)
        assert process.wait(WAIT) == -signal.SIGKILL
        # Half of the last write, the version, is all of a number this small: then the new weights are there.
        left = 3 if count == 4 else 2
        assert check(memory) == left
        publish(memory, left + 1, 1000)
        assert check(memory) == left + 1


def test_a_reader_beside_a_writer_sees_whole_weights_that_never_get_older() -> None:
    size = 30_000
    with shared(size) as (memory, descriptor):
        process = writer(descriptor, size, 0)
        try:
            taken = latest = 0
            end = time.monotonic() + WAIT
            while taken < 300:
                assert time.monotonic() < end
                if version := check(memory, latest):
                    taken, latest = taken + 1, version
        finally:
            process.kill()
            process.wait(WAIT)
        assert check(memory) >= latest - 1


@pytest.mark.parametrize("seed", range(5))
def test_a_writer_killed_at_any_time_leaves_good_weights(seed: int) -> None:
    size = 200_000
    with shared(size) as (memory, descriptor):
        process = writer(descriptor, size, 0)
        try:
            end = time.monotonic() + WAIT
            while memory.newest() < 3 + random.Random(seed).randrange(5):
                assert time.monotonic() < end
        finally:
            process.kill()
            process.wait(WAIT)
        assert check(memory) >= 2


def test_memory_of_another_size_or_kind_is_refused() -> None:
    with shared(10) as (_, descriptor):
        with pytest.raises(SharedWeightsError, match="instead of"):
            SharedWeights(descriptor, 100_000)
        os.pwrite(descriptor, b"x", 0)
        with pytest.raises(SharedWeightsError, match="holds no weights"):
            SharedWeights(descriptor, 10)


def test_no_writer_can_take_the_memory_away() -> None:
    """Else reading it would be a bus error."""
    with shared(10) as (_, descriptor), pytest.raises(PermissionError):
        os.ftruncate(descriptor, 0)


def test_nothing_is_left_behind() -> None:
    def held() -> tuple[set[str], int, set[Path]]:
        return descriptors(), threading.active_count(), set(Path("/dev/shm").iterdir())

    before = held()
    for _ in range(50):
        with shared(1000) as (memory, _):
            publish(memory, 1, 1000)
    assert held() == before
