"""Fingerprints of settings: equal if a run may continue the other, and the proof that a settings file is untouched."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

WITHOUT_EFFECT = ("run_dir", "name", "resume", "check", "videos", "callbacks", "checkpoint")
"""Settings that do not decide a run's result: a run may be continued with other values of these."""


ADDED: Mapping[tuple[str, str], Any] = {
    ("planner", "pessimism"): 0.0,
    ("budget", "validation_stop"): False,
    ("budget", "carry"): False,
    ("continual", "protect"): 0,
    ("data", "cmd_vel"): None,
}
"""Settings that came after the first runs, and their defaults, which do what was done before."""


def digest(plain: Mapping[str, Any]) -> str:
    """SHA-256 over the settings that decide a run's result, given as nested dicts.

    Settings of an older version lack some; their digest is the one that they had then.

    Raises:
        TypeError: A value is none that settings have, such as a date.
    """
    kept = {key: value for key, value in plain.items() if key not in WITHOUT_EFFECT}
    unread: list[str] = []
    if _inside(plain, "agent", "name", "mpc") == "mpc":  # reads none of the section, and is older than it
        unread.append("agent")
    if _inside(plain, "refiner", "name", "off") == "off":  # likewise: no missions, and none of their settings
        unread += ["refiner", "body", "flow", "missions"]
        if isinstance(kept.get("planner"), Mapping):
            kept["planner"] = {key: value for key, value in kept["planner"].items() if key != "shift"}
    if _inside(plain, "data", "source", None) is None:
        unread.append("data")
    for (section, name), default in ADDED.items():  # at its default, a run is what it was before
        inside = kept.get(section)
        if isinstance(inside, Mapping) and inside.get(name, default) == default:
            kept[section] = {key: value for key, value in inside.items() if key != name}
    for section in unread:
        kept.pop(section, None)
    return hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def fits(recorded: str, settings: Mapping[str, Any], written: Mapping[str, Any]) -> bool:
    """Whether settings that were read from a file are those that a fingerprint was taken of.

    Args:
        recorded: The fingerprint that lies beside the file.
        settings: All settings as nested dicts, defaults included.
        written: What the file itself says. A file of an older version says less, and its fingerprint covers less.
    """
    return recorded in (digest(settings), digest(_as_written(settings, written)))


def _inside(plain: Mapping[str, Any], section: str, key: str, default: str | None) -> Any:
    found = plain.get(section)
    return found.get(key, default) if isinstance(found, Mapping) else default


def _as_written(settings: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _as_written(value, written[key])
        if isinstance(value, Mapping) and isinstance(written[key], Mapping)
        else value
        for key, value in settings.items()
        if key in written
    }
