"""A suite: what is confirmed, written down before anything is run (``configs/confirm/NAME.yaml``)."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rich.console import Console

from crl.config.reserved import block_seed
from crl.errors import CrlError
from crl.reporting.confirmations.criteria import Criterion
from crl.reporting.confirmations.kind import Kind, Record

LEAST_FITS = 5
"""Fits per method that a confirmation needs, as replicates."""


@dataclass(frozen=True)
class Suite(ABC):
    """A confirmation: what all kinds have in common.

    Attributes:
        name: Name of the suite: its file's.
        claim: What is claimed, in one or two sentences.
        env: Task sequence.
        block: Block of seeds.
        fits: Fits per method: replicates.
        methods: What is compared: refiners or strategies.
        settings: Further settings (``key=value``), the same for all methods.
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
    criteria: tuple[Criterion, ...]
    digest: str
    source: str

    kind: ClassVar[Kind]
    """What is measured."""

    @property
    @abstractmethod
    def planned(self) -> int:
        """Missions or runs of the whole confirmation."""

    @property
    @abstractmethod
    def size(self) -> str:
        """How large it is, in words."""

    @abstractmethod
    def draws(self) -> Iterator[str]:
        """What is drawn, a line each, after all of it was checked. Nothing stays on the disk.

        Raises:
            CrlError: A distribution or a setting is impossible.
        """

    @abstractmethod
    def run(self, folder: Path, workers: int, console: Console) -> None:
        """Do what is not done yet.

        Args:
            folder: The confirmation's folder.
            workers: Parallel processes.
            console: Where progress is shown.

        Raises:
            CrlError: A distribution or a setting is impossible, or something failed.
        """

    @abstractmethod
    def read(self, folder: Path) -> list[Record]:
        """The records of what was done."""

    def seed(self, index: int) -> int:
        """A seed of the suite's block: every suite has a place of its own in it."""
        place = int(hashlib.sha256(self.name.encode()).hexdigest(), 16) % 900
        return block_seed(self.block, 1000 * place + index)


def common(name: str, plain: Any, text: str, kind: Kind, groups: set[str], keys: tuple[set[str], set[str]]) -> Any:
    """The common part of a suite from plain data, as arguments of :class:`Suite`.

    Args:
        name: Its name.
        plain: The data.
        text: What it was read from.
        kind: What is measured.
        groups: Classes that criteria may name.
        keys: Needed and optional keys beside the common ones.

    Raises:
        CrlError: A key is unknown or missing, or a value is impossible.
    """
    where = f"the suite {name!r}"
    needed = {"claim", "env", "block", "fits", "methods", "criteria"}
    check_keys(plain, needed | keys[0], {"settings", "kind"} | keys[1], where)
    fits = count(plain["fits"], "fits", where)
    if fits < LEAST_FITS:
        raise CrlError(f"{where} has {fits} fits per method", f"a confirmation needs at least {LEAST_FITS}")
    methods = tuple(map(str, plain["methods"]))
    criteria = tuple(Criterion.parse(entry, where, kind) for entry in plain["criteria"])
    for criterion in criteria:
        criterion.check(methods, groups, where)
    block = count(plain["block"], "block", where)
    block_seed(block, 0)
    return {
        "name": name,
        "claim": " ".join(str(plain["claim"]).split()),
        "env": str(plain["env"]),
        "block": block,
        "fits": fits,
        "methods": methods,
        "settings": tuple(map(str, plain.get("settings", ()))),
        "criteria": criteria,
        "digest": hashlib.sha256(repr(plain).encode()).hexdigest()[:12],
        "source": text,
    }


def check_keys(plain: Any, needed: set[str], optional: set[str], where: str) -> None:
    """Refuse what is no mapping with these keys.

    Raises:
        CrlError: A key is unknown or missing.
    """
    if not isinstance(plain, Mapping):
        raise CrlError(f"{where} is no mapping of keys to values")
    unknown, missing = set(plain) - needed - optional, needed - set(plain)
    if unknown or missing:
        raise CrlError(
            f"{where} has unknown keys {sorted(map(str, unknown))}" if unknown else f"{where} lacks {sorted(missing)}",
            f"its keys are {', '.join(sorted(needed | optional))}",
        )


def count(value: Any, key: str, where: str) -> int:
    """A whole number that is not negative.

    Raises:
        CrlError: It is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise CrlError(f"{key} of {where} is {value!r}", "a whole number is expected")
    return value
