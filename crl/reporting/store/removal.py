"""Removing runs for good, and nothing but runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from crl.errors import CrlError
from crl.reporting.store.discover import is_run
from crl.reporting.store.holder import holder


def check_removable(folder: Path) -> None:
    """Refuse what must not be removed.

    Raises:
        CrlError: It is a link, no run's folder, or a process trains in it.
    """
    if folder.is_symlink():
        raise CrlError(
            f"{folder} is a link to {folder.readlink()}", "name the run itself: a link is not followed to remove"
        )
    if not folder.is_dir() or not is_run(folder):
        raise CrlError(f"{folder} is no run: nothing was removed", "crl runs list names them")
    user = holder(folder)
    if user:
        raise CrlError(f"{folder} is in use: process {user} trains in it", "wait until it ends or stop it")


def remove(folder: Path) -> None:
    """Remove a run's folder. Links inside are removed, never followed: what they point to stays.

    The folder gets another name first, so that one half removed is no run any more.

    Raises:
        CrlError: It must not or can't be removed.
    """
    check_removable(folder)
    beside = folder.with_name(f".removing-{folder.name}.{os.getpid()}")
    try:
        folder.rename(beside)
        shutil.rmtree(beside)
    except OSError as error:
        raise CrlError(
            f"{folder} can't be removed: {error.strerror or error}", f"see: ls -ld {folder.parent} {beside}"
        ) from error
    _fix_latest(folder)


def _fix_latest(folder: Path) -> None:
    """A ``latest`` that led to a removed run leads nowhere: remove it."""
    link = folder.parent / "latest"
    try:
        if link.is_symlink() and link.readlink() == Path(folder.name):
            link.unlink()
    except OSError:
        return
