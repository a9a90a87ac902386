"""The package's bibliography: entries of BibTeX, and when a run has used each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from crl.errors import CrlError

FILE = Path(__file__).resolve().parents[2] / "bibliography.bib"
USED_BY = "used-by"
_ENTRY = re.compile(r"^@(\w+)\{([^,\s]+),\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"^  ([\w-]+) = \{(.*)\},$")
_NOTHING = re.compile(r"^@comment\{nothing-to-cite\s+([^}]*)\}$", re.MULTILINE)
_CONDITION = re.compile(r"^([\w.]+)\s*([=>])\s*(.+)$")
_SELF = re.compile(r"@\w+\s*\{\s*([^,\s]+)\s*,")


class BibliographyError(CrlError):
    """The bibliography, or what a plug-in says about itself, is malformed."""


@dataclass(frozen=True)
class Entry:
    """One entry.

    Attributes:
        kind: ``article``, ``inproceedings`` and so on.
        key: What it is cited by.
        fields: Name -> value, in order, without ``used-by``.
        used_by: Conditions of which one must hold, each a conjunction of conditions.
    """

    kind: str
    key: str
    fields: Mapping[str, str]
    used_by: tuple[tuple[str, ...], ...]

    def text(self, **more: str) -> str:
        """The entry in BibTeX, with further fields."""
        lines = [f"  {name} = {{{value}}}," for name, value in {**self.fields, **more}.items()]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])


@dataclass(frozen=True)
class Bibliography:
    """All entries, and what there is nothing to cite for (conditions such as ``continual=finetune``)."""

    entries: tuple[Entry, ...]
    nothing: frozenset[str]


def read_bibliography(file: Path = FILE) -> Bibliography:
    """Read the bibliography.

    Raises:
        BibliographyError: It is missing, or a line or a condition can't be read.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        hint = "the installation is incomplete: pip install --force-reinstall --no-deps ."
        raise BibliographyError(f"{file} can't be read: {error.strerror}", hint) from error
    entries = []
    for kind, key, body in _ENTRY.findall(text):
        if kind == "comment":
            continue
        fields: dict[str, str] = {}
        for line in body.splitlines():
            field = _FIELD.match(line)
            if field is None:
                raise BibliographyError(f"{file}: {key} has a line that is no `  name = {{value}},`: {line!r}")
            fields[field.group(1)] = field.group(2)
        entries.append(Entry(kind, key, fields, _conditions(fields.pop(USED_BY, ""), key)))
    found = _NOTHING.search(text)
    nothing = found.group(1).split(",") if found else []
    return Bibliography(tuple(entries), frozenset(item.strip() for item in nothing))


def keys_of(bibtex: str) -> list[str]:
    """Keys of the entries in a text of BibTeX, such as a plug-in's own."""
    return _SELF.findall(bibtex)


def holds(condition: str, facts: Mapping[str, object]) -> bool:
    """Whether a single condition holds.

    Args:
        condition: ``key=value``, ``key>number`` or a plain word.
        facts: What a run has used; a plain word holds if it is a key with a true value. A value may be a set of words.
    """
    parts = _CONDITION.match(condition)
    if parts is None:
        return bool(facts.get(condition))
    key, sign, wanted = parts.groups()
    if key not in facts:
        return False
    value = facts[key]
    if sign == ">":
        return isinstance(value, int | float) and value > float(wanted)
    if isinstance(value, set | frozenset):
        return wanted in value
    return str(value).lower() == wanted if isinstance(value, bool) else str(value) == wanted


def _conditions(text: str, key: str) -> tuple[tuple[str, ...], ...]:
    alternatives = tuple(tuple(part.strip() for part in item.split("&")) for item in text.split(","))
    if not all(part for parts in alternatives for part in parts):
        raise BibliographyError(f"{key} in the bibliography does not say what it is used by", "give it a used-by field")
    return alternatives
