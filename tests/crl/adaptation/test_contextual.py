"""A model that reads the context, against the nominal model under the command that the context amounts to."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from crl.adaptation.contextual import Contextual
from crl.adaptation.mission import MissionAdaptation
from crl.adaptation.online_learner import WAIT
from crl.adaptation.random_bodies import with_contexts
from crl.adaptation.refiners.context import ContextRefiner
from crl.agents.planning import PlanningAgent
from crl.dynamics.body import Body
from crl.dynamics.buffer import Buffer
from crl.errors import CrlError
from crl.types import ObservationField, ObservationSpec
from tests import tiny_missions
from tests.crl.agents import missions
from tests.crl.agents.missions import TASK
from tests.crl.agents.test_adaptive import START, drive

HALF = torch.tensor(TASK.action.high)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contextual")


@pytest.fixture(scope="module")
def agent(folder: Path) -> PlanningAgent:
    return missions.fitted(missions.config(folder, "refiner=none_context"), steps=800)


def contextual(agent: PlanningAgent) -> Contextual:
    fitted = adapting(agent).fitted
    assert fitted is not None and fitted.contextual is not None
    return fitted.contextual


def adapting(agent: PlanningAgent) -> MissionAdaptation:
    assert isinstance(agent.adaptation, MissionAdaptation)
    return agent.adaptation


def copied(agent: PlanningAgent) -> PlanningAgent:
    again = missions.blank(agent.config)
    again.load_state_dict(agent.state_dict())
    return again


def test_rows_are_of_the_body_that_their_context_describes(folder: Path) -> None:
    """The oracle is exact: a body that moves by u, and that was given u the step before."""
    config = missions.config(folder, "refiner=none_context", "flow.identification.structure=affine")
    command = [ObservationField(f"last_{name}", "1", role="command") for name in TASK.action.names]
    position = [ObservationField(name, "m", role="position") for name in "xy"]
    body = Body(ObservationSpec((*position, *command)), TASK.action)
    source = np.random.default_rng(0)
    given = source.uniform(-1, 1, (3, 200, 2)).astype(np.float32) * HALF.numpy()
    seen = np.concatenate([given[0], given[1]], axis=1)
    after = np.concatenate([given[0] + given[2], given[2]], axis=1)
    steps = Buffer.apart(seen, given[2], after, np.zeros(200, np.float32))
    rows = with_contexts(config, body, TASK.action, steps)
    assert len(rows) > 300
    told, commands, reached = rows.tensors()
    deviation = told[:, body.size :]
    matrix, bias = torch.eye(2) + deviation[:, :4].view(-1, 2, 2), deviation[:, 4:]
    assert float(deviation[:, 1:3].abs().max()) > 0.1 and float(bias.abs().max()) > 0.1
    assert (deviation == 0).all(dim=-1).any()  # the nominal body is one of them
    for raw, nominal in ((commands, body.change(told, reached)), (told[:, 2:4], None)):
        amounts = ((matrix @ (raw / HALF).unsqueeze(-1))[..., 0] + bias) * HALF
        if nominal is None:
            assert float((amounts.abs() / HALF).max()) <= 1 + 1e-4
        else:
            torch.testing.assert_close(amounts, nominal, rtol=0, atol=1e-4)
        assert float((raw.abs() / HALF).max()) <= 1 + 1e-6


@pytest.mark.parametrize("gains", [(1.0, 1.0), (-1.0, 1.0), (1.0, -0.5), (-1.0, -1.0)])
def test_with_a_known_context_it_predicts_what_the_nominal_model_does(
    agent: PlanningAgent, gains: tuple[float, float]
) -> None:
    fitted = adapting(agent).fitted
    assert fitted is not None
    model, factors = contextual(agent).model, torch.tensor(gains)
    source = torch.Generator().manual_seed(2)
    observation = torch.randn(200, TASK.observation.size, generator=source)
    command = (2 * torch.rand(200, 2, generator=source) - 1) * HALF
    told = torch.cat([observation, (factors - 1).expand(200, -1)], dim=-1)
    expected = fitted.one_step.predict(observation, factors * command)
    error = float(((model.predict(told, command) - expected) / model.scale).square().mean().sqrt())
    told[:, -2:] = 0
    blind = float(((model.predict(told, command) - expected) / model.scale).square().mean().sqrt())
    assert error < (0.2 if gains == (1.0, 1.0) else 0.35 * blind)  # a small network, trained for a second or two


def test_it_learns_rows_of_the_raw_command_with_the_context_in_force(agent: PlanningAgent) -> None:
    ours = copied(agent)
    ours.begin(TASK, 0, explore=False)
    before = contextual(ours).model.weights.clone()
    seen = drive(ours, 30, (-1.0, 1.0))
    refiner = ours.refiner
    assert isinstance(refiner, ContextRefiner)
    assert refiner.regime.active
    torch.testing.assert_close(refiner.context(), torch.tensor([-2.0, 0.0]), rtol=0, atol=0.1)
    online = adapting(ours).online
    assert online is not None and online.steps > 0
    rows = online.state_dict()["rows"]
    assert rows.shape[1] == 2 + 2 + 3  # no state of its own: the context, the command, the change
    torch.testing.assert_close(rows[-1, :2], refiner.context(), rtol=0, atol=0.1)
    learned = seen[-WAIT - len(rows) : -WAIT]  # the alarm has discarded those before it
    executed = torch.stack([torch.from_numpy(step.executed) for step in learned])
    assert torch.equal(rows[:, 2:4], executed)
    assert all(np.array_equal(step.executed, step.planned) for step in seen)
    assert not torch.equal(online.weights.detach(), before)
    assert torch.equal(contextual(ours).model.weights, before)  # the next mission begins with these again
    ahead = np.array([1.0, 0.0], np.float32)
    assert float(adapting(ours).expected(seen[-1].observation, ahead)[0]) < -0.1


def test_a_mission_goes_on_to_the_bit(agent: PlanningAgent) -> None:
    first, second = copied(agent), copied(agent)
    first.begin(TASK, 0, explore=False)
    drive(first, 24, (-1.0, 1.0))
    second.resume_episode(TASK, 0, copy.deepcopy(first.episode_state()))
    for one, other in zip(drive(first, 8, (-1.0, 1.0)), drive(second, 8, (-1.0, 1.0)), strict=True):
        assert np.array_equal(one.executed, other.executed)
    assert first.basis_element() == second.basis_element()


def test_it_completes_what_online_learning_alone_does_not(agent: PlanningAgent) -> None:
    record = missions.flight(agent).record
    assert record["completed"], record
    assert record["alarms"] >= 1


def test_an_identifier_without_gains_is_refused(folder: Path) -> None:
    config = tiny_missions.settings(folder, "refiner=none_context", "refiner.identifier=learned")
    with pytest.raises(CrlError, match=r"learned does not give\nuse refiner.identifier=structured"):
        missions.blank(config)


def test_plans_are_made_under_the_context_of_the_moment(agent: PlanningAgent) -> None:
    """The same plan moves a reversed body the other way."""
    ours = copied(agent)
    ours.begin(TASK, 0, explore=False)
    ahead = torch.tensor(START)
    reached = {}
    for step in (0, 30):
        drive(ours, step, (-1.0, 1.0), learn=False)
        ours.act(START)
        rollout = adapting(ours)._rollout
        assert rollout is not None
        reached[step] = rollout(ahead, HALF * torch.tensor([[[1.0, 0.0]] * 3]))[0, -1, 0] - ahead[0]
    assert float(reached[0]) > 0.1
    assert float(reached[30]) < -0.1
