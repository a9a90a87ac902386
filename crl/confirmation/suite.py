"""A suite: what is confirmed, written down before anything is run (``configs/confirm/NAME.yaml``)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from crl.config.asking.composing import config_dir
from crl.config.reserved import block_seed
from crl.confirmation.maps import MapDistribution
from crl.errors import CrlError
from crl.matching import nearest
from crl.reading.yaml_text import LOADER, YamlError, read_yaml
from crl.reporting.confirmations.criteria import Criterion

LEAST_FITS = 5
"""Fits per method that a confirmation needs, as replicates."""


@dataclass(frozen=True)
class DrawnFault:
    """Faults of one kind: ``count`` missions of each fit have one, drawn anew each time.

    Attributes:
        name: Name of the kind.
        group: Class (what can be expected of a correction).
        fault: Template of the fault; see :mod:`crl.confirmation.drawing`.
        count: Missions per fit.
    """

    name: str
    group: str
    fault: Mapping[str, Any]
    count: int = 1


@dataclass(frozen=True)
class Suite:
    """A confirmation of missions.

    Attributes:
        name: Name of the suite: its file's.
        claim: What is claimed, in one or two sentences.
        env: Task sequence whose first task is the nominal body.
        block: Block of seeds.
        fits: Fits per method: replicates.
        methods: Refiners.
        settings: Further settings (``key=value``), the same for all methods.
        maps: Distribution of the maps.
        faults: Distributions of the faults.
        criteria: What must hold.
        digest: What tells this text of the suite from another.
        source: The text.
    """

    name: str
    claim: str
    env: str
    block: int
    fits: int
    methods: tuple[str, ...]
    settings: tuple[str, ...]
    maps: MapDistribution
    faults: tuple[DrawnFault, ...]
    criteria: tuple[Criterion, ...]
    digest: str
    source: str

    @property
    def missions(self) -> int:
        """Missions per fit and method."""
        return sum(kind.count for kind in self.faults)

    def seed(self, index: int) -> int:
        """A seed of the suite's block: every suite has a place of its own in it."""
        place = int(hashlib.sha256(self.name.encode()).hexdigest(), 16) % 900
        return block_seed(self.block, 1000 * place + index)


def suites() -> list[str]:
    """Names of the suites that there are."""
    return sorted(path.stem for path in _folder().glob("*.yaml"))


def load_suite(name: str) -> Suite:
    """Read a suite by its name.

    Raises:
        CrlError: There is none of that name, or it is malformed; the message says where.
    """
    if name not in suites():
        raise CrlError(f"there is no suite {name!r}{nearest(name, suites())}", f"there are: {', '.join(suites())}")
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
        CrlError: A key is unknown or missing, or a value is impossible.
    """
    where = f"the suite {name!r}"
    needed = {"claim", "env", "block", "fits", "methods", "maps", "faults", "criteria"}
    _keys(plain, needed, {"settings"}, where)
    fits = _count(plain["fits"], "fits", where)
    if fits < LEAST_FITS:
        raise CrlError(f"{where} has {fits} fits per method", f"a confirmation needs at least {LEAST_FITS}")
    methods = tuple(map(str, plain["methods"]))
    faults = tuple(_fault(entry, where) for entry in plain["faults"])
    if len({kind.name for kind in faults}) < len(faults) or not faults:
        raise CrlError(f"{where} has no faults, or two of one name", "give every kind of fault a name of its own")
    groups = {kind.group for kind in faults}
    criteria = tuple(Criterion.parse(entry, where) for entry in plain["criteria"])
    for criterion in criteria:
        criterion.check(methods, groups, where)
    maps: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in plain["maps"].items()
    }
    _keys(maps, set(), {field.name for field in fields(MapDistribution)}, f"maps of {where}")
    digest = hashlib.sha256(repr(plain).encode()).hexdigest()[:12]
    block = _count(plain["block"], "block", where)
    block_seed(block, 0)
    settings = tuple(map(str, plain.get("settings", ())))
    claim = " ".join(str(plain["claim"]).split())
    return Suite(
        name, claim, str(plain["env"]), block, fits, methods, settings, MapDistribution(**maps), faults, criteria,
        digest, text,
    )  # fmt: skip


def _folder() -> Path:
    return config_dir() / "confirm"


def _fault(plain: Any, where: str) -> DrawnFault:
    _keys(plain, {"name", "class", "fault"}, {"count"}, f"a fault of {where}")
    count = _count(plain.get("count", 1), "count", where)
    return DrawnFault(str(plain["name"]), str(plain["class"]), dict(plain["fault"]), max(1, count))


def _keys(plain: Any, needed: set[str], optional: set[str], where: str) -> None:
    if not isinstance(plain, Mapping):
        raise CrlError(f"{where} is no mapping of keys to values")
    unknown, missing = set(plain) - needed - optional, needed - set(plain)
    if unknown or missing:
        raise CrlError(
            f"{where} has unknown keys {sorted(map(str, unknown))}" if unknown else f"{where} lacks {sorted(missing)}",
            f"its keys are {', '.join(sorted(needed | optional))}",
        )


def _count(value: Any, key: str, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise CrlError(f"{key} of {where} is {value!r}", "a whole number is expected")
    return value
