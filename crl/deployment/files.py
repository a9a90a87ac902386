"""The files of a deployment: written once as a whole, and read only as they were written.

``manifest.json`` holds the format's version, what the deployment is, and size and SHA-256 of every other file; its own
content is sealed by a SHA-256 of itself. A file that is missing, changed or was added is refused. Checksums find
accidents; they are no signature: whoever can write the folder can write its manifest, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crl.errors import CrlError
from crl.reading.json_text import read_json
from crl.reading.plain import read_bytes, require_plain
from crl.reading.schema import count, mapping, named, number, text
from crl.training.files.durable import fsync_folder, write_hashed
from crl.version import __version__

FORMAT = 1
"""Version of the format. A change that older code can't read raises it."""
KIND = "crl deployment"
MANIFEST = "manifest.json"
WEIGHTS, STATE, CONFIG, TASK, ROBOT = "weights.safetensors", "state.json", "config.yaml", "task.json", "robot.yaml"
FILES = (WEIGHTS, STATE, CONFIG, TASK, ROBOT)
MAKE = "make one with `crl deploy`"
AGAIN = "export it again with `crl deploy`, or copy the whole folder anew"


MOST = 1 << 20
"""Bytes of a manifest that are read; one has a few thousand."""
LARGEST = 1 << 30
"""Bytes that a file of a deployment may have; the weights have a few hundred thousand."""


def _bytes(value: Any) -> str | None:
    return count(value) or (f"is {value:,}, more than any deployment has" if value > LARGEST else None)


def _rate(value: Any) -> str | None:
    return number(value) or ("is negative" if value < 0 else None)


_SCHEMA = mapping(
    {
        "format": count,
        "robot": text,
        "env": text,
        "reward": text,
        "refiner": text,
        "learner_rate": _rate,
        "run": text,
        "step": count,
        "weights": count,
        "versions": named(text),
        "files": mapping(dict.fromkeys(FILES, mapping({"bytes": _bytes, "sha256": text}, ("bytes", "sha256"))), FILES),
    },
    ("format", "robot", "env", "reward", "learner_rate", "files"),
)


class DeploymentError(CrlError):
    """A deployment can't be made or used; the message says why and what to do."""


@dataclass(frozen=True)
class Contents:
    """A deployment's files, verified.

    Attributes:
        folder: Where they are.
        manifest: What it says.
        files: Content by name.
    """

    folder: Path
    manifest: Mapping[str, Any]
    files: Mapping[str, bytearray]

    @property
    def seal(self) -> str:
        """Checksum of the manifest, and with it of everything."""
        return str(self.manifest["sha256"])


def write_folder(folder: Path, said: Mapping[str, Any], files: Mapping[str, Sequence[bytes | memoryview]]) -> None:
    """Write a deployment beside its place, flush it, and rename it.

    Args:
        folder: Where to; it must not exist, or be empty.
        said: Further entries of the manifest.
        files: Content of each of :data:`FILES`, in parts.

    Raises:
        DeploymentError: The folder is taken, or can't be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DeploymentError(f"{folder} exists already", "name another folder, or remove it first")
    beside = folder.parent / f".writing-{folder.name}-{os.getpid()}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
        records = {name: write_hashed(beside / name, parts) for name, parts in files.items()}
        manifest = {
            "kind": KIND,
            "format": FORMAT,
            **said,
            "files": {name: {"bytes": record.size, "sha256": record.sha256} for name, record in records.items()},
        }
        manifest["sha256"] = _sum(manifest)
        write_hashed(beside / MANIFEST, [json.dumps(manifest, indent=2).encode() + b"\n"])
        fsync_folder(beside)
        beside.rename(folder)
        fsync_folder(folder.parent)
    except OSError as error:
        raise DeploymentError(f"{folder} can't be written: {error.strerror}", "choose another place") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def read_folder(folder: Path) -> Contents:
    """Read and verify all files; what was verified is what is used.

    Raises:
        DeploymentError: The folder is no deployment, of a newer format, or a file is missing, changed or was added.
    """
    try:
        manifest = read_json(folder / MANIFEST, MOST)
        there = {path.name for path in folder.iterdir()}
    except FileNotFoundError as error:
        raise DeploymentError(f"{folder} is no deployment: it has no {MANIFEST}", MAKE) from error
    except (OSError, ValueError) as error:
        raise DeploymentError(f"{folder / MANIFEST} can't be read: {error}", AGAIN) from error
    _check_manifest(folder, manifest)
    missing, extra = sorted({*FILES} - there), sorted(there - {*FILES, MANIFEST})
    if missing:
        raise DeploymentError(f"{folder} lacks {', '.join(missing)}", AGAIN)
    if extra:
        raise DeploymentError(
            f"{folder} holds {', '.join(extra)}, which were not exported", "move them elsewhere: nothing may be added"
        )
    return Contents(folder, manifest, {name: _verified(folder / name, manifest["files"][name]) for name in FILES})


def _check_manifest(folder: Path, manifest: Any) -> None:
    path = folder / MANIFEST
    if not isinstance(manifest, dict) or manifest.get("kind") != KIND:
        raise DeploymentError(f"{path} is not of a deployment", MAKE)
    version = manifest.get("format")
    if isinstance(version, int) and version > FORMAT:
        versions = manifest.get("versions")
        made = str(versions.get("crl", "a newer version") if isinstance(versions, dict) else "a newer version")
        raise DeploymentError(
            f"{folder} has format {version}, written by crl {made}; crl {__version__} reads formats up to {FORMAT}",
            f"install crl {made} or newer, or export it again with this version",
        )
    if manifest.get("sha256") != _sum(manifest):
        raise DeploymentError(f"{path} has changed since it was exported", AGAIN)
    wrong = _SCHEMA(manifest) or (None if version == FORMAT else f".format is {version}")
    if wrong is not None:
        raise DeploymentError(f"{path} is not as one is exported: it{wrong if wrong[0] == '.' else f' {wrong}'}", AGAIN)


def _verified(path: Path, record: Mapping[str, Any]) -> bytearray:
    expected = record["bytes"]
    try:
        size = require_plain(path)
        if size != expected:
            raise DeploymentError(f"{path} is damaged: it has {size} bytes, and {expected} were exported", AGAIN)
        data = bytearray(read_bytes(path, expected))
    except OSError as error:
        raise DeploymentError(f"{path} can't be read: it {error.strerror}", AGAIN) from error
    found = hashlib.sha256(data).hexdigest()
    if found != record["sha256"]:
        raise DeploymentError(
            f"{path} is damaged: {size} bytes with SHA-256 {found[:12]}..., "
            f"{expected} bytes with {record['sha256'][:12]}... were exported",
            AGAIN,
        )
    return data


def _sum(manifest: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
