"""Suites by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from crl.config.asking.composing import config_dir
from crl.confirmation.missions import MissionSuite
from crl.confirmation.sequences import SequenceSuite
from crl.confirmation.suite import Suite
from crl.errors import CrlError
from crl.matching import nearest
from crl.reading.yaml_text import LOADER, YamlError, read_yaml

KINDS: Mapping[str, Callable[[str, Any, str], Suite]] = {
    "missions": MissionSuite.parse,
    "sequences": SequenceSuite.parse,
}
"""Kinds of suite, by the value of ``kind``; missions where it is left out."""


def suites() -> list[str]:
    """Names of the suites that there are."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def load_suite(name: str) -> Suite:
    """Read a suite by its name.

    Raises:
        CrlError: There is none of that name, or it is malformed; the message says where.
    """
    if name not in suites():
        raise CrlError(f"there is no suite {name!r}{nearest(name, suites())}")
    path = _folder() / f"{name}.yaml"
    try:
        text = read_yaml(path)
        plain = yaml.load(text, LOADER)
    except (OSError, YamlError, yaml.YAMLError) as error:
        raise CrlError(f"{path} can't be read: {error}") from error
    return parse_suite(name, plain, text)


def parse_suite(name: str, plain: Any, text: str = "") -> Suite:
    """Build a suite from plain data.

    Raises:
        CrlError: It is of no known kind, a key is unknown or missing, or a value is impossible.
    """
    if not isinstance(plain, Mapping):
        raise CrlError(f"the suite {name!r} is no mapping of keys to values")
    kind = plain.get("kind", "missions")
    if kind not in KINDS:
        raise CrlError(
            f"the suite {name!r} is of kind {kind!r}{nearest(str(kind), KINDS)}", "say missions or sequences"
        )
    return KINDS[kind](name, plain, text)


def _folder() -> Path:
    return config_dir() / "confirm"
