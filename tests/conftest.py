"""What all tests share: one thread, no display, reproducible property tests, a working folder of their own."""

from __future__ import annotations

import argparse
import os
import signal

# Before anything imports numpy, torch or mujoco: these are read once.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.pop("DISPLAY", None)

# A shell starts what runs in its background deaf to Ctrl-C, and the tests of interruptions would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import torch
from jaxtyping import install_import_hook

import tests.typechecking

hypothesis.settings.register_profile("crl", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.load_profile("crl")

# From here on every call into the rooms of mathematics is checked against its annotations, where it has them.
CHECKED = ["crl.dynamics", "crl.planning", "crl.continual", "crl.agents", "crl.adaptation", "crl.safety"]
install_import_hook(CHECKED, f"{tests.typechecking.__name__}.checked")

STATE = tempfile.TemporaryDirectory(prefix="crl-tests-")
os.environ["XDG_STATE_HOME"] = STATE.name  # where the key of this user is made

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def ordinary_numbers() -> Iterator[None]:
    """Denormal numbers count in every test: a run switches them off for the whole process, not for the next test."""
    torch.set_flush_denormal(False)
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the checkout."""
    return ROOT


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one, so that nothing lands in the checkout's runs/."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option ``--share``."""
    meaning = "Of the slow tests run only every N-th, those of kind K (from 0); others as ever."
    parser.addoption("--share", metavar="K/N", type=share, help=meaning)


def share(text: str) -> tuple[int, int]:
    """A share of the slow tests: its number, and how many there are."""
    kind, _, kinds = text.partition("/")
    if not (kind.isdigit() and kinds.isdigit() and int(kind) < int(kinds)):
        raise argparse.ArgumentTypeError(f"{text!r} is no share: write for instance 0/4, the first of four")
    return int(kind), int(kinds)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the slow tests that are not of the share; which share a test belongs to depends on its name alone."""
    wanted = config.getoption("--share")
    if wanted is None:
        return
    chosen, left = [], []
    for item in items:
        slow = item.get_closest_marker("slow") is not None
        here = not slow or zlib.crc32(item.nodeid.encode()) % wanted[1] == wanted[0]
        (chosen if here else left).append(item)
    items[:] = chosen
    config.hook.pytest_deselected(items=left)
