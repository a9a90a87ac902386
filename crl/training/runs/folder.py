"""A run is a folder; this module makes, finds, locks and writes it.

``docs/reference/run_folder.md`` describes its files.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import socket
import warnings
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from crl.errors import CrlError
from crl.reading.json_text import read_json
from crl.reading.plain import read_text
from crl.training.files.durable import NO_PERMISSION, NO_SPACE, replace_file, write_all
from crl.training.runs.presence import Presence

Status = Literal["finished", "unfinished", "half-written"]
LATEST = "latest"
LOCK = ".lock"
LINE = 1000
"""Bytes of a file that holds one line."""


class RunFolderError(CrlError):
    """A run's folder is missing, half-written, in use or can't be written."""


def run_name(sequence: str, strategy: str, seed: int, when: datetime | None = None) -> str:
    """Name of a run: ``door_open_hypercrl_s0_20250131-142501``; characters unfit for a file name become ``-``."""
    moment = (when or datetime.now().astimezone()).strftime("%Y%m%d-%H%M%S")
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{sequence}_{strategy}_s{seed}_{moment}").strip(".-")


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run. Made by :meth:`create`, found by :meth:`open` or :func:`find_unfinished`."""

    path: Path

    @classmethod
    def create(cls, root: Path, name: str, fingerprint: str = "", *, latest: bool = True) -> RunFolder:
        """Make a new folder under ``root`` and point ``root/latest`` to it; nothing is left where that fails.

        Args:
            root: Folder of the runs; made if need be.
            name: Name of the run (:func:`run_name`); where it is taken, ``_2``, ``_3``, ... is appended.
            fingerprint: One line, equal for runs with equal settings, by which :func:`find_unfinished` knows them.
            latest: Whether ``latest`` points to it at once; if not, :meth:`be_latest` says when.

        Raises:
            RunFolderError: The folder can't be made, because it is read-only, the disk is full, or ``root`` is a file.
        """
        path = None
        try:
            root.mkdir(parents=True, exist_ok=True)
            path = _make_unique(root, name)
            replace_file(path / "fingerprint", fingerprint.encode() + b"\n")
            if latest:
                _point_latest(root, path)
        except OSError as error:
            if path is not None:
                shutil.rmtree(path, ignore_errors=True)
            raise explain_os_error(error, root / name) from error
        return cls(path)

    def be_latest(self) -> None:
        """Let ``latest`` beside it point to it.

        Raises:
            RunFolderError: The folder of the runs can't be written.
        """
        try:
            _point_latest(self.path.parent, self.path)
        except OSError as error:
            raise explain_os_error(error, self.path.parent / LATEST) from error

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Open an existing run; ``runs/latest`` works where links don't, too.

        Raises:
            RunFolderError: There is no such folder, or it is no run or a half-written one.
        """
        path = latest_of(path)
        if not path.is_dir():
            runs = [item.parent for item in path.parent.glob("*/config.yaml")]
            known = sorted(run.name for run in runs if not run.is_symlink() and run.name != LATEST)
            hint = f"runs in {path.parent}: {', '.join(known[-5:])}" if known else f"{path.parent} holds no runs"
            raise RunFolderError(f"there is no run folder {path}", hint)
        folder = cls(path.resolve())
        if folder.status() == "half-written":
            raise RunFolderError(
                f"{path} is no run, or one that was stopped before it began: it has no config.yaml",
                "nothing was learned in it; remove it and start the run again",
            )
        return folder

    @property
    def config(self) -> Path:
        """Composed settings."""
        return self.path / "config.yaml"

    @property
    def metrics(self) -> Path:
        """One JSON object per line; the same bytes for the same settings and seed."""
        return self.path / "metrics.jsonl"

    @property
    def timing(self) -> Path:
        """One JSON object per line: seconds, which differ from run to run."""
        return self.path / "timing.jsonl"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def results(self) -> Path:
        """Results; written last, so that a run with it is finished."""
        return self.path / "results.json"

    @property
    def videos(self) -> Path:
        """Folder of the videos."""
        return self.path / "videos"

    def status(self) -> Status:
        """``finished`` (there are results), ``unfinished``, or ``half-written`` (no settings: nothing was learned)."""
        if not self.config.is_file():
            return "half-written"
        try:
            finished = isinstance(read_json(self.results), dict)
        except (OSError, ValueError):
            return "unfinished"
        return "finished" if finished else "unfinished"

    def fingerprint(self) -> str | None:
        """The fingerprint it was created with, or None for a folder without one."""
        try:
            return read_text(self.path / "fingerprint", LINE).rstrip("\n")
        except (OSError, UnicodeDecodeError):
            return None

    def write_json(self, path: Path, data: Any) -> None:
        """Write a JSON file atomically and durably. Numbers that are not finite become null.

        Raises:
            RunFolderError: It can't be written; what was there is untouched.
        """
        from crl.training.files.plain_data import plain  # which imports torch, and whoever lists runs has no use for it

        self.write_text(path, json.dumps(plain(data), indent=2, allow_nan=False) + "\n")

    def write_text(self, path: Path, text: str) -> None:
        """Write a text file, ``config.yaml`` for instance, atomically and durably.

        Raises:
            RunFolderError: It can't be written; what was there is untouched.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, text.encode())
        except OSError as error:
            raise explain_os_error(error, path) from error

    @contextmanager
    def lock(self) -> Iterator[Presence]:
        """Hold the folder against other processes while training in it.

        The lock is advisory and tied to the process: a kill releases it, so a lock file left behind holds nobody up.

        Yields:
            What tells whether the folder is still there.

        Raises:
            RunFolderError: Another process trains in it (named by its id), or the folder can't be written.
        """
        name = self.path / LOCK
        try:
            # Links are not followed: in a folder that came from elsewhere they could lead to any file of the user's.
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        except OSError as error:
            raise explain_os_error(error, name) from error
        try:
            mark = self._take(descriptor)
            with closing(Presence(self.path, (LOCK, mark))) as presence:
                yield presence
        finally:
            os.close(descriptor)

    def _take(self, descriptor: int) -> str:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 1000).decode(errors="replace").strip() or "unknown"
            raise RunFolderError(
                f"{self.path} is in use: process {holder} trains in it",
                "wait until it ends or stop it; without resume=true, or with another name=, a run gets its own folder",
            ) from error
        except OSError as error:
            # Some network file systems have no locks. To refuse to train there would help nobody.
            warnings.warn(
                f"{self.path} can't be locked ({error.strerror}): train in it only once at a time", stacklevel=4
            )
        mark = f"{os.getpid()} on {socket.gethostname()}\n"
        try:
            os.ftruncate(descriptor, 0)
            write_all(descriptor, mark.encode())
        except OSError as error:
            raise explain_os_error(error, self.path / LOCK) from error
        return mark


def latest_of(path: Path) -> Path:
    """The run that a path called ``latest`` stands for where links don't work: the one that ``latest.txt`` names.

    Any other path is itself. A real folder of that name is never a run: it comes from a copy that followed links.

    Raises:
        RunFolderError: There is such a folder and nothing beside it says what it should be, or what says so is broken.
    """
    if path.name != LATEST or path.is_symlink():
        return path
    pointer = path.with_name(f"{LATEST}.txt")
    try:
        name = read_text(pointer, LINE).strip()
    except FileNotFoundError:
        if not path.exists():
            return path
        raise RunFolderError(
            f"{path} is a folder of its own, not a link to the latest run: some copies follow links",
            f"name the run itself; remove {path} if it is a copy, or rename it if it is a run",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RunFolderError(f"{pointer} can't be read: {error}", "name the run itself, or remove the file") from error
    if name in ("", ".", "..", LATEST) or Path(name).name != name:
        raise RunFolderError(f"{pointer} names {name[:80]!r}, which is no run beside it", "name the run itself")
    return path.with_name(name)


def find_unfinished(root: Path, fingerprints: Collection[str]) -> Path | None:
    """The newest run under ``root`` that was begun with these settings and not finished, or None.

    A run is as old as its fingerprint, which is written once, when the folder is made.

    Args:
        root: Folder that holds the runs.
        fingerprints: Those that the settings have, by this version and by earlier ones.
    """
    found: list[tuple[int, str, Path]] = []
    for path in root.iterdir() if root.is_dir() else ():
        folder = RunFolder(path)
        if (
            path.is_symlink()
            or path.name == LATEST
            or folder.fingerprint() not in fingerprints
            or folder.status() != "unfinished"
        ):
            continue
        found.append(((path / "fingerprint").stat().st_mtime_ns, path.name, path))
    return max(found)[2] if found else None


def _make_unique(root: Path, name: str) -> Path:
    count = 1 if name != LATEST else 2  # that name is the link's
    while True:
        path = root / (name if count == 1 else f"{name}_{count}")
        try:
            # Making the folder is the test for its name: two processes can't both succeed.
            path.mkdir()
        except FileExistsError:
            count += 1
        else:
            return path


def _point_latest(root: Path, path: Path) -> None:
    """Let ``root/latest`` point to a run, by a link or, where there are none, by ``latest.txt``."""
    beside = root / f".{LATEST}.{os.getpid()}.tmp"
    try:
        beside.unlink(missing_ok=True)
        beside.symlink_to(path.name, target_is_directory=True)
        beside.replace(root / LATEST)
        (root / f"{LATEST}.txt").unlink(missing_ok=True)
    except OSError:
        beside.unlink(missing_ok=True)
        replace_file(root / f"{LATEST}.txt", f"{path.name}\n".encode())


def explain_os_error(error: OSError, path: Path) -> RunFolderError:
    """The error to raise, with its hint, where a file of a run could not be written."""
    what = f"{path} can't be written"
    if error.errno in NO_SPACE:
        return RunFolderError(
            f"{what}: the disk is full or a quota is used up",
            "make room there, then continue with resume=true; or move the runs to another disk with run_dir=...",
        )
    if error.errno in NO_PERMISSION:
        return RunFolderError(
            f"{what}: {error.strerror}",
            f"make it writable (ls -ld {path.parent}), or choose another folder with run_dir=...",
        )
    return RunFolderError(f"{what}: {error}", "choose another folder with run_dir=...")
