"""What is exported is whole or not there: a full disk, an error or Ctrl-C leaves nothing that looks like an export."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crl.exporting.extra import ExportError
from crl.training.runs.folder import explain_os_error


def require_free(path: Path) -> None:
    """Refuse to write over something.

    Raises:
        ExportError: It is there.
    """
    if path.exists():
        raise ExportError(f"{path} exists already", "give another name with --out")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Write a file or a folder under its own name in a folder beside, and move it to its place when the block ends.

    Args:
        path: Where to; it must not exist. Folders on the way are made.

    Yields:
        What to write to; the libraries of some formats look at its name.

    Raises:
        ExportError: The place is taken, or can't be written.
    """
    require_free(path)
    beside = path.parent / f".writing-{path.name}-{os.getpid()}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.mkdir()
        yield beside / path.name
        require_free(path)
        (beside / path.name).rename(path)
    except OSError as error:
        raise ExportError(explain_os_error(error, path).message, "choose another place with --out") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
