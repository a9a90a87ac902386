"""``launcher=ray``, on a local instance of Ray."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from crl.errors import CrlError
from crl.sweeps import record as records
from crl.sweeps.folder import SweepFolder
from crl.sweeps.launchers.ray_pool import Ray, RayPool
from crl.sweeps.state import states
from tests.crl.sweeps.small_sweep import arguments, command, surroundings

pytest.importorskip("ray")
PATIENCE = 400.0


@pytest.mark.slow
def test_the_sweep_survives_the_death_of_a_worker(tmp_path: Path, repository: Path) -> None:
    """One run is killed, and so is a worker of Ray's with another run below it; both go on, and nothing is lost."""
    given = [*arguments("seed=range(0,4)", "budget.steps=[512]", "checkpoint.seconds=0"), f"sweep_dir={tmp_path}/sweep"]
    with subprocess.Popen(
        command(*given, "launcher=ray", "launcher.workers=2", "--any-code"),
        cwd=tmp_path,
        env=surroundings(repository),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            killed: dict[str, str] = {}
            until = time.monotonic() + PATIENCE
            while len(killed) < 2 and time.monotonic() < until and process.poll() is None:
                for path in (tmp_path / "sweep").glob("points/*"):
                    if path.name not in killed and len(killed) < 2 and (victim := run_of(path, tmp_path / "sweep")):
                        target = victim if not killed else parent_of(victim)
                        with suppress(ProcessLookupError):
                            os.kill(target, signal.SIGKILL)
                            killed[path.name] = "run" if target == victim else "worker of Ray"
                time.sleep(0.02)
            output, errors = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    assert process.returncode == 0, output + errors
    assert sorted(killed.values()) == ["run", "worker of Ray"]
    folder = SweepFolder.open(tmp_path / "sweep")
    assert [item.state for item in states(folder)] == ["finished"] * 4
    for name in killed:
        record = records.read(folder.point(name))
        assert record is not None and record.attempts >= 2
    assert "its process was ended by SIGKILL; it goes on from its last checkpoint" in output
    assert "its Ray worker died" in output


def run_of(point: Path, sweep: Path) -> int | None:
    """The process of a point that has learned something, if it runs."""
    record = records.read(point)
    log = sweep / "runs" / point.name / "metrics.jsonl"
    if record is None or record.outcome != "running" or not log.is_file() or log.stat().st_size == 0:
        return None
    return int(record.process.split()[0])


def parent_of(process: int) -> int:
    """The worker of Ray's that started a run."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_cluster_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def init(**_: object) -> None:
        raise ConnectionError("no answer from 192.0.2.1:6379")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(CrlError, match=r"the Ray cluster 192\.0\.2\.1:6379 can't be reached: no answer"):
        RayPool(tmp_path, Ray(address="192.0.2.1:6379"), any_code=False)


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(CrlError, match=r"pip install 'crl\[ray\]'"):
        RayPool(tmp_path, Ray(), any_code=False)
