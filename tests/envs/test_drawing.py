"""How MuJoCo draws: what is asked for, what is there, and one line where they don't meet."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from crl_envs import drawing

EVERYTHING = ("EGL", "OSMesa", "OpenGL", "libGL")


def choose(monkeypatch: pytest.MonkeyPatch, asked: str | None, there: tuple[str, ...], *, display: bool = False) -> str:
    """What becomes of ``MUJOCO_GL`` on a machine with some libraries."""
    monkeypatch.setattr(drawing, "can_load", lambda library: any(name in library for name in there))
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0") if display else monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("MUJOCO_GL", raising=False) if asked is None else monkeypatch.setenv("MUJOCO_GL", asked)
    drawing.choose()
    return os.environ.get("MUJOCO_GL", "not set")


@pytest.fixture(autouse=True)
def chosen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "_reason", None)


@pytest.mark.parametrize("asked", [None, "", " ", "egl", "EGL"])
@pytest.mark.parametrize(
    ("there", "chosen"), [(EVERYTHING, "egl"), (("OSMesa",), "osmesa"), (("EGL",), "egl"), ((), "off")]
)
@pytest.mark.filterwarnings("ignore:no pictures")
def test_egl_then_osmesa_then_nothing(
    asked: str | None, there: tuple[str, ...], chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(monkeypatch, asked, there) == chosen


@pytest.mark.parametrize("asked", ["osmesa", "glfw", "off"])
def test_what_a_user_has_chosen_and_works_stays(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose(monkeypatch, asked, EVERYTHING, display=True) == asked
        assert choose(monkeypatch, None, EVERYTHING, display=True) == "not set"
        assert choose(monkeypatch, None, ()) == "off", "nobody asked for pictures: it is said when there should be one"


@pytest.mark.parametrize(
    ("asked", "there", "expected"),
    [
        ("osmesa", ("EGL",), "MUJOCO_GL=osmesa, but OSMesa is not installed; unset MUJOCO_GL (EGL is here), or "),
        ("osmesa", (), "MUJOCO_GL=osmesa, but OSMesa is not installed; on Debian or Ubuntu: apt-get install -y "),
        ("glfw", EVERYTHING, "MUJOCO_GL=glfw, but there is no display; unset MUJOCO_GL (EGL is here)"),
        ("1", EVERYTHING, "MUJOCO_GL=1, but there is no display"),
        ("nonsense", EVERYTHING, "MUJOCO_GL=nonsense, but that is none of egl, osmesa, glfw and off; unset MUJOCO_GL"),
        ("egl", (), "MUJOCO_GL=egl, but neither EGL nor OSMesa is installed; on Debian or Ubuntu: apt-get install"),
    ],
)
def test_one_line_names_the_variable_and_all_else_works(
    asked: str, there: tuple[str, ...], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.warns(UserWarning, match="no pictures and no films") as said:
        assert choose(monkeypatch, asked, there) == "off"
    [line] = [str(warning.message) for warning in said]
    assert expected in line and "\n" not in line
    assert drawing.why_not(RuntimeError("no such attribute")) in line, "the same reason when a picture is asked for"


def test_advice_names_what_is_really_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    choose(monkeypatch, None, ("EGL", "libGL"))
    assert drawing.why_not(RuntimeError("no device")).endswith("--no-install-recommends libopengl0 libgl1-mesa-dri")
    choose(monkeypatch, "off", EVERYTHING)
    assert drawing.why_not(RuntimeError()) == "MUJOCO_GL=off switches it off; unset MUJOCO_GL (EGL is here)"
    choose(monkeypatch, "egl", EVERYTHING)
    monkeypatch.setenv("PYOPENGL_PLATFORM", "osmesa")
    assert drawing.why_not(RuntimeError()) == "PYOPENGL_PLATFORM=osmesa contradicts MUJOCO_GL=egl: unset it"


def test_a_machine_without_osmesa_trains_all_the_same(tmp_path: Path) -> None:
    """In a process of its own: MuJoCo's import ends with an AttributeError there."""
    program = """
import ctypes
load = ctypes.CDLL.__init__
def without(self, name, *args, **kwargs):
    if name and "OSMesa" in str(name):
        raise OSError("a library that is not there")
    load(self, name, *args, **kwargs)
ctypes.CDLL.__init__ = without
import gymnasium
env = gymnasium.make("crl_envs:crl/CartPoleLength-v0", render_mode="rgb_array")
env.reset(seed=0)
env.step(env.action_space.sample())
try:
    env.render()
except RuntimeError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "MUJOCO_GL": "osmesa"},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert "MuJoCo can't draw on this machine: MUJOCO_GL=osmesa, but OSMesa is not installed" in done.stdout
    assert "no pictures and no films: MUJOCO_GL=osmesa" in done.stderr
