"""Python code tried in a process of its own: what it tells, and how it ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MARK = "crl-probe "
"""Beginning of the lines that a probe tells something with; imported code may print lines of its own."""
SECONDS = 120.0
"""Longest time that a probe may take: a cold disk needs half a minute to import torch."""
_TELL = f"""
import json as _json
def tell(value):
    print({MARK!r} + _json.dumps(value), flush=True)
"""


@dataclass(frozen=True)
class Told:
    """What a probe told, and how it ended.

    Attributes:
        values: What ``tell`` was called with, in order.
        trouble: Why it did not end well: an exception, a signal or a lack of time; ``None`` if it did.
    """

    values: list[Any] = field(default_factory=list)
    trouble: str | None = None


def probe(code: str, environment: Mapping[str, str | None] | None = None, seconds: float = SECONDS) -> Told:
    """Run Python code in a child process. It has a function ``tell(value)`` for what has a form in JSON.

    Args:
        code: Python source.
        environment: Variables to set, or to remove (``None``), beside those that are there.
        seconds: When it is stopped.
    """
    variables = dict(os.environ)
    for name, value in (environment or {}).items():
        variables.pop(name, None)
        if value is not None:
            variables[name] = value
    command = [sys.executable, "-W", "ignore", "-c", _TELL + code]
    try:
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, errors="replace", timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else error.stdout or ""
        return Told(_values(said), f"no answer within {seconds:g} s")
    except OSError as error:
        return Told([], f"no process can be started: {error}")
    return Told(_values(done.stdout), _trouble(done.returncode, done.stderr))


def _values(text: str) -> list[Any]:
    values = []
    for line in text.splitlines():
        if line.startswith(MARK):
            try:
                values.append(json.loads(line.removeprefix(MARK)))
            except ValueError:  # a line that the end of the process cut off
                continue
    return values


def _trouble(code: int, errors: str) -> str | None:
    if code == 0:
        return None
    if code < 0:
        try:
            return f"it crashed ({signal.Signals(-code).name})"
        except ValueError:
            return f"it was ended by signal {-code}"
    lines = [line for line in errors.splitlines() if line.strip()]
    return lines[-1].strip() if lines else f"it ended with code {code}"
