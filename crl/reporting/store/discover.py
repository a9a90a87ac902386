"""Which folders are runs: whole ones, half-written ones, and those that have lost a part."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from crl.training.runs.folder import LATEST

MARKS = ("config.yaml", "results.json", "fingerprint", "metrics.jsonl", "checkpoints")
"""What only a run's folder holds: one of these is enough."""

DEPTH = 4
"""Levels below a folder of runs at which runs are looked for: sweeps and groups of runs lie in folders of their own."""

_NAMED = re.compile(r"_s\d+_\d{8}-\d{6}(_\d+)?$")
"""The end of a run's name: an empty folder with it is what a run leaves that was killed at once."""


def is_run(path: Path) -> bool:
    """Whether a folder is a run's, finished or not, whole or not."""
    if (
        path.name == LATEST and not path.is_symlink()
    ):  # where a link should be: a copy of a run that was made with links followed
        return False
    if any(os.path.exists(path / mark) for mark in MARKS):  # noqa: PTH110 (unlike Path.exists, it never raises)
        return True
    return _NAMED.search(path.name) is not None and _empty(path)


def discover(root: Path, depth: int = DEPTH) -> list[Path]:
    """Folders of runs in a folder, at any level down to ``depth``, sorted.

    Links are never followed, so that ``latest`` is no run of its own, and neither is a real folder of that name, nor
    anything inside a run. Folders that can't be read are passed over.
    """
    return sorted(_walk(root, depth))


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = [entry for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):
            continue
        if is_run(path):
            yield path
        elif depth > 1:
            yield from _walk(path, depth - 1)


def _empty(path: Path) -> bool:
    try:
        return next(os.scandir(path), None) is None
    except OSError:
        return False
