"""How MuJoCo draws on this machine: what ``MUJOCO_GL`` asks for, what is installed, and what is missing.

MuJoCo reads the variable when it is imported, and some of its values end that import where a library is missing. So it
is looked at before. Where nothing can be drawn, drawing is switched off: everything but pictures works.
"""

from __future__ import annotations

import ctypes
import os
import sys
import warnings

VARIABLE = "MUJOCO_GL"
WINDOWS = ("glfw", "glx", "enable", "enabled", "on", "true", "1")
OFF = ("disable", "disabled", "off", "false", "0")
EGL_LIBRARIES = {"libegl1": "libEGL.so.1", "libopengl0": "libOpenGL.so.0", "libgl1": "libGL.so.1"}
"""Debian packages that EGL needs, with a library of each; the driver of ``libgl1-mesa-dri`` is loaded by them."""
OSMESA_LIBRARIES = ("libOSMesa.so.8", "libOSMesa.so.6")
INSTALL = "on Debian or Ubuntu: apt-get install -y --no-install-recommends"


_reason: str | None = None
"""Why drawing was switched off here, and what would help."""


def choose() -> None:
    """Tell MuJoCo how to draw, and say in one line where it can't as ``MUJOCO_GL`` asks.

    Without a display, and without a choice (the variable is empty or not there), it is EGL, or else OSMesa.
    """
    global _reason
    _reason = None
    given = os.environ.get(VARIABLE, "")
    asked = given.strip().lower()
    if asked in OFF or sys.platform != "linux" or (asked == "" and os.environ.get("DISPLAY")):
        return
    fault = None
    if asked in ("", "egl"):
        os.environ[VARIABLE] = "egl" if has_egl() else "osmesa"
        fault = None if has_egl() or has_osmesa() else "neither EGL nor OSMesa is installed"
    elif asked == "osmesa":
        fault = None if has_osmesa() else "OSMesa is not installed"
    elif asked in WINDOWS:
        fault = None if display() else "there is no display"
    else:
        fault = "that is none of egl, osmesa, glfw and off"
    if fault is None:
        return
    how = how_to_draw(asked)
    os.environ[VARIABLE] = "off"
    _reason = f"{VARIABLE}={given}, but {fault}; {how}" if asked else f"{fault}; {how}"
    if asked:
        warnings.warn(f"no pictures and no films: {_reason}", stacklevel=3)


def why_not(error: BaseException) -> str:
    """Why nothing can be drawn, and what would help, by what MuJoCo said of it."""
    chosen = os.environ.get(VARIABLE, "").lower()
    platform = os.environ.get("PYOPENGL_PLATFORM", "")
    if _reason is not None:
        return _reason
    if chosen in OFF:
        return f"{VARIABLE}={chosen} switches it off; {how_to_draw(chosen)}"
    if chosen in ("egl", "osmesa") and platform.lower() not in ("", chosen):
        return f"PYOPENGL_PLATFORM={platform} contradicts {VARIABLE}={chosen}: unset it"
    return f"{error}; {how_to_draw(chosen)}"


def how_to_draw(asked: str = "") -> str:
    """What to do for pictures: what works here already, or the packages that are missing."""
    if asked == "osmesa" and not has_osmesa():
        packages = f"{INSTALL} libosmesa6"
        return f"unset {VARIABLE} (EGL is here), or {packages}" if has_egl() else packages
    if asked == "egl" or not has_egl():
        missing = [package for package, library in EGL_LIBRARIES.items() if not can_load(library)]
        packages = f"{INSTALL} {' '.join([*missing, 'libgl1-mesa-dri'])}"
        return f"{packages}; or {VARIABLE}=osmesa (slower)" if has_osmesa() else packages
    return f"unset {VARIABLE} (EGL is here)"


def display() -> bool:
    """Whether windows can be opened."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def has_egl() -> bool:
    """Whether EGL's library is installed."""
    return can_load(EGL_LIBRARIES["libegl1"])


def has_osmesa() -> bool:
    """Whether OSMesa's library is installed."""
    return any(can_load(library) for library in OSMESA_LIBRARIES)


def can_load(library: str) -> bool:
    """Whether a shared library can be loaded."""
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
