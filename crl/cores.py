"""How many processor cores this process may use: the one answer for workers, and for what ``crl doctor`` says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

PROCESS = Path("/proc/self/cgroup")
MOUNT = Path("/sys/fs/cgroup")
CONTROLLERS = ("cpu", "cpu,cpuacct", "cpuacct,cpu")
"""Folders in which control groups of version 1 keep quotas of CPU time."""


def cores(process: Path = PROCESS, mount: Path = MOUNT) -> int:
    """Cores that this process may use: its affinity, and the least quota of its control groups, rounded up.

    Args:
        process: File that names the control groups of this process.
        mount: Where control groups are mounted, of version 1 or 2.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [quota for folder in _folders(process, mount) if (quota := _quota(folder)) is not None]
    return max(1, min([allowed, *quotas]))


def _folders(process: Path, mount: Path) -> Iterator[Path]:
    """Folders of the groups that this process is in, and of those around them: each may have a quota."""
    try:
        lines = process.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    # A container sees its own group as the root, whatever path the host names it by.
    inside: dict[str, list[str]] = {"": ["/"], "cpu": ["/"]}
    for line in lines:
        _, controllers, path = line.split(":", 2) if line.count(":") >= 2 else ("", "-", "")
        if controllers == "" or "cpu" in controllers.split(","):
            inside["cpu" if controllers else ""].append(path)
    for version, paths in inside.items():
        roots = [mount / name for name in CONTROLLERS] if version else [mount]
        for path in paths:
            parts = [part for part in path.split("/") if part not in ("", "..")]
            for count in range(len(parts) + 1):
                yield from (root.joinpath(*parts[:count]) for root in roots)


def _quota(folder: Path) -> int | None:
    """Cores that a control group may use; ``None`` without a limit, or without such a group."""
    try:
        limit, period = (folder / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            limit = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        except (OSError, ValueError):
            return None
    try:
        allowed, each = int(limit), int(period)
    except ValueError:  # "max"
        return None
    return max(1, -(-allowed // each)) if allowed > 0 and each > 0 else None
