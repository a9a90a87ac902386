"""YAML with bounds: whatever a file holds, it is parsed in time that grows with its size, and so is what follows.

YAML's aliases let a few lines stand for billions of values, and a reader that copies them never comes back. So the
text is gone through once, event by event, before anything is built: how deep it is nested, and how many values it
stands for when every alias is written out. Numbers of hundreds of digits and directives are refused as well.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from crl.reading.plain import read_text

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Builds plain values only; in C where PyYAML has it, which is thirty times as fast."""
MOST = 256 << 10
"""Bytes of a YAML file that are read, unless another size is stated: settings have a few thousand."""
DEPTH = 50
"""Lists and mappings inside one another that are accepted."""
REPEATED = 10_000
"""Values that aliases may add to those that are written, unless another number is stated."""
DIGITS = 300
"""Characters of a number; no float has as many."""

_NUMBER = re.compile(r"[-+0-9a-fA-FxXoO_.:]+")


class YamlError(ValueError):
    """A text is not YAML, or is YAML that nobody writes: the message says which, and where."""


def read_yaml(path: Path, most: int = MOST, repeated: int = REPEATED) -> str:
    """Text of a YAML file, gone through by :func:`check_yaml`: any loader may build it.

    Args:
        path: The file.
        most: Bytes that are read.
        repeated: Values that aliases may add.

    Raises:
        OSError: It is no plain file, too large, missing, or can't be read.
        YamlError: See :func:`check_yaml`.
    """
    try:
        text = read_text(path, most)
    except UnicodeDecodeError as error:
        raise YamlError(f"it is not UTF-8: {error}") from error
    check_yaml(text, repeated)
    return text


def check_yaml(text: str, repeated: int = REPEATED) -> None:
    """Go through a YAML text without building anything.

    Raises:
        YamlError: It is not YAML, is nested too deeply, stands for too many values, or holds a number of hundreds of
            digits or a directive.
    """
    if text.startswith("%") or "\n%" in text:
        raise YamlError("it holds a directive (a line that begins with %), which no file of crl needs")
    try:
        _walk(text, repeated)
    except yaml.YAMLError as error:
        raise YamlError(_one_line(error)) from error


def plain_yaml(text: str) -> Any:
    """Plain values of a text that :func:`check_yaml` has gone through.

    Raises:
        YamlError: It can't be built: an unknown tag, an impossible date.
    """
    try:
        return yaml.load(text, Loader=LOADER)
    except yaml.YAMLError as error:
        raise YamlError(_one_line(error)) from error
    except (ValueError, OverflowError, RecursionError) as error:
        raise YamlError(f"a value can't be built: {error}") from error


def _walk(text: str, repeated: int) -> None:
    tally = _Tally(repeated)
    for event in yaml.parse(text, Loader=LOADER):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.CollectionStartEvent):
            tally.begin(event.anchor, line)
        elif isinstance(event, yaml.CollectionEndEvent):
            tally.end(line)
        elif isinstance(event, yaml.ScalarEvent):
            if not event.style and len(event.value) > DIGITS and _NUMBER.fullmatch(event.value):
                raise YamlError(f"line {line}: a number of {len(event.value):,} characters")
            tally.value(event.anchor, line)
        elif isinstance(event, yaml.AliasEvent):
            tally.alias(event.anchor, line)


class _Tally:
    """Counts the values that a text stands for."""

    def __init__(self, repeated: int) -> None:
        self._repeated = repeated
        self._open: list[tuple[str | None, int]] = [(None, 0)]
        self._sizes: dict[str, int] = {}
        self._written = 0

    def begin(self, anchor: str | None, line: int) -> None:
        """A list or a mapping begins."""
        self._open.append((anchor, 1))
        self._written += 1
        if len(self._open) > DEPTH + 1:
            raise YamlError(f"line {line}: it is nested more than {DEPTH} levels deep")

    def end(self, line: int) -> None:
        """The innermost list or mapping ends."""
        anchor, size = self._open.pop()
        self._add(anchor, size, line)

    def value(self, anchor: str | None, line: int) -> None:
        """A plain value."""
        self._written += 1
        self._add(anchor, 1, line)

    def alias(self, anchor: str, line: int) -> None:
        """A value that was written before."""
        if any(anchor == name for name, _ in self._open):
            raise YamlError(f"line {line}: {anchor!r} stands for something that it is a part of")
        if anchor not in self._sizes:
            raise YamlError(f"line {line}: {anchor!r} is an undefined alias")
        self._add(None, self._sizes[anchor], line)

    def _add(self, anchor: str | None, size: int, line: int) -> None:
        if anchor is not None:
            self._sizes[anchor] = size
        around, inside = self._open.pop()
        self._open.append((around, inside + size))
        if inside + size > self._written + self._repeated:
            raise YamlError(
                f"line {line}: its aliases stand for more than {self._repeated:,} values; write out what it means"
            )


def _one_line(error: yaml.YAMLError) -> str:
    return " ".join(str(error).split())
