"""Runs of agents beside the model-based one: from settings to results, resumed to the bit, evaluated again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crl.cli import app
from crl.training.checkpoints.store import CheckpointStore
from crl.training.load import load_run
from crl.training.runner import train
from tests import tiny
from tests.crl.states import differences, numbers

SMALL = ("agent.hidden=[8]", "agent.batch=8")
VARIANTS = {
    "soft actor-critic": ("agent=sb3_sac", *SMALL),
    "all old data": ("agent=sb3_td3", "agent.keep_buffer=true", "agent.buffer=50", *SMALL),
    "random": ("agent=random",),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_stopped_after_every_unit(variant: str, tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, *VARIANTS[variant], "budget.steps=[32]", tasks="[0,1,0]")
    whole = tiny.make_loop(config, tmp_path / "whole")
    store = CheckpointStore(tmp_path / "checkpoints", keep=1)
    tiny.make_loop(config, tmp_path / "stopped").log.close()
    units = 0
    while not whole.done:
        stopped = tiny.make_loop(config, tmp_path / "stopped")
        if units:
            assert stopped.load_state_dict(store.load_latest().state) == []
        whole.unit()
        stopped.unit()
        units += 1
        one, other = whole.state_dict(), stopped.state_dict()
        del one["clock"], other["clock"]
        assert not differences(one, other), f"unit {units}"
        store.save(stopped.state.env_steps, stopped.state_dict())
        stopped.log.close()
    whole.log.close()
    assert (tmp_path / "whole/metrics.jsonl").read_bytes() == (tmp_path / "stopped/metrics.jsonl").read_bytes()
    if variant != "random":
        assert whole.state.gradient_steps > 20
        assert numbers(whole.agent.state_dict()) > 1000


@pytest.mark.parametrize(
    ("name", "revisits"), [("sb3_sac", False), ("sb3_td3", True), ("random", False), ("mpc", False)]
)
def test_a_run_ends_in_results_and_can_be_evaluated(name: str, revisits: bool, tmp_path: Path) -> None:
    more = SMALL if name.startswith("sb3") else ()
    keep = ("agent.keep_buffer=true",) if revisits else ()
    results = train(tiny.settings(tmp_path, f"agent={name}", *more, *keep), tiny.quiet()[0])
    assert (results["agent"], results["strategy"]) == (name, "hypercrl" if name == "mpc" else name)
    assert results["planner"] == ("icem" if name == "mpc" else None)
    assert results["env_steps"] == 128
    assert (results["gradient_steps"] > 0) == (name != "random")
    assert results["memory"]["revisits_data"] == revisits
    assert (results["memory"]["old_rows_read"] > 0) == revisits
    run = load_run(tmp_path / "run")
    assert run.tasks == [0, 1]
    done = CliRunner().invoke(app, ["eval", str(tmp_path / "run"), "--json"])
    assert done.exit_code == 0, done.output
    again = json.loads(done.stdout)["tasks"]
    assert [(task["name"], task["mean_return"]) for task in again] == [
        (task["name"], task["mean_return"]) for task in results["tasks"]
    ]


def test_a_run_without_a_name_is_called_by_its_agent(tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, "agent=random", "budget.steps=[16]", tasks="[0]")
    config.name = None
    train(config, tiny.quiet()[0])
    (folder,) = (path for path in tmp_path.iterdir() if path.is_dir() and not path.is_symlink())
    assert "_random_s0_" in folder.name
