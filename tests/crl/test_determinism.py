"""The same seed gives the same bits, another seed others, for every strategy and planner."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crl.agents.planning import PlanningAgent
from crl.config.asking.composing import names
from crl.config.declared.compositions import elements
from crl.planning.planner import GROUP as PLANNERS
from crl.training.clock import Clock
from tests import tiny
from tests.crl.states import differences

METHODS = {
    "hypercrl": ["continual=hypercrl"],
    "hypercrl, chunked": ["continual=hypercrl", "dynamics.hypernetwork.kind=chunked"],
    "hypercrl, ensemble": ["continual=hypercrl", "dynamics.ensemble=2", "dynamics.out_var=true"],
    **{
        name: [f"continual={name}"]
        for name in (
            "coreset",
            "ewc",
            "finetune",
            "gradient_projection",
            "hypercrl_ewc",
            "hypercrl_replay",
            "hypercrl_si",
            "multitask",
            "pnn",
            "si",
            "finetune_heads",
            "single",
            "snapshot",
            "packnet",
            "vcl",
            "redo",
            "continual_backprop",
            "grown",
            "conpet",
        )
    },
}
PLANNED_BY = ["icem", "cem", "mppi", "random_shooting"]


def run(folder: Path, *overrides: str, **options: Any) -> dict[str, Any]:
    """Metrics and all the state of a run, which finds the global generators in any state."""
    for disturb in (torch.seed, np.random.seed, random.seed):  # what a run must not depend on
        disturb()
    loop = tiny.finish(tiny.make_loop(tiny.settings(folder, "budget.steps=[48]", *overrides, **options), folder))
    loop.log.close()
    state = {**loop.state_dict(), "clock": Clock().state_dict()}
    del state["clock"]
    return {"metrics": (folder / "metrics.jsonl").read_bytes(), "state": state}


FAST = ("hypercrl, ensemble", "coreset", "pnn", "redo")
"""One of each kind; the others run among the slow tests."""
PAIRS = [
    *(("hypercrl", planner) for planner in PLANNED_BY),
    *((method, "icem") for method in FAST),
    *(pytest.param(method, "icem", marks=pytest.mark.slow) for method in METHODS if method not in ("hypercrl", *FAST)),
]


@pytest.mark.parametrize(("method", "planner"), PAIRS)
def test_same_seed_same_bits(method: str, planner: str, tmp_path: Path) -> None:
    settings = [*METHODS[method], f"planner={planner}"]
    first = run(tmp_path / "first", *settings, "seed=11")
    second = run(tmp_path / "second", *settings, "seed=11")
    assert not differences(first, second)
    other = run(tmp_path / "other", *settings, "seed=12")
    assert other["metrics"] != first["metrics"]
    assert differences(first["state"]["agent"]["strategy"], other["state"]["agent"]["strategy"])
    assert differences(first["state"]["agent"]["buffer"], other["state"]["agent"]["buffer"])


def test_what_comes_with_the_package_is_covered() -> None:
    covered = {setting.removeprefix("continual=") for settings in METHODS.values() for setting in settings[:1]}
    assert set(names("planner")) == set(PLANNED_BY), f"a planner was added ({PLANNERS}): test it here"
    run_here = {path for name in covered for path in elements(name)}
    generators = {path for name in names("continual") for path in elements(name) if ".generators." in path}
    # These differ from a covered one in what they compute alone. tests/crl/continual/test_strategies.py holds every
    # strategy to one seed, at a fraction of a run's cost.
    alike = {
        "hypercrl_chunked:HyperCRLChunked",
        "hyper.hypercrl_recurrent:HyperCRLRecurrent",
        "hyper.hyperinterval:HyperInterval",
        "sparse:Sparse",
        *("lora.low_rank:LowRank", "lora.olora:OLoRA", "lora.codyra:CoDyRA", "lora.lae:LAE", "lora.ilora:ILoRA"),
        *("lora.experts:Experts", "lora.adaptors:Adaptors"),
    }
    assert generators - run_here == {f"crl.continual.generators.{path}" for path in alike}, "test new ones here"


def test_physics_too(tmp_path: Path) -> None:
    runs = [
        run(tmp_path / name, "budget.steps=[400]", "evaluation.episodes=1", env="cartpole_length", tasks="[0]")
        for name in ("first", "second")
    ]
    assert not differences(*runs)
    assert len(runs[0]["state"]["agent"]["buffer"]["reward"]) == 400


def test_the_strategies_share_their_tasks_and_exploration(tmp_path: Path) -> None:
    """A comparison is paired: the random episode is the same whatever learns from it."""
    rows = []
    for method in METHODS:
        loop = tiny.make_loop(tiny.settings(tmp_path, *METHODS[method]), tmp_path / method)
        loop.unit()
        assert isinstance(loop.agent, PlanningAgent)
        rows.append(loop.agent.knowledge.buffer.state_dict())
    assert len(rows[0]["reward"]) == tiny.EPISODE_STEPS
    assert all(not differences(rows[0], other) for other in rows[1:])
