"""The scripts that run comparisons: what they run, and that they lose nothing when runs fail or they are stopped.

A stand-in for python makes the runs take no time; one slow test does it with real ones.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import tiny

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = Path(__file__).with_name("stand_in.sh")

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the scripts need bash")


class Script:
    """A script of the checkout with its runs in a folder of their own."""

    def __init__(self, runs: Path, **environment: str) -> None:
        self.runs = runs
        self.environment = {**os.environ, "RUNS": str(runs), "PYTHON": str(STAND_IN), **environment}

    def start(self, name: str, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        self.runs.mkdir(parents=True, exist_ok=True)
        command = [str(ROOT / "scripts" / name), *arguments]
        pipe = subprocess.PIPE
        # A session of its own: a signal to it reaches nobody else.
        return subprocess.Popen(
            command,
            env={**self.environment, **environment},
            stdout=pipe,
            stderr=pipe,
            text=True,
            start_new_session=True,
        )

    def run(self, name: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(name, *arguments, **environment)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def events(self) -> list[str]:
        return (self.runs / "events").read_text().splitlines()

    def steps(self, run: str) -> int:
        found = self.runs / run / "steps"
        return len(found.read_text().splitlines()) if found.exists() else 0


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path / "runs")


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)


def test_every_entry_with_its_own_seeds(script: Script) -> None:
    entries = "hypercrl:0-2 ewc:0\n  agent=sb3_sac:1,3 continual=my_own:5"
    done = script.run("run_sequence.sh", "pusher", entries, "1", PROFILE="quick", OVERRIDES="a=1 b=[2,3]")
    assert (done.returncode, done.stderr) == (0, "")
    order = ["hypercrl_s0", "ewc_s0", "hypercrl_s1", "sb3_sac_s1", "hypercrl_s2", "sb3_sac_s3", "my_own_s5"]
    assert done.stdout.splitlines() == [f"pusher: {name}" for name in order], "the first seeds of all come first"
    folder = script.runs / "pusher"
    asked = (folder / "sb3_sac_s3/asked").read_text().split()
    assert asked == [
        *("-m", "crl.cli", "train", "env=pusher", "profile=quick", "agent=sb3_sac", "seed=3", f"run_dir={folder}"),
        *("name=sb3_sac_s3", "resume=true", "videos=false", "a=1", "b=[2,3]"),
    ]
    assert "continual=hypercrl" in (folder / "hypercrl_s1/asked").read_text().split()
    assert (folder / "planned").read_text().split() == sorted(order)
    script.run("run_sequence.sh", "pusher", "ewc:0-1")
    assert (folder / "planned").read_text().split() == sorted([*order, "ewc_s1"]), "earlier plans stand"


@pytest.mark.parametrize("parallel", [1, 3])
def test_as_many_at_a_time_as_asked(script: Script, parallel: int) -> None:
    assert script.run("run_sequence.sh", "pusher", "a:0-11 b:0-11", str(parallel), STEPS="2").returncode == 0
    alive = most = 0
    events = script.events()
    for event in events:
        alive += 1 if event.startswith("begin") else -1
        most = max(most, alive)
    assert len(events) == 48
    assert most <= parallel
    assert parallel == 1 or most > 1


def test_a_run_that_fails_stops_no_other_and_is_tried_again(script: Script) -> None:
    entries = ("pusher", "hypercrl:0-3 ewc:0-1")
    done = script.run("run_sequence.sh", *entries, FAIL="hypercrl_s0 ewc_s1")
    assert done.returncode == 1
    log = script.runs / "pusher/logs/ewc_s1.log"
    assert f"ewc_s1 failed: see {log}" in done.stderr
    assert set(done.stderr.splitlines()[-1].split()) == {"failed:", "pusher/hypercrl_s0", "pusher/ewc_s1"}
    assert log.read_text() == "no such strategy\n"
    finished = {path.parent.name for path in script.runs.glob("pusher/*/results.json")}
    assert finished == {"hypercrl_s1", "hypercrl_s2", "hypercrl_s3", "ewc_s0"}
    again = script.run("run_sequence.sh", *entries)
    assert (again.returncode, again.stderr) == (0, "")
    assert (script.runs / "pusher/ewc_s1/results.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_script_lets_its_runs_save_and_goes_on(script: Script, number: signal.Signals) -> None:
    entries = ("run_sequence.sh", "pusher", "hypercrl:0-2", "2")
    process = script.start(*entries, STEPS="80")
    wait_until(lambda: min(script.steps("pusher/hypercrl_s0"), script.steps("pusher/hypercrl_s1")) > 3)
    os.killpg(process.pid, number)  # as Ctrl-C in a terminal does
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "save what they learned; the same command continues" in err
    assert "hypercrl_s2" not in out, "nothing new is begun"
    for name in ("hypercrl_s0", "hypercrl_s1"):
        assert (script.runs / f"pusher/{name}/signals").read_text() == "stopped\n", "told once"
        assert 0 < script.steps(f"pusher/{name}") < 80
    done = script.run(*entries, STEPS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert [script.steps(f"pusher/hypercrl_s{seed}") for seed in range(3)] == [80, 80, 80], "nothing was done twice"


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux)")
def test_a_killed_script_takes_its_runs_along_and_goes_on(script: Script) -> None:
    entries = ("run_sequence.sh", "pusher", "hypercrl:0-1", "2")
    process = script.start(*entries, STEPS="400")
    wait_until(lambda: min(script.steps("pusher/hypercrl_s0"), script.steps("pusher/hypercrl_s1")) > 3)
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: sum(event.startswith("end") for event in script.events()) == 2)
    assert script.steps("pusher/hypercrl_s0") < 400
    assert script.run(*entries, STEPS="400").returncode == 0
    assert [script.steps(f"pusher/hypercrl_s{seed}") for seed in range(2)] == [400, 400]


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("pusher", "hypercrl"), "can't read 'hypercrl': write STRATEGY:SEEDS"),
        (("pusher", "hypercrl:0-"), "can't read 'hypercrl:0-'"),
        (("pusher", "hypercrl:-1"), "can't read 'hypercrl:-1'"),
        (("pusher", "env=x:0"), "can't read 'env=x:0'"),
        (("pusher", "a:0 b;rm:0"), "can't read 'b;rm:0'"),
        (("pusher", " "), "nothing to run"),
        (("pusher", "a:0", "0"), "'0' is not a positive number"),
        (("pusher", "a:0", "many"), "'many' is not a positive number"),
        (("pusher",), "usage: scripts/run_sequence.sh ENV"),
    ],
)
def test_what_can_not_be_read_runs_nothing(script: Script, arguments: tuple[str, ...], what: str) -> None:
    done = script.run("run_sequence.sh", *arguments)
    assert done.returncode == 2
    assert what in done.stderr
    assert not (script.runs / "events").exists()


def seeds(script: Script, sequence: str) -> dict[str, int]:
    """Number of planned seeds by strategy."""
    counts: dict[str, int] = {}
    for run in (script.runs / sequence / "planned").read_text().split():
        name, _, _ = run.rpartition("_s")
        counts[name] = counts.get(name, 0) + 1
    return counts


class TestReproduce:
    def test_cartpole_length(self, script: Script) -> None:
        assert script.run("reproduce_cartpole_length.sh", "8", PAGES="pages").returncode == 0
        three = "hypercrl_chunked hypercrl_ewc hypercrl_si hypercrl_replay ewc si gradient_projection pnn multitask"
        five = dict.fromkeys(["hypercrl", "coreset", "finetune", "single"], 5)
        assert seeds(script, "cartpole_length") == {**five, **dict.fromkeys(three.split(), 3), "sb3_sac": 1}
        assert "agent=sb3_sac" in (script.runs / "cartpole_length/sb3_sac_s0/asked").read_text()
        folder = script.runs / "cartpole_length"
        assert (script.runs / "pages").read_text() == f"page cartpole_length {folder} pages\n"

    def test_pusher(self, script: Script) -> None:
        assert script.run("reproduce_pusher.sh", "8", PAGES="pages").returncode == 0
        one = "hypercrl_chunked hypercrl_ewc hypercrl_si hypercrl_replay gradient_projection pnn multitask sb3_sac"
        three = dict.fromkeys(["hypercrl", "coreset", "ewc", "si", "finetune", "single"], 3)
        assert seeds(script, "pusher") == {**three, **dict.fromkeys(one.split(), 1)}
        assert seeds(script, "pusher_held_out") == {"hypercrl": 1}
        assert (script.runs / "pages").read_text().splitlines() == [
            f"page pusher {script.runs}/pusher pages",
            f"page pusher_held_out {script.runs}/pusher_held_out pages --reference {script.runs}/pusher",
        ]

    def test_half_cheetah_body(self, script: Script) -> None:
        assert script.run("reproduce_half_cheetah_body.sh").returncode == 0
        assert seeds(script, "half_cheetah_body") == {"hypercrl": 1, "finetune": 1, "single": 1}

    def test_continual_world(self, script: Script) -> None:
        assert script.run("reproduce_continual_world.sh", PAGES="pages").returncode == 0
        assert seeds(script, "cw10") == {"hypercrl": 1, "snapshot": 1, "finetune": 1}
        assert "profile=full" in (script.runs / "cw10/snapshot_s500/asked").read_text()

    def test_door_open(self, script: Script) -> None:
        assert script.run("reproduce_door_open.sh").returncode == 0
        assert seeds(script, "door_open") == {"hypercrl": 5, "finetune": 5, "single": 5}
        assert "videos=true" in (script.runs / "door_open/single_s4/asked").read_text()

    def test_the_page_is_written_without_the_runs_that_failed(self, script: Script) -> None:
        done = script.run("reproduce_pusher.sh", "8", FAIL="ewc_s0")
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == "failed: pusher/ewc_s0"
        assert len((script.runs / "pages").read_text().splitlines()) == 2

    def test_an_interruption_writes_no_page(self, script: Script) -> None:
        process = script.start("reproduce_half_cheetah_body.sh", STEPS="1000")
        wait_until(lambda: script.steps("half_cheetah_body/hypercrl_s0") > 0)
        process.terminate()
        process.communicate(timeout=60)
        assert process.returncode == 130
        assert not (script.runs / "pages").exists()


@pytest.mark.slow
def test_real_runs_that_were_killed_end_as_if_they_were_not(tmp_path: Path) -> None:
    shared = [word for word in tiny.SMALL if "hypernetwork" not in word]  # finetune has no hypernetwork, and says so
    overrides = [*shared, "checkpoint.seconds=0", "learning.steps_per_env_step=8", "tasks=[0,1]"]
    setting = {"PYTHON": sys.executable, "PROFILE": "quick", "OVERRIDES": " ".join(overrides)}
    sequence = "tests.tiny:SLIDES"
    entries = ("run_sequence.sh", sequence, "hypercrl:0 finetune:0", "2")
    calm, killed = Script(tmp_path / "calm", **setting), Script(tmp_path / "killed", **setting)

    done = calm.run(*entries)
    assert done.returncode == 0, done.stderr

    process = killed.start(*entries)
    log = killed.runs / sequence / "hypercrl_s0/metrics.jsonl"
    wait_until(lambda: log.exists() and log.stat().st_size > 0)
    process.terminate()
    process.communicate(timeout=120)
    assert process.returncode == 130
    assert not all((killed.runs / sequence / f"{name}_s0/results.json").exists() for name in ("hypercrl", "finetune"))
    again = killed.run(*entries)
    assert again.returncode == 0, again.stderr

    def outcome(script: Script, name: str) -> dict[str, Any]:
        folder = script.runs / sequence / f"{name}_s0"
        results = json.loads((folder / "results.json").read_text())
        kept = {key: value for key, value in results.items() if key not in tiny.TIMES}
        return {"results": kept, "metrics": (folder / "metrics.jsonl").read_bytes()}

    for name in ("hypercrl", "finetune"):
        assert outcome(killed, name) == outcome(calm, name)
