"""``crl sweep``: from its arguments to a finished sweep, or a part of one that the same command continues."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from rich.console import Console

from crl.errors import Interrupted, SettingsError
from crl.sweeps import options
from crl.sweeps.batches import by_seed, refuse_alone, refuse_launcher
from crl.sweeps.code_version import code_version
from crl.sweeps.driver import drive
from crl.sweeps.folder import SweepFolder, writable
from crl.sweeps.launchers.local import LocalPool
from crl.sweeps.launchers.pool import Pool
from crl.sweeps.launchers.ray_pool import Ray, RayPool
from crl.sweeps.options import Local, Request
from crl.sweeps.points.expansion import Plan, expand, plan
from crl.sweeps.points.point import Point, deciding, identity
from crl.sweeps.points.search import Search, objective
from crl.sweeps.points.sources import Listed, Source
from crl.sweeps.points.space import Space, read_space, require_optuna
from crl.sweeps.screen import Board, Screen
from crl.sweeps.state import State, done

ROOT = Path("sweeps")


def sweep(arguments: Sequence[str], console: Console, any_code: bool = False) -> tuple[SweepFolder, list[State]]:
    """Run what is left of a sweep.

    Args:
        arguments: Settings of runs (several values separated by commas), ``launcher``, ``sweep`` and ``sweep_dir``.
        console: Where to show it.
        any_code: Whether finished and begun runs count that other code made.

    Returns:
        The sweep, and the states of its points.

    Raises:
        Interrupted: Ctrl-C; the runs were saved.
        CrlError: A setting, the folder or the launcher is at fault; nothing was started.
    """
    request = options.read(arguments)
    refuse_launcher(request)
    make_pool, retries = _launcher(request, any_code)
    if request.folder is not None:
        writable(request.folder)
    code = None if any_code else code_version()
    if request.kind == "tune":
        return _tune(request, arguments, console, make_pool, retries)
    planned = expand(request.overrides)
    if request.batch == "seeds":
        refuse_alone(planned.configs)
    for_all = identity(planned.points)
    path = request.folder or ROOT / f"{_fit(planned.env)}-{_digest(for_all)}"
    writable(path)
    with SweepFolder.make(path) as folder:
        folder.define("grid", for_all, arguments, [point.name for point in planned.points])
        for point, composed in zip(planned.points, planned.composed, strict=True):
            folder.write_point(point, composed)
        left = [point for point in planned.points if not done(folder, point, code)]
        screen = Screen(folder, console)
        screen.say(_opening(planned, len(left), path))
        if request.launcher == "slurm":
            _hand_over(request, folder, left, any_code, screen)
        elif left and request.batch == "seeds":
            batches = by_seed(left)
            ordered = [point for batch in batches for point in batch]
            make_pool, _ = _launcher(request, any_code, [[point.name for point in batch] for batch in batches])
            _run(folder, Listed(ordered), make_pool, retries, screen, arguments)
        elif left:
            _run(folder, Listed(left), make_pool, retries, screen, arguments)
        return folder, Board(folder).states()


def _tune(
    request: Request, arguments: Sequence[str], console: Console, make_pool: Callable[[Path], Pool], retries: int
) -> tuple[SweepFolder, list[State]]:
    if request.launcher == "slurm":
        raise SettingsError("sweep=tune waits for results, and launcher=slurm does not", "use launcher=local or ray")
    require_optuna()
    space, about = read_space(request.overrides), list(objective(request.tune))
    tried = plan(space.extremes(), [], [str(place) for place, _ in enumerate(space.extremes())])
    mark = [about, deciding(_texts(space))]
    path = request.folder or ROOT / f"{_fit(tried.env)}-tune-{_digest(mark)}"
    writable(path)
    with SweepFolder.make(path) as folder:
        known = folder.names() if (folder.path / "sweep.json").exists() else []
        folder.define("tune", mark, arguments, known)
        search = Search(folder, space, request.tune)
        screen = Screen(folder, console, search.summary)
        screen.say(f"{request.tune.trials} trials in {path}")
        _run(folder, search, make_pool, retries, screen, arguments)
        if search.summary():
            screen.say(search.summary())
        return folder, Board(folder).states()


def _texts(space: Space) -> list[str]:
    searched = [f"{item.key}={item!r}" for item in space.dimensions]
    return [*(f"{key}={value}" for key, value in space.fixed), *searched, f"seed={','.join(space.seeds)}"]


def _run(
    folder: SweepFolder,
    source: Source,
    make_pool: Callable[[Path], Pool],
    retries: int,
    screen: Screen,
    arguments: Sequence[str],
) -> None:
    with closing(make_pool(folder.path)) as pool, screen:
        through = drive(folder, source, pool, retries, screen)
    if not through:
        raise Interrupted(f"crl sweep {shlex.join(arguments)}")


def _launcher(
    request: Request, any_code: bool, batches: Sequence[Sequence[str]] = ()
) -> tuple[Callable[[Path], Pool], int]:
    """What makes the pool, and how often it starts a point again. Its settings are checked before anything is made."""
    values = request.launcher_settings
    if request.launcher == "slurm":
        from crl.sweeps.launchers import slurm

        slurm.read_settings(values)
        slurm.require_slurm()
        return _no_pool, 0
    if request.launcher == "ray":
        ray: Ray = options.structured(Ray, values, "launcher")
        options.whole(ray.workers, "launcher.workers", 1)
        options.whole(ray.retries, "launcher.retries", 0)
        if ray.address is not None and ray.workers is not None:
            raise SettingsError(
                "launcher.workers is for a local instance of Ray",
                "a cluster runs as many as its CPUs allow: leave it out",
            )
        return lambda folder: RayPool(folder, ray, any_code), ray.retries
    local: Local = options.structured(Local, values, "launcher")
    options.whole(local.workers, "launcher.workers", 1)
    options.whole(local.retries, "launcher.retries", 0)
    return lambda folder: LocalPool(folder, local.workers, any_code, batches), local.retries


def _no_pool(folder: Path) -> Pool:
    raise AssertionError(f"{folder}: Slurm has no pool")


def _hand_over(request: Request, folder: SweepFolder, left: Sequence[Point], any_code: bool, screen: Screen) -> None:
    from crl.sweeps.launchers import slurm

    jobs = slurm.hand_over(folder, left, slurm.read_settings(request.launcher_settings), any_code)
    still = len(left) - len(jobs)
    queue = f"; {still} in its queue from before" if still else ""
    screen.say(
        f"{len(jobs)} point{'s' * (len(jobs) != 1)} handed to Slurm{queue}: {folder.path / 'slurm'} holds their output"
    )
    screen.say(f"watch them with: crl sweep --status {shlex.quote(str(folder.path))} --watch")


def _opening(planned: Plan, left: int, path: Path) -> str:
    count = len(planned.points)
    equal = f" ({planned.equal} with the settings of another left out)" if planned.equal else ""
    finished = f", {count - left} finished before" if left < count else ""
    return f"{count} point{'s' * (count != 1)}{equal}{finished}, in {path}"


def _digest(plain: object) -> str:
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()[:8]


def _fit(env: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in env)
