"""Which code made a run: the commit of the checkout, where the package runs from one."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path


@cache
def commit() -> str | None:
    """Short hash of the checkout that the package is imported from, with ``+`` if it holds changes of its code.

    ``None`` for an installed package, or without git.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        short = _git(root, "rev-parse", "--short=7", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", "crl", "envs", "configs")
    except (OSError, subprocess.SubprocessError):
        return None
    return short + ("+" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()
