"""Where the value of every setting comes from: the defaults, a file in ``configs/``, or the command line."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from omegaconf import OmegaConf

from crl.config import Config
from crl.config.asking.composing import config_dir, origins
from crl.config.limits import leaves

DEFAULT = "default"
COMMAND_LINE = "command line"
_PACKAGE = re.compile(r"^#\s*@package\s+(\S+)", re.MULTILINE)


def sources(overrides: Sequence[str] = ()) -> dict[str, str]:
    """Dotted key -> ``default``, a file's path in the folder of settings, or ``command line``: the last that sets it.

    Args:
        overrides: ``key=value``, as for :func:`crl.config.asking.composing.compose`.

    Raises:
        SettingsError: An override can't be read, or its key is unknown.
    """
    known = dict.fromkeys((key for key, _ in leaves(Config())), DEFAULT)
    files, given = origins(overrides)
    for group, name in files:
        for key in set_by(group, name):
            known[_leaf(key, known)] = f"{group}/{name}.yaml"
    if "env.tasks" in given and "budget.steps" not in given:
        known["budget.steps"] += ", dealt to these tasks"
    for key in given:
        known[_leaf(key, known)] = COMMAND_LINE
    return known


def set_by(group: str, name: str) -> dict[str, Any]:
    """Dotted key -> value of everything that a file in the folder of settings sets.

    Hydra puts a file's content where its ``@package`` says, or else into the section that its group names.
    """
    text = (config_dir() / group / f"{name}.yaml").read_text(encoding="utf-8")
    found = _PACKAGE.search(text)
    package = found.group(1) if found else group.replace("/", ".")
    prefix = "" if package == "_global_" else f"{package}."
    content = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
    found_values = _flat(cast("dict[str, Any]", content), prefix, {key for key, _ in leaves(Config())})
    # A strategy's name stands for its parts: composing takes them by it.
    return {key: value for key, value in found_values.items() if key != "continual.parts"}


def _flat(node: Mapping[str, Any], prefix: str, known: Collection[str]) -> dict[str, Any]:
    """Dotted keys of nested mappings, down to the settings."""
    found: dict[str, Any] = {}
    for name, value in node.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and key not in known:
            found.update(_flat(value, f"{key}.", known))
        else:
            found[key] = value
    return found


def _leaf(key: str, known: Mapping[str, str]) -> str:
    """The setting that a key belongs to: ``continual.options.depth`` is inside of ``continual.options``."""
    while key not in known and "." in key:
        key = key.rpartition(".")[0]
    return key
