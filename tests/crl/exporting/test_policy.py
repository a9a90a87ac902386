"""A whole decision as a program: equal to the planner itself, through PyTorch and through onnxruntime."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from typer.testing import CliRunner

import crl
from crl.agents.base import Deciding
from crl.cli import app
from crl.config import PlannerConfig
from crl.exporting.extra import ExportError
from crl.exporting.policy.planners import STEPS, _spread
from crl.exporting.policy.writing import step_of, write_policy
from crl.planning.mppi import spread_of
from crl.planning.planner import PlanningFailed, make_planner
from crl.sequences import load_sequence
from tests import tiny

TASK = load_sequence("tests.tiny:SLIDES").spec(0)
SMALL = PlannerConfig(samples=12, horizon=3, rounds=2, elites=4, keep=2)


def drift(observation: Tensor, actions: Tensor) -> Tensor:
    """Positions and velocities of a point that is pushed."""
    state, seen = observation.expand(len(actions), -1), [observation.expand(len(actions), -1)]
    for step in range(actions.shape[1]):
        velocity = state[:, 1:] + 0.1 * actions[:, step, :1]
        state = torch.cat([state[:, :1] + 0.1 * velocity, velocity], dim=-1)
        seen.append(state)
    return torch.stack(seen, dim=1)


def apart(observation: Tensor, actions: Tensor) -> Tensor:
    """Two members of different opinions, [2, K, H + 1, S]."""
    return torch.stack([drift(observation, actions), drift(observation, 0.7 * actions)])


def blind(observation: Tensor, actions: Tensor) -> Tensor:
    """No finite prediction where the first push is positive."""
    return torch.where(actions[:, :1, :1] > 0, torch.nan, drift(observation, actions))


def hopeless(observation: Tensor, actions: Tensor) -> Tensor:
    """No finite prediction at all where the position is positive."""
    return torch.where(observation[0] > 0, torch.nan, drift(observation, actions))


def home(observation: Any, action: Any, after: Any) -> Any:
    return -(after[..., 0] ** 2) - 0.01 * action[..., 0] ** 2


def deciding(name: str, model: Any = drift, ends: bool = False, **settings: Any) -> Deciding:
    planner = make_planner(replace(SMALL, name=name, **settings), TASK.action)
    if ends:
        planner.until(lambda seen: seen[..., 0].abs() > 0.4, lambda seen: seen[..., 0] > 0.4)
        planner.beyond(lambda seen: 0.5 * seen[..., 1])
    return Deciding(planner, model, home)


CASES = {
    "icem": {},
    "icem without elites": {"keep": 0},
    "icem, one round": {"rounds": 1, "decay": 2.0},
    "icem, three scales": {"scales": 3},
    "icem, few elites": {"keep": 9},
    "icem, ends": {"ends": True},
    "icem, blind": {"model": blind},
    "icem, hopeless": {"model": hopeless},
    "icem, pessimistic": {"model": apart, "pessimism": 1.0},
    "cem": {"momentum": 0.2},
    "cem, blind": {"model": blind},
    "cem, hopeless": {"model": hopeless},
    "mppi": {},
    "mppi, slow": {"shift": 0.3, "temperature": 0.1},
    "mppi, ends": {"ends": True},
    "mppi, blind": {"model": blind},
    "mppi, hopeless": {"model": hopeless},
    "random_shooting": {},
}


@pytest.mark.parametrize("case", CASES)
def test_the_module_decides_as_the_planner(case: str) -> None:
    """Decision after decision, each from what the module itself carried on."""
    made = deciding(case.partition(",")[0].partition(" ")[0], **CASES[case])
    step = step_of(made, TASK)
    ours, theirs = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    carried: Any = step.start()
    different = set()
    for observation in torch.tensor([[-0.3, 0.2], [0.1, -0.4], [-0.2, 0.0], [-0.38, -0.1], [-0.1, 0.6]]):
        noise = step.draw(theirs)
        action, *carried = step(observation, noise, *carried)
        try:
            plan = made.planner.plan(made.model, made.reward, observation, ours)
            torch.testing.assert_close(action, plan.actions[0])
        except PlanningFailed:
            made.planner.reset()
            torch.testing.assert_close(action, torch.tensor(TASK.safe_action))
            ours.set_state(theirs.get_state())  # the planner gave up before it drew everything
        if made.planner.state_dict().get("mean") is not None:
            torch.testing.assert_close(carried[0], step.carried()[0])
        different.add(tuple(action.tolist()))
    assert len(different) > 2


def test_an_observation_that_is_not_finite_gets_the_safe_action() -> None:
    step = step_of(deciding("icem"), TASK)
    noise = step.draw(torch.Generator().manual_seed(0))
    _, *carried = step(torch.tensor([0.1, 0.2]), noise, *step.start())
    action, *after = step(torch.tensor([0.1, torch.nan]), noise, *carried)
    torch.testing.assert_close(action, torch.tensor(TASK.safe_action))
    for one, other in zip(after, carried, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("seed", range(5))
def test_the_spread_of_returns_is_the_planners(seed: int) -> None:
    values = torch.randn(40, generator=torch.Generator().manual_seed(seed)) ** 3
    values[::7] = -torch.inf
    finite = values[torch.isfinite(values)]
    assert float(_spread(values.double())) == pytest.approx(spread_of(finite), rel=1e-9)
    cliff = torch.cat([finite, finite - 1e6])
    assert float(_spread(cliff.double())) == pytest.approx(spread_of(cliff), rel=1e-9)


def test_other_planners_are_refused() -> None:
    made = deciding("icem")
    made.planner.config = replace(SMALL, name="my_module:Mine")
    with pytest.raises(ExportError, match=r"decisions of the planner my_module:Mine can't be exported.*\n.*icem, cem"):
        step_of(made, TASK)
    assert set(STEPS) == {"icem", "cem", "mppi", "random_shooting"}


# ------------------------------------------------------------------ ONNX
def branching(observation: Any, action: Any, after: Any) -> Any:
    return after[..., 0] if float(after.sum()) > 0 else -after[..., 0]


def test_a_reward_that_branches_on_numbers_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    made = replace(deciding("random_shooting"), reward=branching)
    with pytest.raises(ExportError, match=r"can't be written as ONNX: .*\n.*without branches that depend on numbers"):
        write_policy(made, TASK, torch.zeros(1, 2), tmp_path / "step.onnx")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("policy")
    words = [f"run_dir={folder}", "name=run", "tasks=[0]", "dynamics.ensemble=2"]
    shown = CliRunner().invoke(app, ["train", "env=tests.tiny:SLIDES", *tiny.SMALL, *words])
    assert shown.exit_code == 0, shown.output
    return folder / "run"


def assert_same_decisions(path: Path, made: Deciding) -> None:
    """A few decisions by onnxruntime, and what they carry on, against the planner from one to the next."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    about = json.loads(session.get_modelmeta().custom_metadata_map["crl"])
    ours, theirs = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    step = step_of(made, TASK)
    for value, expected in zip(about["start"].values(), step.start(), strict=True):
        np.testing.assert_array_equal(np.array(value, np.float32), expected)
    rng = np.random.default_rng(0)
    made.planner.reset()
    for _ in range(6):
        observation = rng.normal(size=2).astype(np.float32)
        carried = zip(step.CARRIED, step.carried(), strict=True)
        given = {"observation": observation, "noise": step.draw(theirs).numpy(), **{k: v.numpy() for k, v in carried}}
        out = dict(zip([part.name for part in session.get_outputs()], session.run(None, given), strict=True))
        with torch.no_grad():
            plan = made.planner.plan(made.model, made.reward, torch.from_numpy(observation), ours)
        np.testing.assert_allclose(out["action"], plan.actions[0].numpy(), atol=1e-5)
        for key, expected in zip(step.CARRIED, step.carried(), strict=True):
            np.testing.assert_allclose(out[f"next_{key}"], expected, atol=2e-5)


def test_a_file_decides_as_the_run(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "step.onnx"
    words = ["export", str(run), "--format", "onnx", "--policy", "--task", "0", "--out", str(path)]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "observation, noise, mean, kept, kept_valid -> action, next_mean" in " ".join(shown.output.split())
    made = crl.load(run)._loaded.agent.deciding(TASK)
    assert made is not None
    assert_same_decisions(path, made)


@pytest.mark.parametrize("name", sorted(set(STEPS) - {"icem"}))
def test_a_file_of_each_planner_decides_as_it_does(name: str, run: Path, tmp_path: Path) -> None:
    made = deciding(name, model=crl.load(run)._loaded.agent.model_of(0), ends=name == "mppi")
    _, greatest = write_policy(made, TASK, torch.randn(16, 2, generator=torch.Generator().manual_seed(0)),
                               tmp_path / "step.onnx")  # fmt: skip
    assert greatest < 1e-5
    assert_same_decisions(tmp_path / "step.onnx", made)
