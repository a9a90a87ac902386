"""The command ``crl bench`` without ROS 2."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest
from typer.testing import CliRunner

from crl.cli import app
from crl.commands.checking import bench
from crl.errors import CrlError


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    real = importlib.util.find_spec

    def find(name: str, package: Any = None) -> Any:
        return None if name in names else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


def test_without_ros_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "rclpy")
    done = CliRunner().invoke(app, ["bench", "ros", "--seconds", "5"])
    assert done.exit_code == 2
    assert "pip install 'crl[ros]'" in done.output + done.stderr


def test_the_package_is_found_in_a_checkout_and_asked_for_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    pytest.importorskip("rclpy")
    without(monkeypatch, "crl_ros")
    assert "ros_ws/src/crl_ros" in bench._environment()["PYTHONPATH"]
    monkeypatch.setattr(bench, "__file__", str(tmp_path / "crl" / "commands" / "bench.py"))
    with pytest.raises(CrlError, match=r"pip install \./ros_ws/src/crl_ros"):
        bench._environment()
