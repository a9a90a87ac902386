"""Which code would make a run: equal for code that gives the same runs."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from crl.plugins import entry_points
from crl.version import __version__

PACKAGES = ("crl", "crl_envs")
"""Packages whose source decides what a run comes to."""

WITHOUT_EFFECT = ("checks", "cli.py", "commands", "diagnosis", "reporting", "sweeps")
"""Parts of ``crl`` that only start, check or show runs."""

PLUGIN_GROUPS = ("crl.task_sequences", "crl.agents", "crl.strategies", "crl.planners", "crl.refiners")


@cache
def code_version() -> str:
    """``0.1.0-1a2b3c4d5e6f``: the version, and a hash over the source that learns, acts and simulates.

    The hash covers the text of :data:`PACKAGES` without :data:`WITHOUT_EFFECT`, and name and version of each installed
    plug-in. Unlike a commit it does not change with documentation, tests or reports, and it tells two states of a
    checkout apart that nobody has committed. Settings are no part of it: a run's fingerprint is about those.
    """
    digest = hashlib.sha256()
    for package in PACKAGES:
        for root in _roots(package):
            for path in sorted(root.rglob("*.py")):
                inside = path.relative_to(root)
                if package == "crl" and inside.parts[0] in WITHOUT_EFFECT:
                    continue
                digest.update(f"{package}/{inside.as_posix()}\0".encode())
                digest.update(path.read_bytes() + b"\0")
    for plugin in _plugins():
        digest.update(plugin.encode() + b"\0")
    return f"{__version__}-{digest.hexdigest()[:12]}"


def _roots(package: str) -> list[Path]:
    spec = find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []


def _plugins() -> list[str]:
    """``name==version`` of distributions that add agents, strategies, planners or sequences to this package's own."""
    found = {point.dist for group in PLUGIN_GROUPS for point in entry_points(group=group) if point.dist is not None}
    return sorted({f"{dist.name}=={dist.version}" for dist in found if dist.name != "crl"})
