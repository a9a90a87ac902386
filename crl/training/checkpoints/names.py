"""Names and format version of checkpoints: what may be known of them without reading one (and without torch)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

FORMAT = 3
"""Version of the format that is written. A change that older code can't read, or that older checkpoints don't follow,
raises it and adds a migration."""

_NAME = re.compile(r"step_(\d{9,})(?:\.(\d+))?")


def checkpoint_folders(folder: Path) -> Sequence[Path]:
    """Folders of all checkpoints in a folder, oldest first; none if it is not there."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), key=step_and_revision)


def step_and_revision(path: Path) -> tuple[int, int]:
    """Step and revision of a checkpoint's name.

    Raises:
        ValueError: It is not named like one.
    """
    match = _NAME.fullmatch(path.name)
    if match is None:
        raise ValueError(f"{path} is not named like a checkpoint (step_000012345)")
    return int(match[1]), int(match[2] or 1)
