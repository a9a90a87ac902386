from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from crl.errors import CrlError, SettingsError
from crl.sweeps.folder import SweepFolder
from crl.sweeps.launchers import slurm
from crl.sweeps.launchers.process import run_to_end
from crl.sweeps.sweep import sweep
from tests.crl.sweeps.small_sweep import arguments, planned, points, silent, surroundings

pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
submitit = pytest.importorskip("submitit")

SBATCH = """#!/bin/sh
echo x >> "{here}/jobs"
cp "$1" "{here}/script.sh"
echo "Submitted batch job $((4241 + $(wc -l < "{here}/jobs")))"
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of stand-ins for Slurm's programs: ``sbatch`` keeps the script, ``squeue`` says what is in ``queue``."""
    here = tmp_path / "bin"
    here.mkdir()
    (here / "queue").write_text("")
    programs = {"sbatch": SBATCH.format(here=here), "srun": "#!/bin/sh\n", "squeue": f'#!/bin/sh\ncat "{here}/queue"\n'}
    for name, text in programs.items():
        (here / name).write_text(text)
        (here / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{here}:{os.environ['PATH']}")
    return here


@pytest.fixture
def submit(cluster: Path, tmp_path: Path) -> Callable[..., str]:
    """``crl sweep ... launcher=slurm``; gives what it printed."""

    def run(*more: str) -> str:
        console = silent()
        given = [*arguments("seed=0,1,2"), f"sweep_dir={tmp_path}/sweep", "launcher=slurm", *more]
        _, states = sweep(given, console, any_code=True)
        assert all(item.state == "waiting" for item in states)
        return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]

    return run


def test_the_job_script(cluster: Path, submit: Callable[..., str], tmp_path: Path) -> None:
    said = submit(
        "launcher.partition=robots", "launcher.timeout_min=90", "launcher.array_parallelism=2", "launcher.mem_gb=3"
    )
    script = (cluster / "script.sh").read_text()
    directives = {line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH")}
    wanted = {
        "array=0-2%2",
        "partition=robots",
        "time=90",
        "mem=3GB",
        "cpus-per-task=1",
        "job-name=crl-sweep",
        "nodes=1",
    }
    assert wanted <= directives, directives
    assert "submitit.core._submit" in script and str(tmp_path / "sweep" / "slurm") in script
    assert subprocess.run(["bash", "-n", cluster / "script.sh"], check=False).returncode == 0
    assert "3 points handed to Slurm" in said and "--status" in said
    folder = SweepFolder.open(tmp_path / "sweep")
    assert [(folder.point(name) / slurm.JOB).read_text() for name in folder.names()] == [
        "4242_0\n",
        "4242_1\n",
        "4242_2\n",
    ]


def test_what_slurm_still_has_is_left_to_it(cluster: Path, submit: Callable[..., str]) -> None:
    submit()
    (cluster / "queue").write_text("4242_0\n4242_2\n99_1\n")
    assert "1 point handed to Slurm; 2 in its queue" in submit()
    # A single point is a job of its own, no array: submitit submits it so, and Slurm lists it so.
    (cluster / "queue").write_text("4242_0\n4243\n4242_2\n")
    (cluster / "script.sh").unlink()
    submit()
    assert not (cluster / "script.sh").exists()


def test_a_job_does_its_point(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What submitit would call on the node, and would call again when the time is over."""
    monkeypatch.setenv("PYTHONPATH", surroundings(repository)["PYTHONPATH"])
    with planned(tmp_path, arguments()) as folder:
        (name,) = folder.names()
    job = slurm.PointJob(str(tmp_path), any_code=True)
    assert job(name, 1) == 0
    assert (folder.run(name) / "results.json").is_file()
    again = job.checkpoint(name, 1)
    assert isinstance(again, submitit.helpers.DelayedSubmission)
    assert again.args == (name, 1)
    # A job that is one too many leaves the finished run alone.
    assert run_to_end(str(tmp_path), name, 1, True) == 0
    assert folder.log(name).read_text().splitlines()[-1] == "nothing to do: this run is finished"


def test_no_slurm_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CrlError, match="needs sbatch and srun") as caught:
        sweep([*arguments(), f"sweep_dir={tmp_path}/sweep", "launcher=slurm"], silent())
    assert "login node" in str(caught.value)
    assert not (tmp_path / "sweep").exists()


def test_settings_are_those_of_the_plugin() -> None:
    settings = slurm.read_settings({"qos": "night"})
    assert (settings["qos"], settings["timeout_min"], settings["name"]) == ("night", 60, "crl-sweep")
    with pytest.raises(SettingsError, match=r"unknown setting launcher\.partitoin: did you mean 'partition'"):
        slurm.read_settings({"partitoin": "x"})
    with pytest.raises(SettingsError, match="cannot be 'long'"):
        slurm.read_settings({"timeout_min": "long"})


def test_a_search_waits_for_results_and_slurm_does_not(cluster: Path) -> None:
    with pytest.raises(SettingsError, match="use launcher=local or ray"):
        sweep([*arguments("sweep=tune", "planner=icem,cem"), "launcher=slurm"], silent())


def test_points_that_need_threads_ask_for_them() -> None:
    assert [point.threads for point in points(*arguments("threads=1,2"))] == [1, 2]
