"""Runs side by side: the settings in which they differ, and what each reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crl.config.reading import read_of
from crl.reporting.store.entry import Entry

WITHOUT_EFFECT = ("run_dir", "name", "resume", "videos", "checkpoint.", "callbacks", "threads", "device")
"""Settings that do not decide what a run learns; they are left out unless asked for."""


def read_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by dotted key, without those that the run's components do not read."""
    return read_of(settings)


class Unset:
    """A setting that a run's version did not have."""

    def __repr__(self) -> str:
        return "not recorded"


UNSET = Unset()


def differing(
    runs: Sequence[Mapping[str, Any]], everything: bool = False, missing_counts: bool = True
) -> dict[str, list[Any]]:
    """Settings by dotted key in which runs differ, each with one value per run.

    Args:
        runs: The settings of every run, by dotted key (:func:`~crl.reporting.store.entry.flat`).
        everything: Also those without effect on what is learned.
        missing_counts: Whether a setting that one run lacks (an older version's) differs from any value.
    """
    keys = dict.fromkeys(key for run in runs for key in run)
    found: dict[str, list[Any]] = {}
    for key in keys:
        if not everything and key.startswith(WITHOUT_EFFECT):
            continue
        values = [run.get(key, UNSET) for run in runs]
        known = [value for value in values if value is not UNSET]
        if any(value != known[0] for value in known) or (missing_counts and len(known) < len(values)):
            found[key] = values
    return found


FACTS = (
    ("status", "status"),
    ("visits", "visits of tasks"),
    ("steps", "environment steps"),
    ("success", "mean success"),
    ("mean_return", "mean return"),
    ("forgetting", "forgetting (return)"),
    ("cpu_seconds", "CPU (s)"),
    ("wall_seconds", "wall (s)"),
    ("size", "bytes on disk"),
    ("version", "crl"),
    ("commit", "commit"),
)
"""Facts that are shown side by side, with their titles."""


def facts(runs: Sequence[Entry]) -> dict[str, list[Any]]:
    """What each run reached and cost; facts that no run has are left out."""
    found = {title: [getattr(run, name) for run in runs] for name, title in FACTS}
    return {title: values for title, values in found.items() if any(value is not None for value in values)}
