"""The folder of the runs: whether it can be written, locked and linked in, and how much room there is."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
import tempfile
from pathlib import Path

from crl.diagnosis.finding import Finding

SUBJECT = "disk"
LEAST = 200e6
"""Bytes below which a run may fail: two checkpoints of a large model and the log."""
LITTLE = 2e9
"""Bytes below which a sweep may fail."""


def disk(runs: Path) -> list[Finding]:
    """Findings on the folder of the runs, which need not exist yet; nothing is left there."""
    place = runs
    while not place.exists() and place.parent != place:
        place = place.parent
    return [_room(runs, place), *_writing(runs, place)]


def _room(runs: Path, place: Path) -> Finding:
    try:
        free = shutil.disk_usage(place).free
    except OSError as error:
        return Finding(SUBJECT, "room", "warning", f"{place}: {error.strerror}", "choose another folder: run_dir=...")
    said = f"{free / 1e9:.1f} GB free for {runs}"
    hint = "make room (old runs: their checkpoints/ are the large part), or choose another disk: run_dir=..."
    if free < LEAST:
        return Finding(SUBJECT, "room", "broken", said, hint, needed=True)
    if free < LITTLE:
        return Finding(SUBJECT, "room", "warning", said, hint)
    return Finding(SUBJECT, "room", "ok", said, needed=True)


def _writing(runs: Path, place: Path) -> list[Finding]:
    hint = f"make it writable (ls -ld {shlex.quote(str(place))}), or choose another folder: run_dir=..."
    if not place.is_dir():
        return [Finding(SUBJECT, "writing", "broken", f"{place} is a file", "choose another folder: run_dir=...", True)]
    try:
        with tempfile.TemporaryDirectory(prefix=".crl_doctor_", dir=place) as folder:
            file = Path(folder) / "file"
            file.write_bytes(b"crl")
            findings = [Finding(SUBJECT, "writing", "ok", f"{place} can be written", needed=True)]
            findings.append(_locks(file))
            findings.append(_links(Path(folder)))
    except OSError as error:
        return [Finding(SUBJECT, "writing", "broken", f"{place}: {error.strerror}", hint, needed=True)]
    return findings


def _locks(file: Path) -> Finding:
    descriptor = os.open(file, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        hint = "train in a run's folder only once at a time, or put the runs on a local disk"
        return Finding(SUBJECT, "locks", "warning", f"this file system has none ({error.strerror})", hint)
    finally:
        os.close(descriptor)
    return Finding(SUBJECT, "locks", "ok", "a run's folder can be held against a second process")


def _links(folder: Path) -> Finding:
    try:
        (folder / "link").symlink_to("file")
    except OSError as error:
        said = f"this file system has none ({error.strerror}); runs/latest.txt takes the place of runs/latest"
        return Finding(SUBJECT, "links", "absent", said)
    return Finding(SUBJECT, "links", "ok", "runs/latest can point to the newest run")
