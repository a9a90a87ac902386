"""A run that was stopped anywhere ends like the run that never was: to the bit, times aside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crl.config import Config
from crl.training.checkpoint import CheckpointStore
from crl.training.loop import TrainingLoop
from crl.training.runner import resume, train
from tests import tiny
from tests.crl.states import differences, numbers

MASTERY = (
    "budget.mastery=true",
    "budget.mastery_window=2",
    "budget.mastery_successes=1",
    "budget.validation_episodes=3",
    "budget.validation_successes=3",
    "budget.steps=[300]",
)
VARIANTS: dict[str, dict[str, Any]] = {
    "hypercrl": {},
    "hypercrl, look-ahead": {"more": ["continual.lookahead=true"]},
    "chunked, Gaussian ensemble": {
        "more": ["continual=hypercrl_chunked", "dynamics.ensemble=2", "dynamics.out_var=true", "dynamics.rollout=2"]
    },
    "finetune": {"more": ["continual=finetune"]},
    "single": {"more": ["continual=single"]},
    "hypercrl, cycle": {"tasks": "[0,1,0,0]"},
    "single, cycle": {"tasks": "[0,1,0,0]", "more": ["continual=single"]},
    "hypercrl, mastery": {"env": "LUCKY", "more": MASTERY},
    "finetune, mastery": {"env": "LUCKY", "more": [*MASTERY, "continual=finetune"]},
    "exploration by handover": {"more": ["exploration.handover=1", "exploration.random_episodes=2"]},
    "faulty simulator": {"env": "SOMETIMES_NAN"},
}


def comparable(loop: TrainingLoop) -> dict[str, Any]:
    state = loop.state_dict()
    del state["clock"]
    return state


@pytest.mark.parametrize("variant", VARIANTS)
def test_stopped_after_every_unit(variant: str, tmp_path: Path) -> None:
    given = dict(VARIANTS[variant])
    config = tiny.settings(tmp_path, *given.pop("more", []), **given)
    whole = tiny.make_loop(config, tmp_path / "whole")
    store = CheckpointStore(tmp_path / "checkpoints", keep=1)
    tiny.make_loop(config, tmp_path / "stopped").log.close()
    stages: list[str] = []
    units = 0
    while not whole.done:
        # Every unit of the stopped run is done by a loop, an agent and environments that know the checkpoint only.
        stopped = tiny.make_loop(config, tmp_path / "stopped")
        if units:
            assert stopped.load_state_dict(store.load_latest().state) == []
        stages.append(whole.state.stage)
        whole.unit()
        stopped.unit()
        units += 1
        assert not differences(comparable(whole), comparable(stopped)), f"unit {units}: {stages[-1]}"
        store.save(stopped.state.env_steps, stopped.state_dict())
        stopped.log.close()
    whole.log.close()
    assert (tmp_path / "whole/metrics.jsonl").read_bytes() == (tmp_path / "stopped/metrics.jsonl").read_bytes()
    # The trial would mean nothing if little had happened.
    assert whole.state.gradient_steps > 30
    assert numbers(whole.agent.state_dict()) > 1000
    if "mastery" in variant:
        steps = list(zip(stages, stages[1:], strict=False))
        assert ("validate", "collect") in steps, "no validation failed, after which learning goes on"
        assert ("validate", "evaluate") in steps
    if variant == "faulty simulator":
        assert any("fault" in line for line in tiny.lines(tmp_path / "whole"))
