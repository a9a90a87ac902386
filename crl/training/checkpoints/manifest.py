"""``manifest.json`` of a checkpoint: what its files are, sealed by a checksum of its own (and read without torch)."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crl.reading.json_text import read_json
from crl.reading.schema import count, mapping, named, shown, text
from crl.training.checkpoints.names import FORMAT
from crl.training.files.durable import FileRecord
from crl.version import __version__

ARRAYS, TREE, MANIFEST = "arrays.safetensors", "state.json", "manifest.json"
KEPT = re.compile(r"kept-([0-9a-f]{64})\.safetensors")
"""Files of single arrays; the digits are the SHA-256 of the content."""
MOST = 1 << 24
"""Bytes of a manifest that are read; one has a few hundred, and two hundred more per file of a single array."""

_FILE = mapping({"bytes": count, "sha256": text}, ("bytes", "sha256"))
_NEEDED = mapping({}, (ARRAYS, TREE))


def _files(value: Any) -> str | None:
    """The two files that every checkpoint has, and those of single arrays; no other name is ever opened."""
    if (wrong := _NEEDED(value) or named(_FILE)(value)) is not None:
        return wrong
    others = [name for name in value if name not in (ARRAYS, TREE) and not KEPT.fullmatch(name)]
    return f"has the file {shown(others[0])}" if others else None


_SCHEMA = mapping(
    {
        "format": count,
        "step": count,
        "crl_version": text,
        "sha256": text,
        "files": _files,
    },
    ("format", "step", "crl_version", "sha256", "files"),
)


class ManifestError(ValueError):
    """A manifest is not one, or has changed."""


def seal(manifest: Mapping[str, Any]) -> str:
    """Checksum of a manifest's content without its own entry, so that a byte flipped in it is noticed as well."""
    rest = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def write_manifest(step: int, records: Mapping[str, FileRecord]) -> bytes:
    """The manifest of a checkpoint, sealed.

    Args:
        step: Environment steps.
        records: Size and checksum of its files, by name.
    """
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "step": step,
        "crl_version": __version__,
        "files": {name: {"bytes": record.size, "sha256": record.sha256} for name, record in records.items()},
    }
    manifest["sha256"] = seal(manifest)
    return json.dumps(manifest, indent=2).encode() + b"\n"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a checkpoint. Of a newer format no more is known than ``format``, ``crl_version`` and the seal.

    Args:
        folder: The checkpoint's folder.

    Raises:
        OSError: It is missing, can't be read, or is no plain file.
        ManifestError: It is no manifest, or has changed since it was written.
    """
    path = folder / MANIFEST
    try:
        found = read_json(path, MOST)
    except ValueError as error:
        raise ManifestError(f"{path} is not a manifest: {error}") from error
    if not isinstance(found, dict) or "sha256" not in found:
        raise ManifestError(f"{path} is not a manifest")
    if seal(found) != found["sha256"]:
        raise ManifestError(f"{path} has changed: its SHA-256 is {seal(found)}, not {found['sha256']}")
    version = found.get("format")
    newer = isinstance(version, int) and version > FORMAT
    if not newer and (wrong := _SCHEMA(found)) is not None:
        raise ManifestError(f"{path} is not a manifest: it {wrong}")
    return found
