"""Errors that a user can fix. The command line prints them as one message, without a traceback."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

EGL_PACKAGES = ("libegl1", "libopengl0", "libgl1", "libgl1-mesa-dri")
"""Debian packages that headless rendering needs."""
OSMESA_PACKAGES = ("libosmesa6",)
"""Debian packages of the slower way without EGL."""
_ELSEWHERE = (Path(__file__).parent, *(Path(sysconfig.get_path(name)) for name in ("purelib", "platlib", "stdlib")))
"""This package, what is installed, and Python itself: not the code that a reader is likely to be able to change."""


class CrlError(Exception):
    """Base class of the package's own errors.

    Args:
        message: What went wrong, and where.
        hint: How to put it right; printed on a line of its own.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n{self.hint}"


class SettingsError(CrlError, ValueError):
    """A setting is unknown, of the wrong type or out of range."""


class RenderingError(CrlError, RuntimeError):
    """No picture can be rendered on this machine; everything else works.

    Args:
        message: What went wrong. An environment that knows what is missing says it there.
        hint: How to put it right; by default the packages for EGL, unless the message names what is missing.
    """

    def __init__(self, message: str, hint: str | None = None) -> None:
        packages = " ".join(EGL_PACKAGES)
        install = f"apt-get install -y --no-install-recommends {packages}"
        general = f"Headless rendering needs EGL. On Debian or Ubuntu:\n  {install}\n"
        told = any(word in message for word in ("apt-get", "MUJOCO_GL", "PYOPENGL_PLATFORM"))
        super().__init__(message, hint or f"{'' if told else general}`crl doctor` tells what works here.")


class Interrupted(CrlError):
    """A run was stopped by the user after its state had been saved.

    Args:
        command: Command that continues the run.
    """

    def __init__(self, command: str) -> None:
        super().__init__("stopped; everything learned so far is saved", f"continue with: {command}")
        self.command = command


def raised(error: BaseException) -> str:
    """What an exception of someone else's code says, on one line: its type, its words, the last line of that code."""
    words = str(error).strip().splitlines()
    said = type(error).__name__ + (f": {words[0][:300]}" if words else "")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not any(Path(frame.filename).is_relative_to(place) for place in _ELSEWHERE)]
    at = (own or frames)[-1:]
    return f"{said} ({Path(at[0].filename).name}, line {at[0].lineno})" if at else said
