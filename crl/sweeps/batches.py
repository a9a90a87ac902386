"""``batch=seeds``: which points of a sweep are one process, and which can't be."""

from __future__ import annotations

from collections.abc import Sequence

from crl.config import Config
from crl.config.declared.agents import MPC, kind_of
from crl.errors import SettingsError
from crl.sweeps.options import Request
from crl.sweeps.points.point import Point

HINT = "leave out batch=seeds: every run then has a process of its own"


def refuse_launcher(request: Request) -> None:
    """Refuse kinds of sweeps whose points are handed over one by one.

    Raises:
        SettingsError: It is such a one.
    """
    if request.batch == "none":
        return
    if request.kind == "tune":
        raise SettingsError("sweep=tune makes its points one by one, and batch=seeds does several at once", HINT)
    if request.launcher != "local":
        raise SettingsError(
            f"launcher={request.launcher} does every point by itself, and batch=seeds does several at once",
            "use launcher=local, or leave out batch=seeds",
        )


def refuse_alone(configs: Sequence[Config]) -> None:
    """Refuse runs that can't learn and plan together with others.

    Raises:
        SettingsError: One of them can't; the message says why.
    """
    for config in configs:
        reason = _why_alone(config)
        if reason is not None:
            raise SettingsError(f"batch=seeds can't do {config.method}: {reason}", HINT)


def _why_alone(config: Config) -> str | None:
    kind = kind_of(config)
    if kind.flies_missions or config.life.steps is not None:
        return "runs that fly missions or live plan on a moving body's model, which is unrolled by itself"
    if kind != MPC:
        return f"agent={config.agent.name} does not plan on a learned model (agent=mpc does)"
    if config.planner.deadline > 0:
        return "with planner.deadline a plan depends on the time that it takes, and runs wait for each other here"
    return None


def by_seed(points: Sequence[Point]) -> list[list[Point]]:
    """Points that differ in nothing but the seed, together, in the order of the first of each."""
    found: dict[tuple[str, ...], list[Point]] = {}
    for point in points:
        rest = tuple(item for item in point.settings if item.partition("=")[0] != "seed")
        found.setdefault(rest, []).append(point)
    return list(found.values())
