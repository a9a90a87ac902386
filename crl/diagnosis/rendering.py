"""Pictures without a display: EGL and OSMesa really tried, each in a process of its own; and displays."""

from __future__ import annotations

import os
from typing import Any

from crl.diagnosis.finding import Finding
from crl.diagnosis.probe import Told, probe
from crl.errors import EGL_PACKAGES, OSMESA_PACKAGES

SUBJECT = "rendering"
WINDOWS = ("glfw", "glx", "enable", "enabled", "on", "true", "1")
OFF = ("disable", "disabled", "off", "false", "0")
KNOWN = ("egl", "osmesa", *WINDOWS, *OFF)
"""Values of ``MUJOCO_GL`` that MuJoCo knows on Linux."""
_DRAW = """
import mujoco
scene = (
    '<mujoco><worldbody><light pos="0 0 3"/>'
    '<geom type="sphere" size=".5" rgba="1 0 0 1"/></worldbody></mujoco>'
)
model = mujoco.MjModel.from_xml_string(scene)
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = mujoco.Renderer(model, height=48, width=64)
renderer.update_scene(data)
picture = renderer.render()
try:
    from OpenGL import GL
    device = GL.glGetString(GL.GL_RENDERER).decode()
except Exception:
    device = ""
tell({"spread": float(picture.std()), "device": device})
renderer.close()
"""


def rendering() -> list[Finding]:
    """Findings on EGL, OSMesa, the choice in ``MUJOCO_GL`` and the display."""
    tried = {name: _draw(name) for name in ("egl", "osmesa")}
    working = [name for name, told in tried.items() if _works(told)]
    egl, osmesa = (_backend(name, told, working) for name, told in tried.items())
    return [egl, osmesa, _choice(working), _display()]


def _draw(backend: str) -> Told:
    # PyOpenGL has a variable of its own, which would contradict the one that is tried.
    return probe(_DRAW, {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": None})


def _works(told: Told) -> bool:
    return bool(told.values) and told.values[0]["spread"] > 1


def _backend(name: str, told: Told, working: list[str]) -> Finding:
    title, packages = ("EGL", EGL_PACKAGES) if name == "egl" else ("OSMesa", OSMESA_PACKAGES)
    if _works(told):
        seen: dict[str, Any] = told.values[0]
        said = f"draws{', with ' + seen['device'] if seen['device'] else ''}"
        if told.trouble is not None:
            return Finding(SUBJECT, title, "warning", f"{said}, but then: {told.trouble}")
        return Finding(SUBJECT, title, "ok", said)
    reason = told.trouble or "its pictures are empty"
    if "glGetError" in reason:  # how PyOpenGL says that there is no such library
        reason = "its library is not installed"
    hint = f"on Debian or Ubuntu: apt-get install -y --no-install-recommends {' '.join(packages)}"
    if working:  # one of the two is enough
        if name == "egl":
            hint = f"nothing, if `export MUJOCO_GL=osmesa` is set (slower); or {hint}"
        return Finding(SUBJECT, title, "absent", reason, hint)
    return Finding(SUBJECT, title, "warning", f"{reason}; no videos", hint)


def _choice(working: list[str]) -> Finding:
    chosen = os.environ.get("MUJOCO_GL", "").strip()
    platform = os.environ.get("PYOPENGL_PLATFORM", "").lower()
    if not chosen:
        said = "not set: crl takes EGL, else OSMesa, where there is no display"
        return Finding(SUBJECT, "MUJOCO_GL", "ok", said)
    if chosen.lower() not in KNOWN:
        said = f"{chosen} is none of egl, osmesa, glfw and off: no videos"
        return Finding(SUBJECT, "MUJOCO_GL", "warning", said, "unset MUJOCO_GL")
    if chosen.lower() in ("egl", "osmesa") and platform not in ("", chosen.lower()):
        said = f"{chosen}, which PYOPENGL_PLATFORM={platform} contradicts"
        return Finding(SUBJECT, "MUJOCO_GL", "warning", said, "unset PYOPENGL_PLATFORM")
    if chosen.lower() in ("egl", "osmesa") and chosen.lower() not in working:
        better = f"export MUJOCO_GL={working[0]}" if working else "unset MUJOCO_GL, and see above"
        return Finding(SUBJECT, "MUJOCO_GL", "warning", f"{chosen}, which does not draw here", better)
    if chosen.lower() in WINDOWS and not display():
        said = f"{chosen} needs a display, and there is none: no videos"
        return Finding(SUBJECT, "MUJOCO_GL", "warning", said, "unset MUJOCO_GL")
    if chosen.lower() in OFF:
        return Finding(SUBJECT, "MUJOCO_GL", "warning", f"{chosen} switches drawing off: no videos", "unset MUJOCO_GL")
    return Finding(SUBJECT, "MUJOCO_GL", "ok", chosen)


def display() -> str | None:
    """Name of the display that windows open on, if there is one."""
    return os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or None


def _display() -> Finding:
    there = display()
    if there:
        return Finding(SUBJECT, "display", "ok", there)
    hint = "only `crl replay --live` needs one: log in with ssh -X, or work at the machine itself"
    return Finding(SUBJECT, "display", "absent", "none: windows can't be opened", hint)
