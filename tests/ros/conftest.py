"""ROS tests: the package is found in the checkout, each test has a domain of its own, and no process outlives it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ros_domain import new_domain

PACKAGE = Path(__file__).resolve().parents[2] / "ros_ws" / "src" / "crl_ros"
sys.path.insert(0, str(PACKAGE))


@pytest.fixture
def package() -> Path:
    """The ROS package's folder."""
    return PACKAGE


@pytest.fixture
def domain(monkeypatch: pytest.MonkeyPatch) -> int:
    """A domain of this test's own, on this machine only; skipped without ROS 2."""
    return _domain(monkeypatch)


@pytest.fixture(scope="module")
def shared_domain() -> Iterator[int]:
    """A domain for all tests of a module."""
    with pytest.MonkeyPatch.context() as patch:
        yield _domain(patch)


def _domain(patch: pytest.MonkeyPatch) -> int:
    pytest.importorskip("rclpy")
    number = new_domain()
    patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    patch.setenv("ROS_DOMAIN_ID", str(number))
    return number
