"""Runs pages of the documentation: every block of code, from top to bottom, as a reader would.

* ``python`` blocks share one namespace. A block that begins with ``# NAME.py`` is a file that the reader shall save:
  it is written into the current folder.
* ``sh`` blocks (and ``console`` ones, and indented lines that begin with ``crl``) are read line by line: ``crl ...``
  runs in this process, ``cat >FILE <<'END'`` writes a file, anything else must be excused by the test, with a reason.
* ``toml`` and ``yaml`` blocks are parsed.

``crl`` takes seconds with the small settings that a test gives, and as long as it takes with none.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from crl.cli import app
from crl.commands.missions.eval_missions import OWN
from crl.config.asking.composing import compose
from crl.sweeps.options import read as read_options
from crl.sweeps.points.expansion import expand

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_INDENTED = re.compile(r"^\n((?:    crl .*\n)+)", re.MULTILINE)
SHELL = ("sh", "console")
Small = Callable[[list[str]], Sequence[str]]


@dataclass(frozen=True)
class Block:
    """A block of code: its language (empty: none given), its text, and the line of the page where the text begins."""

    language: str
    text: str
    line: int


@dataclass(frozen=True)
class Line:
    """A line of a shell block: what is typed, and what follows it as its input."""

    typed: str
    line: int
    document: str = ""

    @property
    def words(self) -> list[str]:
        """The words, without the comment."""
        return shlex.split(self.typed, comments=True)


def blocks(path: Path) -> list[Block]:
    """All blocks of a page in order."""
    text = path.read_text(encoding="utf-8")
    found = [Block(match[1], match[2], text[: match.start(2)].count("\n") + 1) for match in _FENCE.finditer(text)]
    hidden = _FENCE.sub(lambda match: "\n" * match[0].count("\n"), text)
    for match in _INDENTED.finditer(hidden):
        found.append(Block("sh", match[1], hidden[: match.start(1)].count("\n") + 1))
    return sorted(found, key=lambda block: block.line)


def shell_lines(block: Block) -> Iterator[Line]:
    """The lines of a shell block: continued ones joined, here-documents with their command, no empty ones."""
    rows = iter(enumerate(block.text.splitlines(), block.line))
    for number, row in rows:
        while row.endswith("\\"):
            row = row[:-1] + next(rows)[1].strip()
        document = ""
        if found := re.search(r"<<'?(\w+)'?", row):
            body = iter(lambda: next(rows)[1], found[1])
            document = "".join(f"{line}\n" for line in body)
        line = Line(row.strip(), number, document)
        if line.words:
            yield line


def check_taken(line: Line, page: str) -> None:
    """Whether the program takes a ``crl`` line: its command, its options and its settings; nothing is run.

    Settings of a sequence that only the page makes (``env=module:NAME``) are left to who runs the page.
    """
    command, *rest = line.words[1:]
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "300"})
    said = f"{page}:{line.line}: {line.typed}"
    assert shown.exit_code == 0, said
    for option in (word.partition("=")[0] for word in rest if word.startswith("--")):
        assert option in shown.stdout, f"{said}\nthere is no option {option}"
    settings = [word for word in rest if "=" in word and not word.startswith("--")]
    if any(word.startswith("env=") and ":" in word for word in settings):
        return
    if command in ("train", "config"):
        compose(settings)
    elif command == "sweep" and settings:
        request = read_options(settings)
        assert request.kind == "tune" or expand(request.overrides).points, said
    elif command == "eval-missions":
        own = tuple(f"{key}=" for key in OWN)
        compose([word for word in settings if not word.startswith(own)], unread=True)


@dataclass
class Reader:
    """Somebody who follows a page in the current folder.

    Args:
        small: Gives further arguments for the words of a ``crl`` command, so that it takes seconds.
        excused: Beginnings of lines that can't be run here, each with its reason.
        before: What the reader has done before a line that begins so, such as having another run.

    Attributes:
        output: What every line has printed.
    """

    small: Small = lambda words: ()
    excused: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})
    output: dict[str, str] = field(default_factory=dict)

    def follow(self, path: Path) -> None:
        """Run all blocks of a page."""
        for block in blocks(path):
            self.run(block, path.name)

    def run(self, block: Block, page: str) -> None:
        """Run one block."""
        if block.language == "python":
            self._python(block, page)
        elif block.language in SHELL:
            for line in shell_lines(block):
                self.type(line, page)
        elif block.language == "toml":
            tomllib.loads(block.text)
        elif block.language == "yaml":
            yaml.safe_load(block.text)
        else:
            raise AssertionError(f"{page}:{block.line}: nobody runs a block of {block.language or 'no language'}")

    def _python(self, block: Block, page: str) -> None:
        if found := re.match(r"# (\w+\.py)\n", block.text):
            Path(found[1]).write_text(block.text, encoding="utf-8")
            return
        # Blank lines before it, so that a traceback names the line of the page.
        exec(compile("\n" * (block.line - 1) + block.text, page, "exec"), self.names)

    def type(self, line: Line, page: str) -> None:
        """Run one line of a shell block."""
        for beginning, prepare in self.before.items():
            if line.typed.startswith(beginning):
                prepare()
        if any(line.typed.startswith(beginning) for beginning in self.excused):
            return
        words = line.words
        if words[0] == "cat" and line.document:
            Path(words[1].lstrip(">") or words[2]).write_text(line.document, encoding="utf-8")
            return
        assert words[0] == "crl", f"{page}:{line.line}: nobody runs {line.typed!r}"
        done = CliRunner().invoke(app, [*words[1:], *self.small(words)], env={"COLUMNS": "200"})
        said = f"{page}:{line.line}: {line.typed}\n{done.output}"
        assert done.exception is None or isinstance(done.exception, SystemExit), f"{said}{done.exception!r}"
        assert done.exit_code == 0, said
        self.output[line.typed.partition("#")[0].strip()] = done.output
