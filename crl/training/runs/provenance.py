"""Which code makes a run: noted when a process begins to work on it, since a checkout may change while it runs."""

from __future__ import annotations

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crl.version import __version__

if TYPE_CHECKING:  # a listing of runs reads this module, and need not wait for torch
    from crl.training.runs.folder import RunFolder

NAME = "provenance.json"


@cache
def commit() -> str | None:
    """Short hash of the checkout that the package is imported from, with ``+`` if it holds changes of its code.

    It is that of the first call, which should be early. ``None`` for an installed package, or without git.
    """
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    try:
        short = _git(root, "rev-parse", "--short=7", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "crl", "envs", "configs")
    except (OSError, subprocess.SubprocessError):
        return None
    return short + ("+" if changed else "")


def note_code(folder: RunFolder) -> None:
    """Note in a run's folder which code works on it from now on; a run may be continued by other code.

    Raises:
        RunFolderError: It can't be written.
    """
    code = {key: value for key, value in (("version", __version__), ("commit", commit())) if value is not None}
    before = read_code(folder.path)
    if code not in before[-1:]:
        folder.write_json(folder.path / NAME, {"code": [*before, code]})


def read_code(folder: Path) -> list[dict[str, Any]]:
    """Version and commit of the code that began a run, and of all that continued it; empty where that is not known."""
    try:
        found = json.loads((folder / NAME).read_bytes())["code"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    known = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return [{key: item[key] for key in ("version", "commit") if isinstance(item.get(key), str)} for item in known]


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()
