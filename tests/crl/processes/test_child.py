"""A child is told what it needs, and is gone when it is closed."""

from __future__ import annotations

import pytest

from crl.processes.child import ChildProcess
from tests.crl.deployment.driving import descriptors, ended, wait

ECHO = "tests.crl.processes.echo"


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch, repository: object) -> None:
    """A child imports nothing of the folder that it was started in."""
    monkeypatch.setenv("PYTHONPATH", str(repository))


def test_a_child_has_its_end_of_the_socket_one_thread_and_its_arguments() -> None:
    child = ChildProcess(ECHO, {"number": 7}, ("--loud",))
    try:
        assert child.end.recv(100) == b"7 True True 1"
        assert child.alive
    finally:
        child.close()
    assert not child.alive


def test_closing_leaves_neither_a_process_nor_a_descriptor() -> None:
    before = descriptors()
    child = ChildProcess(ECHO, {"number": 7})
    child.close()
    child.close()
    assert ended(child.pid)
    assert descriptors() == before


def test_a_child_sees_the_end_of_the_stream() -> None:
    child = ChildProcess(ECHO, {"number": 7})
    child.end.recv(100)
    child.end.close()
    wait(lambda: not child.alive)
    child.close()


def test_a_child_that_ends_by_itself_is_not_alive() -> None:
    child = ChildProcess("tests.crl.processes.not_there")
    try:
        wait(lambda: not child.alive)
    finally:
        child.close()
