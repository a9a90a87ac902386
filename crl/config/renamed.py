"""Settings that have another name now, and what older files say in the names of this version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_OF_FLOW: Mapping[str, tuple[str, ...]] = {
    "identification": (
        "structure", "measured", "relative_error", "prior_gain", "prior_coupling", "prior_bias", "prior_response",
    ),
    "tracking": (
        "window", "memory", "delays", "evidence", "false_alarms", "margin", "min_confidence", "max_correction", "care",
    ),
    "simulation": ("gain_low", "gain_high", "bias"),
    "field": (
        "hidden", "regimes", "actions", "updates", "batch", "lr", "noise", "objective", "guess", "box_scale",
    ),
    "encoder": ("context",),
    "integration": ("solver",),
}  # fmt: skip
"""Settings of the flow that stand in a group now, under the name that they had."""

MOVED: Mapping[str, str] = {
    **{f"flow.{name}": f"flow.{group}.{name}" for group, names in _OF_FLOW.items() for name in names},
    "flow.price_coupling": "flow.identification.penalty_coupling",
    "flow.relative_error_learned": "flow.encoder.relative_error",
    "flow.encoder_hidden": "flow.encoder.hidden",
    "flow.encoder_updates": "flow.encoder.updates",
    "flow.encoder_batch": "flow.encoder.batch",
    "flow.solver_steps": "flow.integration.steps",
    "flow.solver_tolerance": "flow.integration.tolerance",
}
"""Settings that mean what they meant: files with the former names are read. Fingerprints are taken of the former names,
so that runs of both kinds are known to be equal."""

RENAMED: Mapping[str, str] = {
    "body.hidden": "dynamics.hidden",
    "body.ensemble": "dynamics.ensemble",
    "body.lr": "learning.lr",
    "body.batch": "learning.batch",
    "body.clip": "learning.clip",
    **MOVED,
}
"""Settings that have another name now; whoever sets one by its former name is told the new one."""

FORMER: Mapping[str, str] = {new: old for old, new in MOVED.items()}
"""The former name of each setting of :data:`MOVED`."""


def migrated(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as nested dicts, with what is written under a name of :data:`MOVED` under its new name.

    What stands under the new name already is kept.
    """
    return _renamed(plain, MOVED)


def formerly(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as nested dicts in the names that they had before :data:`MOVED`."""
    return _renamed(plain, FORMER)


def _renamed(plain: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    # Former names that are groups now, such as flow.field, are none: a move never ends where another begins.
    made = _copied(plain)
    for old, new in names.items():
        section, leaf = _section(made, old)
        if section is None or leaf not in section:
            continue
        *groups, last = new.split(".")
        target: Any = made
        for group in groups:
            target = target.setdefault(group, {}) if isinstance(target, dict) else None
        if isinstance(target, dict):  # else the file is damaged, and the check of settings says so
            target.setdefault(last, section.pop(leaf))
    for group in {name.rpartition(".")[0] for name in names}:
        section, leaf = _section(made, group)
        if section is not None and section.get(leaf) == {}:  # all that it held has moved
            del section[leaf]
    return made


def _section(plain: dict[str, Any], key: str) -> tuple[dict[str, Any] | None, str]:
    """The dict that holds a key's last part, if there is one, and that part."""
    *groups, leaf = key.split(".")
    found: Any = plain
    for group in groups:
        found = found.get(group) if isinstance(found, dict) else None
    return (found if isinstance(found, dict) else None), leaf


def _copied(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in plain.items()}
