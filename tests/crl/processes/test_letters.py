"""Letters of any size arrive to the bit, nobody waits, and no descriptor is left."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
import torch

from crl.processes.letters import LetterError, receive, send
from crl.reading.states import UnsupportedStateError
from tests.crl.deployment.driving import descriptors

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    one.setblocking(False)
    other.setblocking(False)
    with one, other:
        yield one, other


def test_a_state_arrives_as_it_was_sent(pair: Pair) -> None:
    before = descriptors()
    matrix = torch.randn(3, 5)
    state = {"a": matrix, 7: [torch.zeros(0, 4), None, -0.0, (1, "x")], "nan": float("nan")}
    assert send(pair[0], state)
    found = receive(pair[1])
    assert torch.equal(found["a"], matrix)
    assert found[7][0].shape == (0, 4)
    assert found[7][1:] == [None, -0.0, (1, "x")]
    assert found["nan"] != found["nan"]
    assert descriptors() == before


def test_a_letter_may_be_much_larger_than_what_the_socket_holds(pair: Pair) -> None:
    large = torch.randn(4_000_000)
    assert send(pair[0], [large])
    assert torch.equal(receive(pair[1])[0], large)


def test_who_reads_does_not_wait_and_sees_the_end(pair: Pair) -> None:
    with pytest.raises(BlockingIOError):
        receive(pair[1])
    pair[0].close()
    with pytest.raises(EOFError):
        receive(pair[1])


def test_who_writes_does_not_wait_and_sees_that_nobody_reads(pair: Pair) -> None:
    before = descriptors()
    sent = 0
    while send(pair[0], [sent]):
        sent += 1
        assert sent < 100_000
    assert [receive(pair[1])[0] for _ in range(sent)] == list(range(sent))
    assert descriptors() == before
    pair[1].close()
    assert not send(pair[0], [0])


def test_what_is_no_letter_is_named(pair: Pair) -> None:
    before = descriptors()
    pair[0].send(b"hello")
    with pytest.raises(LetterError, match="hello"):
        receive(pair[1])
    for content in (b"", b"letter", b"\xff" * 64):
        descriptor = os.memfd_create("test")
        os.write(descriptor, content)
        socket.send_fds(pair[0], [b"letter"], [descriptor])
        os.close(descriptor)
        with pytest.raises(LetterError, match="no letter"):
            receive(pair[1])
    assert descriptors() == before


def test_what_has_no_exact_form_is_not_sent(pair: Pair) -> None:
    with pytest.raises(UnsupportedStateError, match="object"):
        send(pair[0], {"x": object()})
