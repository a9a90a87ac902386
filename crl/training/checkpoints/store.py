"""Checkpoints that survive a kill, a full disk and a flipped byte.

A checkpoint is a folder ``step_000012345`` with ``arrays.safetensors``, ``state.json`` (see
:mod:`crl.reading.states`), files of large arrays that did not change since the checkpoint before
(:mod:`crl.training.checkpoints.parts`) and ``manifest.json``: format version, step, package version, and size and
SHA-256 of the other files. It is written under a temporary name in the same folder, flushed, renamed and flushed again;
only then are older ones removed. A process killed at any instant leaves every earlier checkpoint as it was.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from crl.errors import CrlError
from crl.reading.json_text import deeper
from crl.reading.plain import open_plain, require_plain
from crl.reading.states import (
    DEPTH,
    FORMAT_ERRORS,
    StoredArray,
    UnsupportedStateError,
    decode,
    encode,
    read_safetensors,
    read_tree,
    safetensors_parts,
)
from crl.training.checkpoints.manifest import ARRAYS, MANIFEST, TREE, ManifestError, read_manifest, write_manifest
from crl.training.checkpoints.names import FORMAT, checkpoint_folders, step_and_revision
from crl.training.checkpoints.parts import Parts, Place, Unchanged, placed
from crl.training.files.durable import NO_PERMISSION, NO_SPACE, fsync_folder, write_hashed
from crl.version import __version__

State = dict[str, Any]
Fitted = TypeVar("Fitted")
MIGRATIONS: dict[int, Callable[[State], State]] = {
    1: lambda state: state,  # its arrays were all entries of their own
    2: lambda state: state,  # its arrays were all in one file
}
"""From each older format version, the function that makes its state one of the next version."""

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
        fitted: What the caller made of it; see :meth:`CheckpointStore.load_latest`.
    """

    step: int
    state: State
    problems: list[str]
    path: Path
    fitted: Any = None


@dataclass
class CheckpointStore:
    """The checkpoints of one run.

    One process at a time may save (:meth:`crl.training.runs.folder.RunFolder.lock` sees to that); any may read.

    Args:
        folder: Folder of the checkpoints; made at the first save.
        keep: Checkpoints that are kept, at least 1.

    Attributes:
        written: Bytes that the last save wrote: those of what changed, and the small manifest.
    """

    folder: Path
    keep: int = 2
    written: int = field(default=0, init=False)
    _before: Unchanged = field(default_factory=Unchanged, repr=False)
    _damaged: set[Path] = field(default_factory=set, repr=False)

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise ValueError(f"keep is {self.keep}; at least one checkpoint has to be kept")

    def list(self) -> Sequence[Path]:
        """Folders of all checkpoints, oldest first."""
        return checkpoint_folders(self.folder)

    def save(self, step: int, state: State, revision: int | None = None) -> Path:
        """Write a checkpoint and, once it is on the disk, remove the oldest.

        Saving at a step below that of existing checkpoints means that the run went back; what lies after the step
        belongs to a future that was given up, and is removed as well. Further saves at one step are kept beside the
        first, under ``step_000012345.2`` and so on.

        Args:
            step: Environment steps so far.
            state: Nested dicts (keys: strings or integers), lists and tuples of tensors, arrays, numpy scalars, and
                Python's numbers, strings, booleans and None.
            revision: What tells the saves at this step apart, at least 1; the next that is free by default. One that
                is taken is replaced if its checkpoint is damaged, else the next that is free is taken, too.

        Returns:
            The checkpoint's folder.

        Raises:
            CheckpointError: The disk is full, the folder can't be written, or the state holds something that can't be
                stored. Earlier checkpoints are intact and nothing is left behind.
        """
        if step < 0:
            raise ValueError(f"step is {step}; it counts from 0")
        try:
            tree, arrays = encode(state, packed=True)
            if deeper(tree, DEPTH):
                raise RecursionError
        except UnsupportedStateError as error:
            raise CheckpointError(
                f"checkpoint of step {step} not written: {error}, which has no exact form in a checkpoint",
                "have state_dict() return tensors, numpy arrays, numbers, strings, None, lists, tuples and dicts only",
            ) from error
        except RecursionError as error:
            raise CheckpointError(
                f"checkpoint of step {step} not written: the state is nested too deeply to be read again",
                "have state_dict() return flatter dicts and lists",
            ) from error
        changed, still = self._before.split(arrays)
        files: dict[str, Parts] = {
            ARRAYS: safetensors_parts(changed),
            TREE: [json.dumps(tree, allow_nan=False, separators=(",", ":")).encode()],
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._remove_leftovers()
            path, kept = self._write(step, files, still, revision)
        except OSError as error:
            needed = sum(memoryview(part).nbytes for parts in files.values() for part in parts)
            raise self._explain(error, step, needed + self._before.size(still)) from error
        self._before = Unchanged(path, {**placed(changed, files[ARRAYS]), **kept}, self._before.links)
        self._prune(path)
        return path

    def load_latest(self, fit: Callable[[State], Fitted] | None = None) -> LoadedCheckpoint:
        """Read the newest checkpoint that can be used; ``problems`` names those that were passed over.

        Args:
            fit: Is given the state, and raises if it is not one of this run; what it returns is ``fitted``.

        Raises:
            CheckpointVersionError: The newest undamaged checkpoint was written by a newer version of the package.
            CheckpointError: There is none that can be used.
        """
        problems: list[str] = []
        hint = None
        for path in reversed(self.list()):
            fitted = None
            try:
                loaded = self.load(path)
                if fit is not None:
                    fitted = _fitted(loaded, fit)
            except DamagedCheckpointError as error:
                problems.append(error.message)
                hint = hint or error.hint
                self._damaged.add(path)
                continue
            return LoadedCheckpoint(loaded.step, loaded.state, problems, loaded.path, fitted)
        found = "; ".join(problems) if problems else "there are none"
        raise CheckpointError(
            f"no usable checkpoint in {self.folder}: {found}",
            hint or "restore the folder from a copy, or start the run again without resume=true",
        )

    def load(self, path: Path) -> LoadedCheckpoint:
        """Read one checkpoint and verify it.

        Raises:
            DamagedCheckpointError: A file is missing, was cut short or has changed; named with both checksums.
            CheckpointVersionError: It was written by a newer version of the package.
        """
        try:
            manifest = read_manifest(path)
            version = _checked_version(path, manifest)
            data = {name: _read_verified(path / name, record) for name, record in manifest["files"].items()}
        except ManifestError as error:
            raise DamagedCheckpointError(str(error)) from error
        except OSError as error:
            raise DamagedCheckpointError(f"{path}: {error.filename or path} can't be read: {error.strerror}") from error
        try:
            tree = read_tree(data.pop(TREE))
            state = decode(tree, {name: one for file in data.values() for name, one in read_safetensors(file).items()})
        except FORMAT_ERRORS as error:
            raise DamagedCheckpointError(f"{path}: the content does not follow the format: {error!r}") from error
        if not isinstance(state, dict):
            raise DamagedCheckpointError(f"{path}: the content does not follow the format: it is no state")
        for older in range(version, FORMAT):
            state = MIGRATIONS[older](state)
        return LoadedCheckpoint(manifest["step"], state, [], path)

    def _write(
        self, step: int, files: Mapping[str, Parts], still: Sequence[StoredArray], revision: int | None
    ) -> tuple[Path, dict[str, Place]]:
        """Write or link beside, flush, rename, flush; returns the folder, and where arrays that did not change are."""
        name = self._name(step, revision)
        beside = self.folder / f"{_WRITING}{name}-{os.getpid()}"
        try:
            beside.mkdir()
            linked, places, written = self._before.put(beside, still)
            records = {file: write_hashed(beside / file, parts) for file, parts in files.items()}
            sealed = write_hashed(beside / MANIFEST, [write_manifest(step, {**records, **linked})])
            self.written = written + sum(record.size for record in (*records.values(), sealed))
            fsync_folder(beside)
            if (self.folder / name).exists():  # a damaged one: the one before it was gone on from
                self._discard(self.folder / name)
            beside.rename(self.folder / name)
        except BaseException:
            shutil.rmtree(beside, ignore_errors=True)
            raise
        fsync_folder(self.folder)
        return self.folder / name, places

    def _name(self, step: int, revision: int | None) -> str:
        taken = {step_and_revision(path)[1]: path for path in self.list() if step_and_revision(path)[0] == step}
        if revision is None or (revision in taken and taken[revision] not in self._damaged):
            revision = max(taken, default=0) + 1
        return f"step_{step:09d}" + (f".{revision}" if revision > 1 else "")

    def _discard(self, path: Path) -> None:
        """Remove a checkpoint. One that is cut short must not leave half a checkpoint under a checkpoint's name."""
        aside = self.folder / f"{_REMOVING}{path.name}-{os.getpid()}"
        path.rename(aside)
        self._damaged.discard(path)
        shutil.rmtree(aside)

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
                self._discard(path)
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
        return CheckpointError(f"{what}: {error}; {intact}", "fix the disk, then continue with resume=true")


def _fitted(loaded: LoadedCheckpoint, fit: Callable[[State], Fitted]) -> Fitted:
    try:
        return fit(loaded.state)
    except CrlError as error:
        raise DamagedCheckpointError(f"{loaded.path} does not fit the run: {error.message}", error.hint) from error
    except FORMAT_ERRORS as error:
        raise DamagedCheckpointError(f"{loaded.path} does not fit the run: {error!r}") from error


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
    """Read a file once: what was verified is what is used. The size is compared before anything is read."""
    size, expected = require_plain(path), record["bytes"]
    if size != expected:
        raise DamagedCheckpointError(f"{path} is damaged: it has {size} bytes, and {expected} were written")
    if size > _memory():
        raise DamagedCheckpointError(f"{path} has {size:,} bytes, more than this machine has memory")
    data = bytearray(size)
    with open_plain(path) as file:
        file.readinto(data)  # type: ignore[attr-defined]
    found = hashlib.sha256(data).hexdigest()
    if found != record["sha256"]:
        raise DamagedCheckpointError(
            f"{path} is damaged: {size} bytes with SHA-256 {found}; "
            f"{expected} bytes with SHA-256 {record['sha256']} were written"
        )
    return data


def _memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
