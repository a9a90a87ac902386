"""Checkpoints that survive a kill, a full disk and a flipped byte.

A checkpoint is a folder ``step_000012345`` with ``arrays.safetensors``, ``state.json`` (see
:mod:`crl.training.checkpoint_format`) and ``manifest.json``: format version, step, package version, and size and
SHA-256 of the other files. It is written under a temporary name in the same folder, flushed, renamed and flushed again;
only then are older ones removed. A process killed at any instant leaves every earlier checkpoint as it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import struct
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crl.errors import CrlError
from crl.training.checkpoint_format import UnsupportedStateError, decode, encode, read_safetensors, safetensors_parts
from crl.training.checkpoint_names import FORMAT, checkpoint_folders, step_and_revision
from crl.training.durable import NO_PERMISSION, NO_SPACE, FileRecord, fsync_folder, write_hashed
from crl.version import __version__

State = dict[str, Any]
Parts = Sequence[bytes | memoryview]

MIGRATIONS: dict[int, Callable[[State], State]] = {}
"""From each older format version, the function that makes its state one of the next version."""

ARRAYS, TREE, MANIFEST = "arrays.safetensors", "state.json", "manifest.json"
_WRITING, _REMOVING = ".writing-", ".removing-"


class CheckpointError(CrlError):
    """A checkpoint can't be written or read."""


class DamagedCheckpointError(CheckpointError):
    """A checkpoint's files are not what was written; an earlier checkpoint may serve."""


class CheckpointVersionError(CheckpointError):
    """A checkpoint's format is not one that this version of the package reads."""


@dataclass(frozen=True)
class LoadedCheckpoint:
    """A checkpoint that was read and verified.

    Attributes:
        step: Environment steps at which it was saved.
        state: The state, to the bit; tensors are on the CPU.
        problems: Later checkpoints that could not be used, one message each, with file and checksum.
        path: Its folder.
    """

    step: int
    state: State
    problems: list[str]
    path: Path


@dataclass
class CheckpointStore:
    """The checkpoints of one run.

    One process at a time may save (:meth:`crl.training.run_folder.RunFolder.lock` sees to that); any may read.

    Args:
        folder: Folder of the checkpoints; made at the first save.
        keep: Checkpoints that are kept, at least 1.
    """

    folder: Path
    keep: int = 2
    _damaged: set[Path] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ValueError(f"keep is {self.keep}; at least one checkpoint has to be kept")

    def list(self) -> Sequence[Path]:
        """Folders of all checkpoints, oldest first."""
        return checkpoint_folders(self.folder)

    def save(self, step: int, state: State) -> Path:
        """Write a checkpoint and, once it is on the disk, remove the oldest.

        Saving at a step below that of existing checkpoints means that the run went back; what lies after the step
        belongs to a future that was given up, and is removed as well. A second save at one step is kept beside the
        first, under ``step_000012345.2``.

        Args:
            step: Environment steps so far.
            state: Nested dicts (keys: strings or integers), lists and tuples of tensors, arrays, numpy scalars, and
                Python's numbers, strings, booleans and None.

        Returns:
            The checkpoint's folder.

        Raises:
            CheckpointError: The disk is full, the folder can't be written, or the state holds something that can't be
                stored. Earlier checkpoints are intact and nothing is left behind.
        """
        if step < 0:
            raise ValueError(f"step is {step}; it counts from 0")
        try:
            tree, arrays = encode(state)
        except UnsupportedStateError as error:
            raise CheckpointError(
                f"checkpoint of step {step} not written: {error}, which has no exact form in a checkpoint",
                "have state_dict() return tensors, numpy arrays, numbers, strings, None, lists, tuples and dicts only",
            ) from error
        files: dict[str, Parts] = {
            ARRAYS: safetensors_parts(arrays),
            TREE: [json.dumps(tree, allow_nan=False, separators=(",", ":")).encode()],
        }
        needed = sum(memoryview(part).nbytes for parts in files.values() for part in parts)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()
            path = self._write(step, files)
        except OSError as error:
            raise self._explain(error, step, needed) from error
        self._prune(path)
        return path

    def load_latest(self) -> LoadedCheckpoint:
        """Read the newest checkpoint that is undamaged; ``problems`` names those that were passed over.

        Raises:
            CheckpointVersionError: The newest undamaged checkpoint was written by a newer version of the package.
            CheckpointError: There is none that can be used.
        """
        problems: list[str] = []
        for path in reversed(self.list()):
            try:
                loaded = self.load(path)
            except DamagedCheckpointError as error:
                problems.append(error.message)
                self._damaged.add(path)
                continue
            return LoadedCheckpoint(loaded.step, loaded.state, problems, loaded.path)
        found = "; ".join(problems) if problems else "there are none"
        raise CheckpointError(
            f"no usable checkpoint in {self.folder}: {found}",
            "restore the folder from a copy, or start the run again without resume=true",
        )

    def load(self, path: Path) -> LoadedCheckpoint:
        """Read one checkpoint and verify it.

        Raises:
            DamagedCheckpointError: A file is missing, was cut short or has changed; named with both checksums.
            CheckpointVersionError: It was written by a newer version of the package.
        """
        try:
            manifest = _read_manifest(path)
            version = _checked_version(path, manifest)
            data = {name: _read_verified(path / name, manifest["files"][name]) for name in (ARRAYS, TREE)}
        except OSError as error:
            raise DamagedCheckpointError(f"{path}: {error.filename or path} can't be read: {error.strerror}") from error
        try:
            state = decode(json.loads(data[TREE]), read_safetensors(data[ARRAYS]))
        except (KeyError, ValueError, TypeError, struct.error) as error:
            raise DamagedCheckpointError(f"{path}: the content does not follow the format: {error!r}") from error
        for older in range(version, FORMAT):
            state = MIGRATIONS[older](state)
        return LoadedCheckpoint(manifest["step"], state, [], path)

    def _write(self, step: int, files: Mapping[str, Parts]) -> Path:
        """Write beside, flush, rename, flush."""
        revisions = [step_and_revision(path)[1] for path in self.list() if step_and_revision(path)[0] == step]
        name = f"step_{step:09d}" + (f".{max(revisions) + 1}" if revisions else "")
        beside = self.folder / f"{_WRITING}{name}-{os.getpid()}"
        try:
            beside.mkdir()
            records = {file: write_hashed(beside / file, parts) for file, parts in files.items()}
            write_hashed(beside / MANIFEST, [_manifest(step, records)])
            fsync_folder(beside)
            beside.rename(self.folder / name)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        fsync_folder(self.folder)
        return self.folder / name

    def _prune(self, saved: Path) -> None:
        """Remove what a durable new checkpoint makes superfluous. Failing to is no reason to stop a run."""
        existing = self.list()
        good = [
            path
            for path in existing
            if path not in self._damaged and step_and_revision(path) <= step_and_revision(saved)
        ]
        superfluous = [path for path in existing if path not in good[-self.keep :]]
        try:
            for path in superfluous:
                # A removal that is cut short must not leave half a checkpoint under a checkpoint's name.
                aside = self.folder / f"{_REMOVING}{path.name}-{os.getpid()}"
                path.rename(aside)
                self._damaged.discard(path)
                shutil.rmtree(aside)
        except OSError as error:
            warnings.warn(f"an old checkpoint in {self.folder} can't be removed: {error}", stacklevel=3)

    def _remove_leftovers(self) -> None:
        for path in self.folder.iterdir():
            if path.name.startswith((_WRITING, _REMOVING)):
                shutil.rmtree(path, ignore_errors=True)

    def _explain(self, error: OSError, step: int, needed: int) -> CheckpointError:
        what = f"checkpoint of step {step} not written to {self.folder}"
        intact = "earlier checkpoints are intact"
        if error.errno in NO_SPACE:
            free = 0
            with contextlib.suppress(OSError):
                free = shutil.disk_usage(self.folder).free
            return CheckpointError(
                f"{what}: the disk is full or a quota is used up; it needs {needed:,} bytes and {free:,} are free; "
                f"{intact}",
                "make room there, then continue with resume=true; or move the runs to another disk with run_dir=...",
            )
        if error.errno in NO_PERMISSION:
            return CheckpointError(
                f"{what}: the folder can't be written ({error.strerror}); {intact}",
                f"make it writable (ls -ld {self.folder}), then continue with resume=true; or choose another run_dir",
            )
        return CheckpointError(f"{what}: {error}; {intact}", "mend the disk, then continue with resume=true")


def _canonical(manifest: dict[str, Any]) -> str:
    """Checksum of a manifest's content without its own entry, so that a byte flipped in it is noticed as well."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _manifest(step: int, records: dict[str, FileRecord]) -> bytes:
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "step": step,
        "crl_version": __version__,
        "files": {name: {"bytes": record.size, "sha256": record.sha256} for name, record in records.items()},
    }
    manifest["sha256"] = _canonical(manifest)
    return json.dumps(manifest, indent=2).encode() + b"\n"


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        found, expected = _canonical(manifest), manifest["sha256"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedCheckpointError(f"{path / MANIFEST} is not a manifest: {error!r}") from error
    if found != expected:
        raise DamagedCheckpointError(f"{path / MANIFEST} has changed: its SHA-256 is {found}, not {expected}")
    return dict(manifest)


def _checked_version(path: Path, manifest: dict[str, Any]) -> int:
    version = int(manifest["format"])
    if version > FORMAT:
        raise CheckpointVersionError(
            f"{path} has format {version}, written by crl {manifest['crl_version']}; "
            f"crl {__version__} reads formats up to {FORMAT}",
            f"install crl {manifest['crl_version']} or newer",
        )
    missing = [older for older in range(version, FORMAT) if older not in MIGRATIONS]
    if missing:
        raise CheckpointVersionError(
            f"{path} has format {version}, written by crl {manifest['crl_version']}; "
            f"crl {__version__} can't bring format {missing[0]} up to {FORMAT}",
            f"install crl {manifest['crl_version']}",
        )
    return version


def _read_verified(path: Path, record: dict[str, Any]) -> bytearray:
    """Read a file once: what was verified is what is used."""
    data = bytearray(path.stat().st_size)
    with path.open("rb") as file:
        file.readinto(data)
    found = hashlib.sha256(data).hexdigest()
    if len(data) != record["bytes"] or found != record["sha256"]:
        raise DamagedCheckpointError(
            f"{path} is damaged: {len(data)} bytes with SHA-256 {found}; "
            f"{record['bytes']} bytes with SHA-256 {record['sha256']} were written"
        )
    return data
