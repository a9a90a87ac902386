"""Frames arrive whole and in order, and sending them never waits."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from crl.deployment.frames import ADD, ALARM, HEAD, PAUSE, Frame, FrameSender, pack, unpack


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    far.setblocking(False)
    yield near, far
    near.close()
    far.close()


def received(far: socket.socket, size: int) -> list[Frame]:
    frames = []
    try:
        while data := far.recv(1000):
            frame = unpack(data, size)
            assert frame is not None
            frames.append(frame)
    except BlockingIOError:
        pass
    return frames


@given(
    st.integers(ADD, PAUSE),
    st.integers(0, 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    arrays(np.float32, 7, elements=st.floats(width=32, allow_nan=False, allow_infinity=False)),
)
def test_a_frame_comes_back(kind: int, flag: int, sequence: int, mission: int, values: np.ndarray) -> None:
    data = pack(Frame(kind, flag, sequence, mission, values))
    assert len(data) == HEAD.size + 28
    back = unpack(data, 7)
    assert back is not None
    assert (back.kind, back.flag, back.sequence, back.mission) == (kind, flag, sequence, mission)
    np.testing.assert_array_equal(back.values, values)


@given(st.binary(max_size=100))
def test_no_bytes_harm(data: bytes) -> None:
    frame = unpack(data, 7)
    assert frame is None or (len(data) == HEAD.size + 28 and np.isfinite(frame.values).all())


def test_nothing_is_lost_while_the_receiver_keeps_up(ends: tuple[socket.socket, socket.socket]) -> None:
    sender = FrameSender(ends[0], 3)
    got = []
    for number in range(2000):
        sender.send(ADD, 1, [number, 0, 0], flag=number % 2)
        if number % 50 == 0:
            got += received(ends[1], 3)
    got += received(ends[1], 3)
    assert [frame.values[0] for frame in got] == list(range(2000))
    assert [frame.sequence for frame in got] == list(range(1, 2001))
    assert sender.dropped == 0


def test_a_receiver_that_stands_still_costs_the_oldest_that_wait(ends: tuple[socket.socket, socket.socket]) -> None:
    sender = FrameSender(ends[0], 3, kept=20)
    for number in range(5000):
        sender.send(ADD, 1, [number, 0, 0])
    assert sender.dropped > 0
    got = received(ends[1], 3)
    sender.flush()
    got += received(ends[1], 3)
    assert len(got) + sender.dropped == 5000
    assert [frame.values[0] for frame in got[-20:]] == list(range(4980, 5000))
    sequences = [frame.sequence for frame in got]
    assert sequences == sorted(sequences)
    assert sum(b - a - 1 for a, b in zip(sequences, sequences[1:], strict=False)) == sender.dropped


def test_a_receiver_that_is_gone_is_no_trouble(ends: tuple[socket.socket, socket.socket]) -> None:
    sender = FrameSender(ends[0], 3)
    ends[1].close()
    for _ in range(3):
        sender.send(ALARM, 1)
    assert sender.gone
