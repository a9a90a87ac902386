"""Callbacks: what is told of a run while it goes on, such as experiment trackers (``callbacks=[mlflow]``).

A callback is a class, made without arguments: an entry point of the group ``crl.callbacks``, or
``package.module:Name``. It sees what the run writes and can change nothing. Like TensorBoard's files it is a
convenience: whatever goes wrong in one is said once, ends that callback, and never stops a run.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from crl.errors import SettingsError
from crl.matching import nearest
from crl.plugins import import_path, is_path, points

GROUP = "crl.callbacks"


@dataclass(frozen=True)
class RunStart:
    """A run that begins or goes on.

    Attributes:
        folder: Its folder.
        settings: Its settings, nested.
        method: What tables group it by.
        resumed: Whether it goes on from an earlier process's work.
    """

    folder: Path
    settings: Mapping[str, Any]
    method: str
    resumed: bool


class Callback(Protocol):
    """Told of one run; every method may raise, which ends the callback and not the run."""

    def begin(self, run: RunStart) -> None:
        """The run begins or goes on."""

    def record(self, line: Mapping[str, Any]) -> None:
        """A line of ``metrics.jsonl`` was written: ``kind``, ``step`` and values, plain data."""

    def end(self, results: Mapping[str, Any] | None) -> None:
        """The process ends: with what ``results.json`` holds, or ``None`` if the run was stopped or failed."""


class Callbacks:
    """Several callbacks, none of which can harm a run.

    Args:
        found: Callbacks by name.
    """

    def __init__(self, found: Mapping[str, Callback]) -> None:
        self._found = dict(found)
        self._results: Mapping[str, Any] | None = None

    @contextlib.contextmanager
    def told(self, run: RunStart) -> Iterator[Callbacks]:
        """Tell of a run from its beginning to its end, however that comes."""
        self._each(lambda callback: callback.begin(run))
        try:
            yield self
        finally:
            self._each(lambda callback: callback.end(self._results))

    def record(self, line: Mapping[str, Any]) -> None:
        """Pass on a line of the log."""
        self._each(lambda callback: callback.record(line))

    def finish(self, results: Mapping[str, Any]) -> None:
        """Note that the run is finished."""
        self._results = results

    def _each(self, tell: Callable[[Callback], None]) -> None:
        for name, callback in list(self._found.items()):
            try:
                tell(callback)
            except Exception as error:  # a tracker's network, disk, account or bug
                del self._found[name]
                warnings.warn(f"the callback {name} ends here: {type(error).__name__}: {error}", stacklevel=4)


def load_callbacks(names: Sequence[str], more: Mapping[str, Callback] | None = None) -> Callbacks:
    """Callbacks by their names (or ``package.module:Name``), and others that are there already.

    Raises:
        SettingsError: There is no such callback, or its library is not installed.
        PluginError: One that is named by its module can't be imported.
    """
    found: dict[str, Callback] = dict(more or {})
    for name in names:
        if is_path(name):
            found[name] = import_path(name, "callback")()
            continue
        known = points(GROUP)
        if name not in known:
            raise SettingsError(f"unknown callback {name!r}{nearest(name, known)}")
        try:
            found[name] = known[name].load()()
        except ImportError as error:
            raise SettingsError(
                f"callbacks=[{name}] needs a library that is not installed: {error}", f'pip install "crl[{name}]"'
            ) from error
    return Callbacks(found)


def numbers(line: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a line as trackers and TensorBoard show them; booleans are 0 and 1.

    They stand under ``kind/key``, or ``kind/key/TASK`` where the line is about a task or a mission: curves of different
    tasks are not one curve.
    """
    about = line.get("task", line.get("mission"))
    # What MLflow and TensorBoard both take; the others replace it in ways of their own, or refuse it.
    ending = "/" + re.sub(r"[^\w.-]", "_", about) if isinstance(about, str) else ""
    return {
        f"{line['kind']}/{key}{ending}": float(value)
        for key, value in line.items()
        if key != "step" and isinstance(value, (bool, int, float))
    }


def flat_settings(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found.update(flat_settings(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found


def figures(results: Mapping[str, Any]) -> dict[str, float]:
    """The results of a run that are one number each."""
    return {
        key: float(value)
        for key, value in results.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and key != "seed"
    }
