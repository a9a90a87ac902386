"""Fingerprints of settings: equal if a run may continue the other, and the proof that a settings file is untouched.

A fingerprint covers the settings that a run reads. Earlier versions took it of nearly all settings
(:func:`digest_before`); runs that they made are still known by it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from crl.config.reading import covers, declared, defaults, recorded_values
from crl.config.renamed import FORMER, formerly

WITHOUT_EFFECT = ("run_dir", "name", "resume", "check", "videos", "callbacks", "checkpoint")
"""Settings that do not decide a run's result: a run may be continued with other values of these."""


ADDED: Mapping[tuple[str, str], Any] = {
    ("planner", "pessimism"): 0.0,
    ("planner", "deadline"): 0.0,
    ("planner", "scales"): 1,
    ("budget", "validation_stop"): False,
    ("budget", "carry"): False,
    ("continual", "protect"): 0,
    ("evaluation", "tasks"): 0,
    ("continual", "parts"): [],
    ("continual", "labels"): "told",
    ("continual", "revisits"): True,
    ("continual", "start"): "fresh",
    ("continual", "like"): None,
    ("learning", "every"): 0,
    ("learning", "value_discount"): 0.0,
    ("learning", "values"): 1,
    ("learning", "value_caution"): 0.0,
    ("budget", "solved_return"): None,
    ("data", "cmd_vel"): None,
    ("flow", "objective"): "matching",
    ("flow", "guess"): True,
    ("life", "steps"): None,
    ("refiner", "filter"): 3.0,
    ("refiner", "limit"): 1.0,
    ("life", "regimes"): None,
    ("life", "labels"): "none",
    ("life", "drift"): 0.0,
    ("life", "combine"): 0.0,
    ("memory", "spread"): 0.15,
    ("memory", "resolution"): 0.02,
    ("memory", "belief.forgiven"): None,
    ("memory", "inputs"): 0,
    ("memory", "halved"): False,
    ("memory", "gathered"): False,
    ("memory", "learner"): "inline",
    ("dynamics", "kernel"): "auto",
    ("dynamics", "precision"): "float32",
}
"""Settings that came after the first runs, by the names that fingerprints are taken of. Their defaults do what was
done before."""


def digest(plain: Mapping[str, Any]) -> str:
    """SHA-256 over the settings that a run reads and that decide its result, given as nested dicts.

    Raises:
        TypeError: A value is none that settings have, such as a date.
    """
    flat = dict(_flat(plain, ""))
    read = declared(recorded_values(flat))
    added = {f"{section}.{name}": default for (section, name), default in ADDED.items()}
    kept = {
        key: value for key, value in flat.items() if covers(read, key) and key.partition(".")[0] not in WITHOUT_EFFECT
    }
    named = {FORMER.get(key, key): value for key, value in kept.items()}
    changed = {key: value for key, value in named.items() if key not in added or value != added[key]}
    return _sha(["settings that are read", changed])


def digest_before(plain: Mapping[str, Any]) -> str:
    """The fingerprint that version 0.1.0 gave, over all sections but those that no agent of this kind reads.

    Settings of an older version lack some; their digest is the one that they had then.

    Raises:
        TypeError: A value is none that settings have, such as a date.
    """
    kept = {key: value for key, value in formerly(plain).items() if key not in WITHOUT_EFFECT}
    unread = ["memory", "life"]  # came later
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
    return _sha(kept)


def forms(plain: Mapping[str, Any]) -> tuple[str, ...]:
    """Every fingerprint that a run with these settings may have, this version's first."""
    return digest(plain), digest_before(plain)


def fits(recorded: str, settings: Mapping[str, Any], written: Mapping[str, Any]) -> bool:
    """Whether settings that were read from a file are those that a fingerprint was taken of.

    Args:
        recorded: The fingerprint that lies beside the file.
        settings: All settings as nested dicts, defaults included.
        written: What the file itself says. A file of an older version says less, and its fingerprint covers less.
    """
    return recorded in (*forms(settings), *forms(_as_written(settings, written)))


def _sha(plain: Any) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _flat(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Dotted keys of nested dicts, down to the settings, and what stands there."""
    for name, value in node.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and key not in defaults():
            yield from _flat(value, f"{key}.")
        else:
            yield key, value


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
