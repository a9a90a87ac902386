"""``launcher=slurm``: points are handed to Slurm as an array of jobs; the sweep does not wait for them.

The settings are those that hydra-submitit-launcher publishes, and submitit writes the job script. Each job starts the
point's process, which alone knows what is left to do: to hand a sweep over again is always safe.
"""

from __future__ import annotations

import getpass
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from crl.config.asking.values import first_line
from crl.errors import CrlError, SettingsError
from crl.matching import nearest
from crl.sweeps.folder import SweepFolder
from crl.sweeps.launchers.process import run_to_end
from crl.sweeps.points.point import Point
from crl.text import shown
from crl.training.files.durable import replace_file

PUBLISHED = "hydra/launcher/submitit_slurm.yaml"
COMMON = (
    "timeout_min",
    "cpus_per_task",
    "gpus_per_node",
    "tasks_per_node",
    "mem_gb",
    "nodes",
    "name",
    "stderr_to_stdout",
)
"""Settings that submitit knows for any scheduler; the others get its prefix ``slurm_``."""
OURS = ("submitit_folder", "max_num_timeout")
"""Settings that are arguments of the executor itself."""
JOB = "slurm_job"


class PointJob:
    """What a job does. Submitit puts it into the queue again when its time is over."""

    def __init__(self, folder: str, any_code: bool) -> None:
        self.folder, self.any_code = folder, any_code

    def __call__(self, name: str, threads: int) -> int:
        """Do a point; the rest is in its folder."""
        return run_to_end(self.folder, name, threads, self.any_code)

    def checkpoint(self, name: str, threads: int) -> Any:
        """The same again: the run goes on from its last checkpoint."""
        submitit: Any = import_module("submitit")

        return submitit.helpers.DelayedSubmission(self, name, threads)


def read_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of the launcher: those of hydra-submitit-launcher with their defaults.

    Raises:
        CrlError: It is not installed.
        SettingsError: An unknown key, or a value of the wrong type.
    """
    composed = _published()
    names = [str(name) for name in composed if name not in ("_target_", "submitit_folder")]
    for key, value in {"name": "crl-sweep", **values}.items():
        if key.partition(".")[0] not in names:
            raise SettingsError(f"unknown setting launcher.{key}{nearest(key, names)}")
        try:
            OmegaConf.update(composed, key, value, merge=True)
        except OmegaConfBaseException as error:
            raise SettingsError(f"launcher.{key} cannot be {shown(repr(value))}: {first_line(error)}") from error
    return {name: OmegaConf.to_container(composed)[name] for name in names}  # type: ignore[call-overload,index]


def hand_over(folder: SweepFolder, points: Sequence[Point], settings: Mapping[str, Any], any_code: bool) -> list[str]:
    """Submit points as one array; those that Slurm still has from before are left to it.

    Args:
        folder: The sweep.
        points: What is not finished.
        settings: As :func:`read_settings` gives them.
        any_code: Whether runs count that other code made.

    Returns:
        Numbers of the jobs, one per point that was handed over.

    Raises:
        CrlError: There is no Slurm here, or it refused.
    """
    require_slurm()
    submitit: Any = import_module("submitit")

    queued = _queue()
    left = [point for point in points if _job(folder, point.name) not in queued]
    if not left:
        return []
    try:
        executor = submitit.AutoExecutor(
            folder.path / "slurm" / "%j", cluster="slurm", slurm_max_num_timeout=settings["max_num_timeout"]
        )
        given = {name: value for name, value in settings.items() if name not in OURS}
        given["cpus_per_task"] = given.get("cpus_per_task") or max(point.threads for point in left)
        executor.update_parameters(
            **{name if name in COMMON else f"slurm_{name}": value for name, value in given.items()}
        )
        job = PointJob(str(folder.path), any_code)
        jobs = executor.map_array(job, [point.name for point in left], [point.threads for point in left])
    except (OSError, RuntimeError, submitit.core.utils.FailedJobError, subprocess.SubprocessError) as error:
        raise CrlError(
            f"Slurm did not take the jobs: {error}", "check the launcher's settings with sbatch by hand"
        ) from error
    for point, made in zip(left, jobs, strict=True):
        replace_file(folder.point(point.name) / JOB, f"{made.job_id}\n".encode())
    return [str(made.job_id) for made in jobs]


def require_slurm() -> None:
    """Find out whether jobs can be submitted from this machine.

    Raises:
        CrlError: They can't.
    """
    missing = [name for name in ("sbatch", "srun") if shutil.which(name) is None]
    if missing:
        raise CrlError(
            f"launcher=slurm needs {' and '.join(missing)}, which this machine does not have",
            "start the sweep on a login node of the cluster; elsewhere launcher=local or launcher=ray",
        )


def _published() -> Any:
    """The launcher's settings as the plug-in publishes them to Hydra."""
    from hydra.core.config_store import ConfigStore
    from hydra.core.plugins import Plugins

    Plugins.instance()  # makes the installed plug-ins publish
    try:
        return ConfigStore.instance().load(PUBLISHED).node
    except Exception as error:  # Hydra's own error is no public one
        raise CrlError(
            "launcher=slurm needs hydra-submitit-launcher, which is not installed", "pip install 'crl[slurm]'"
        ) from error


def _job(folder: SweepFolder, name: str) -> str | None:
    try:
        return (folder.point(name) / JOB).read_text().strip()
    except OSError:
        return None


def _queue() -> set[str]:
    """Jobs of this user that Slurm has, waiting or running.

    Where it can't be asked there are none: a job that is one too many ends at once.
    """
    with suppress(OSError, subprocess.SubprocessError):
        asked = ["squeue", "--noheader", "--array", "--user", getpass.getuser(), "--format", "%i"]
        done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)
        return set(done.stdout.split())
    return set()
