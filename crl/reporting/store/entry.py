"""What the store knows of a run: facts in one line, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from crl.reading.json_text import parse_json
from crl.reading.schema import Check, anything, flag, listed, mapping, number, optional, printable, text, whole


@dataclass(frozen=True)
class Finding:
    """Something about a run that its user should know.

    Attributes:
        what: What is wrong, or unusual.
        hint: How to put it right, or what still works.
        serious: Whether the run is of less use for it; a finding that is not is a note.
        alike: What is unusual without what only this run has of it; empty: the same.
    """

    what: str
    hint: str
    serious: bool = True
    alike: str = ""

    @property
    def shared(self) -> str:
        """What several runs may have in common."""
        return self.alike or self.what

    def __str__(self) -> str:
        return f"{self.what}; {self.hint}"


@dataclass(frozen=True)
class Entry:
    """A run as the index holds it. ``None``: not known (yet).

    Attributes:
        name: Folder, relative to the folder of runs.
        path: Folder, absolute.
        status: ``finished``, ``running``, ``unfinished`` or ``half-written``.
        env: Task sequence.
        agent: Who learned.
        method: Retention strategy, or the agent's name where it has none.
        planner: Planner, of agents that plan.
        profile: Profile of the settings.
        seed: Seed.
        visits: Visits of tasks that are done.
        steps: Environment steps so far.
        success: Mean success over the tasks at the end, 0 to 1.
        mean_return: Mean return over the tasks at the end.
        forgetting: Mean loss of return since a task was learned.
        cpu_seconds: CPU time (s).
        wall_seconds: Wall time (s).
        began: When it began, UTC, ISO 8601.
        ended: When it last wrote, UTC, ISO 8601.
        version: Version of crl that made it.
        commit: Commit that made it.
        fingerprint: Fingerprint of its settings.
        size: Bytes on disk.
        settings: Its settings by dotted key.
        findings: What is wrong or unusual.
    """

    name: str
    path: str
    status: str
    env: str | None = None
    agent: str | None = None
    method: str | None = None
    planner: str | None = None
    profile: str | None = None
    seed: int | None = None
    visits: int | None = None
    steps: int | None = None
    success: float | None = None
    mean_return: float | None = None
    forgetting: float | None = None
    cpu_seconds: float | None = None
    wall_seconds: float | None = None
    began: str | None = None
    ended: str | None = None
    version: str | None = None
    commit: str | None = None
    fingerprint: str | None = None
    size: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()

    @property
    def problems(self) -> list[Finding]:
        """The serious findings."""
        return [found for found in self.findings if found.serious]

    def to_plain(self) -> dict[str, Any]:
        """Nested dicts and lists, for JSON."""
        return {**asdict(self), "findings": [asdict(found) for found in self.findings]}

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(self.to_plain(), separators=(",", ":"), default=str)

    @classmethod
    def from_json(cls, line: str) -> Entry:
        """What :meth:`to_json` gave.

        Raises:
            ValueError: It is no such line, or of another version.
        """
        plain = parse_json(line)
        if (wrong := _ENTRY(plain)) is not None or set(plain) != set(cls.__dataclass_fields__):
            raise ValueError(f"no entry of this version: it {wrong or 'has other facts'}")
        plain["findings"] = tuple(Finding(**found) for found in plain["findings"])
        return cls(**plain)


COLUMNS = tuple(name for name in Entry.__dataclass_fields__ if name not in ("settings", "findings"))
"""Facts of an entry that are columns of the index."""
WHOLE = ("seed", "visits", "steps", "size")
REAL = ("success", "mean_return", "forgetting", "cpu_seconds", "wall_seconds")
"""Facts that are numbers; all others are texts."""
FACTS: Mapping[str, Check] = {name: whole if name in WHOLE else number if name in REAL else text for name in COLUMNS}
"""What each fact is, where it is known."""
_FINDING = mapping(
    {"what": anything, "hint": anything, "serious": flag, "alike": text}, ("what", "hint", "serious", "alike")
)
_ENTRY = mapping(
    {
        **{name: check if name in ("name", "path", "status") else optional(check) for name, check in FACTS.items()},
        "settings": mapping({}),
        "findings": listed(_FINDING),
    }
)


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted key, each in a form that JSON has; an empty section is kept as an empty dict."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            found.update(flat(value, f"{prefix}{key}."))
        else:
            found[printable(f"{prefix}{key}")] = _plain(value)
    return found


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {printable(str(key)): _plain(item) for key, item in value.items()}
    return printable(str(value))  # a date, for instance
