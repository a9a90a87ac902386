"""The viewer, with a window that only takes notes: there is no display where tests run."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from crl.errors import CrlError
from crl.reporting.replay.live import live
from crl.training.load import load_run
from crl.training.runner import train
from tests import tiny


class Window:
    """Stands for MuJoCo's passive viewer."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.shown, self.open = 0, True

    def is_running(self) -> bool:
        return self.open

    def sync(self) -> None:
        self.shown += 1

    def close(self) -> None:
        self.open = False


def test_no_display_is_said_with_the_hint(tmp_path: Path) -> None:
    train(tiny.settings(tmp_path), tiny.quiet()[0])
    with pytest.raises(CrlError, match=r"no display to open a viewer on[^\n]*\nleave out --live"):
        live(load_run(tmp_path / "run"), 0, 0)


def test_an_environment_without_a_viewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":99")
    train(tiny.settings(tmp_path), tiny.quiet()[0])
    with pytest.raises(CrlError, match=r"slide_0 has no viewer \(it offers: rgb_array\)"):
        live(load_run(tmp_path / "run"), 0, 0)


@pytest.fixture
def cart(tmp_path: Path) -> Path:
    """A run on a cart-pole that is over after a few steps."""
    config = tiny.settings(tmp_path, "budget.steps=[200]", "evaluation.episodes=1", env="cartpole_length", tasks="[4]")
    train(config, tiny.quiet()[0])
    return tmp_path / "run"


def test_every_step_is_shown_in_the_simulators_viewer(cart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    windows: list[Window] = []
    module = ModuleType("mujoco.viewer")

    def launch(*args: Any, **options: Any) -> Window:
        windows.append(Window())
        return windows[-1]

    module.launch_passive = launch  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mujoco.viewer", module)
    monkeypatch.setattr("crl.reporting.replay.live.time.sleep", lambda seconds: None)
    monkeypatch.setenv("DISPLAY", ":99")
    assert live(load_run(cart), 4, 0) is False
    [window] = windows
    assert window.shown == 200
    assert not window.open


def test_a_viewer_that_can_not_be_opened(cart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("mujoco.viewer")

    def launch(*args: Any, **options: Any) -> Window:
        raise RuntimeError("could not initialize GLFW")

    module.launch_passive = launch  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "mujoco.viewer", module)
    monkeypatch.setenv("DISPLAY", ":99")
    with pytest.raises(CrlError, match=r"the viewer can't be opened: RuntimeError: could not initialize GLFW"):
        live(load_run(cart), 4, 0)
