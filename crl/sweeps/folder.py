"""A sweep is a folder. This module makes, finds, locks and reads it.

DIR/
sweep.json             what is swept: its points by name, and the arguments of the command
points/NAME/           point.json, settings.yaml, record.json (:mod:`crl.sweeps.record`), log.txt
runs/NAME/             an ordinary run folder each
superseded/            runs of other code or other settings than today's, kept aside
study.sqlite           the search's memory (sweep=tune)
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crl.errors import CrlError
from crl.reading.json_text import read_json
from crl.reading.schema import count, listed, mapping, shown, text
from crl.sweeps.locks import HeldError, hold
from crl.sweeps.points.point import Point
from crl.training.files.durable import NO_SPACE, replace_file

FORMAT = 1
SWEEP = "sweep.json"


def _name(value: Any) -> str | None:
    """The name of a folder, and not the way to another one."""
    return text(value) or (None if Path(value).name == value else f"is {shown(value)}, no name of a folder")


_SCHEMA = mapping(
    {"format": count, "kind": text, "arguments": listed(text), "points": listed(_name)},
    ("format", "kind", "arguments", "points", "identity"),
)


class SweepFolderError(CrlError):
    """A sweep's folder is missing, another sweep's, in use, or can't be written."""


@dataclass(frozen=True)
class SweepFolder:
    """The folder of one sweep. Made by :meth:`make`, found by :meth:`open`."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> SweepFolder:
        """An existing sweep.

        Raises:
            SweepFolderError: There is none.
        """
        folder = cls(path.resolve())
        if not (path / SWEEP).is_file():
            beside = sorted(found.parent.name for found in path.parent.glob(f"*/{SWEEP}"))
            known = f"sweeps in {path.parent}: {', '.join(beside)}" if beside else f"{path.parent} holds no sweeps"
            raise SweepFolderError(f"{path} is no sweep: it has no {SWEEP}", known)
        folder.definition()
        return folder

    @classmethod
    @contextmanager
    def make(cls, path: Path) -> Iterator[SweepFolder]:
        """Make a sweep's folder, or take an existing one, and hold it against other processes.

        Raises:
            SweepFolderError: It can't be written, holds other files, or another process runs the sweep.
        """
        folder = cls(path.absolute())
        try:
            path.mkdir(parents=True, exist_ok=True)
            strangers = [item.name for item in path.iterdir() if not item.name.startswith(".")]
            if strangers and not (path / SWEEP).exists():
                raise SweepFolderError(
                    f"{path} is no sweep and not empty: it holds {', '.join(sorted(strangers)[:3])}",
                    "name a new folder with sweep_dir=DIR, or leave it out",
                )
            with hold(path):
                yield folder
        except HeldError as error:
            raise SweepFolderError(
                f"this sweep runs already: process {error} works in {path}",
                f"watch it with: crl sweep --status {shlex.quote(str(path))} --watch",
            ) from error
        except OSError as error:
            if error.filename is None or not str(error.filename).startswith(str(path)):
                raise
            raise _explain(error, path) from error

    def run(self, name: str) -> Path:
        """The run folder of a point."""
        return self.path / "runs" / name

    def point(self, name: str) -> Path:
        """What the sweep knows of a point."""
        return self.path / "points" / name

    def log(self, name: str) -> Path:
        """What the run of a point printed."""
        return self.point(name) / "log.txt"

    @property
    def study(self) -> Path:
        """Storage of a search."""
        return self.path / "study.sqlite"

    def define(self, kind: str, identity: Any, arguments: Sequence[str], names: Sequence[str]) -> None:
        """Say what is swept; the same again is no change.

        Args:
            kind: ``grid`` or ``tune``.
            identity: Plain data, equal for equal sweeps.
            arguments: Of the command.
            names: Points in their order; those of a search are added as it goes.

        Raises:
            SweepFolderError: The folder holds another sweep, or can't be written.
        """
        plain = {"format": FORMAT, "kind": kind, "arguments": list(arguments), "points": list(names)}
        if (self.path / SWEEP).exists():
            old = self.definition()
            if (old["kind"], old["identity"]) != (kind, json.loads(json.dumps(identity))):
                raise SweepFolderError(
                    f"{self.path} holds another sweep: crl sweep {shlex.join(old['arguments'])}",
                    "choose another folder with sweep_dir=DIR, or leave it out: each sweep has a default of its own",
                )
        # First of all files: a sweep that is killed right after it is known as one.
        self._write(self.path / SWEEP, {**plain, "identity": identity})

    def definition(self) -> dict[str, Any]:
        """Content of ``sweep.json``.

        Raises:
            SweepFolderError: It can't be read, or is of a newer version.
        """
        path = self.path / SWEEP
        try:
            plain = read_json(path)
            if (wrong := _SCHEMA(plain)) is not None:
                raise ValueError(f"it {wrong}")
            version = plain["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise SweepFolderError(
                f"{path} can't be read: {error}", "the runs beside it are whole; sweep into another sweep_dir"
            ) from error
        if version > FORMAT:
            raise SweepFolderError(f"{path} has format {version}; this version reads {FORMAT}", "install a newer crl")
        return dict(plain)

    def names(self) -> list[str]:
        """Points in their order."""
        return [str(name) for name in self.definition()["points"]]

    def add(self, names: Sequence[str]) -> None:
        """Append points, of a search."""
        plain = self.definition()
        plain["points"] += [name for name in names if name not in plain["points"]]
        self._write(self.path / SWEEP, plain)

    def write_point(self, point: Point, composed: str) -> None:
        """Write what a worker reads; a point that is there already stays untouched."""
        place = self.point(point.name)
        place.mkdir(parents=True, exist_ok=True)
        settings = place / "settings.yaml"
        if not settings.exists() or settings.read_text() != composed:
            replace_file(settings, composed.encode())
        if self.read_point(point.name) != point:
            self._write(place / "point.json", point.to_plain())

    def read_point(self, name: str) -> Point | None:
        """A point; None where the sweep was killed before it was written."""
        try:
            return Point.from_plain(read_json(self.point(name) / "point.json"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _write(self, path: Path, plain: Mapping[str, Any]) -> None:
        data = (json.dumps(plain, indent=1) + "\n").encode()
        try:
            if path.is_file() and path.read_bytes() == data:
                return
            replace_file(path, data)
        except OSError as error:
            raise _explain(error, self.path) from error


def writable(path: Path) -> None:
    """Find out whether a sweep could be written, before anything is composed.

    Raises:
        SweepFolderError: It can't.
    """
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir():
        raise SweepFolderError(f"{path} can't be made: {place} is a file", "choose another folder with sweep_dir=DIR")
    if not os.access(place, os.W_OK | os.X_OK):
        raise SweepFolderError(
            f"{path} can't be written: no permission in {place}",
            f"make it writable (ls -ld {shlex.quote(str(place))}), or choose another folder with sweep_dir=DIR",
        )


def _explain(error: OSError, path: Path) -> SweepFolderError:
    if error.errno in NO_SPACE:
        return SweepFolderError(
            f"{path} can't be written: the disk is full or a quota is used up",
            "make room there; the same command continues",
        )
    return SweepFolderError(
        f"{path} can't be written: {error.strerror}",
        f"make it writable (ls -ld {shlex.quote(str(path))}), or choose another folder with sweep_dir=DIR",
    )
