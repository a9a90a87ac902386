"""The folder of a run that begins with what other runs have learned, and the file in it that says which."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crl.config import Config
from crl.config.asking.composing import fingerprint, to_yaml
from crl.reading.json_text import read_json
from crl.training.runs.folder import RunFolder

ORIGIN = "derived_from.json"
"""File of a run that says which command made it, of which runs, and what came of it."""

DISTIL = "distil"
"""The command whose runs have an entry of their own in their results."""


@contextmanager
def derived(config: Config, root: Path, name: str, origin: Mapping[str, Any]) -> Iterator[RunFolder]:
    """Make the folder of a derived run; the settings, which make it one, are written when the block ends.

    Where the block fails or is interrupted, nothing is left, and ``latest`` points where it did.

    Args:
        config: The new run's settings.
        root: Folder of the runs.
        name: The run's name; where it is taken, a number is appended.
        origin: What :data:`ORIGIN` says.

    Yields:
        The folder, to be filled.

    Raises:
        RunFolderError: It can't be written.
    """
    folder = RunFolder.create(root, name, fingerprint(config), latest=False)
    try:
        yield folder
        folder.write_json(folder.path / ORIGIN, dict(origin))
        folder.write_text(folder.config, to_yaml(config))
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    folder.be_latest()


def origin_of(folder: RunFolder) -> dict[str, Any]:
    """What :data:`ORIGIN` says; nothing, if the run is not a derived one or the file can't be read."""
    try:
        found = read_json(folder.path / ORIGIN)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def distilled(folder: RunFolder) -> dict[str, Any]:
    """What the results of a run tell of its networks, if they were distilled: their widths, weights and errors."""
    origin = origin_of(folder)
    keys = ("hidden", "weights", "error")
    return {"distilled": {key: origin[key] for key in keys if key in origin}} if origin.get("command") == DISTIL else {}
