"""Learning during a mission: what a context explains leaves nothing to learn, and the nominal body is not forgotten."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.adaptation.online_learner import LEAST, WAIT, OnlineLearner
from crl.config.sections.missions import BodyConfig
from crl.dynamics.body import Body
from crl.dynamics.rows import Rows
from crl.dynamics.task_model import TaskModel
from crl.types import ActionSpec, ObservationField, ObservationSpec
from tests.crl.states import differences
from tests.crl.task_models import task_model, trained

ACTION = ActionSpec(("v", "w"), ("m/s", "rad/s"), (-1.0, -1.0), (1.0, 1.0))
OBSERVATION = ObservationSpec(
    (
        ObservationField("x", "m", scale_floor=0.01, role="position"),
        ObservationField("y", "m", scale_floor=0.01, role="position"),
        ObservationField("yaw", "rad", "angle", scale_floor=0.01, role="heading"),
    )
)
BODY = Body(OBSERVATION, ACTION)
GAINS = torch.tensor([-1.0, 0.5])


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def changes(command: Tensor) -> Tensor:
    """What the nominal body does on commands [N, 2] in 0.2 s."""
    return 0.2 * torch.stack([command[:, 0], torch.zeros(len(command)), command[:, 1]], dim=-1)


def commands(count: int, seed: int) -> Tensor:
    return 2 * torch.rand(count, 2, generator=generator(seed)) - 1


def rows(count: int, seed: int) -> Rows:
    command = commands(count, seed)
    noise = 0.002 * torch.randn(count, 3, generator=generator(seed + 100))
    return Rows(torch.zeros(count, 0), command, changes(command) + noise)


CONFIG = BodyConfig(online_lr=3e-3, online_batch=32, online_buffer=60, nominal=0.5)


@pytest.fixture(scope="module")
def model() -> TaskModel:
    made = task_model(BODY, OBSERVATION, ACTION, rows(500, 1), hidden=(16,), ensemble=2)
    return trained(made, rows(500, 1), 800)


def learner(model: TaskModel, seed: int = 3, **changed: object) -> OnlineLearner:
    config = BodyConfig(**{**vars(CONFIG), **changed})
    return OnlineLearner(config, model, rows(500, 1), generator(seed))


def fly(online: OnlineLearner, steps: int, explained: bool, seed: int = 5) -> None:
    """A body with gains: each transition comes with the command that a context says, or the one that was sent."""
    for command in commands(steps, seed):
        done = GAINS * command
        online.add(torch.zeros(0), done if explained else command, changes(done.unsqueeze(0))[0], wait=False)
        online.learn()


def error(model: TaskModel, weights: Tensor, gains: Tensor) -> float:
    """Root mean square error of the mean prediction for a body with gains, over the nominal changes' size."""
    command = commands(300, 11)
    with torch.no_grad():
        mean, _ = model.model.predict(weights, model.normalisers, torch.zeros(1, 300, 3), command.unsqueeze(0))
        off = mean.mean(dim=0) * model.scale - changes(gains * command)
    return float(off.square().mean().sqrt() / changes(command).square().mean().sqrt())


NONE = torch.ones(2)


def test_what_a_context_explains_leaves_the_model_where_it_was(model: TaskModel) -> None:
    """Each residual is attributed once: to the context if that explains it, else to the model."""
    before = error(model, model.weights, NONE)
    assert before < 0.1
    explained, alone = learner(model), learner(model, nominal=0.0)
    fly(explained, 120, explained=True)
    fly(alone, 120, explained=False)
    assert explained.steps == alone.steps > 90
    # Both took as many steps of one size; only one of them had anything to learn.
    assert error(model, explained.weights, NONE) < before + 0.05
    assert error(model, alone.weights, NONE) > 0.5
    assert error(model, alone.weights, GAINS) < 0.5 * error(model, model.weights, GAINS)


def test_rehearsal_keeps_the_nominal_body(model: TaskModel) -> None:
    kept, lost = learner(model, nominal=0.5), learner(model, nominal=0.0)
    for online in (kept, lost):
        fly(online, 120, explained=False)
    assert error(model, kept.weights, NONE) < 0.7 * error(model, lost.weights, NONE)


def test_the_models_own_weights_stay_and_every_mission_begins_with_them(model: TaskModel) -> None:
    own = model.weights.clone()
    online = learner(model)
    fly(online, 40, explained=False)
    assert torch.equal(model.weights, own)
    assert not torch.equal(online.weights.detach(), own)
    assert torch.equal(learner(model).weights.detach(), own)


def numbered(online: OnlineLearner, count: int, wait: bool, first: int = 0) -> None:
    for i in range(first, first + count):
        online.add(torch.zeros(0), torch.full((2,), float(i)), torch.zeros(3), wait=wait)


def kept(online: OnlineLearner) -> list[int]:
    """First elements of the commands: the bodies here have nothing else to read."""
    return [int(row[0]) for row in online.state_dict()["rows"]]


def test_transitions_wait_and_an_alarm_throws_away_those_that_do(model: TaskModel) -> None:
    online = learner(model)
    numbered(online, WAIT + 3, wait=True)
    assert kept(online) == [0, 1, 2]
    online.alarm()
    numbered(online, WAIT + 1, wait=True, first=50)
    assert kept(online) == [0, 1, 2, 50]  # 3 to 10 never come
    numbered(online, 1, wait=False, first=90)
    assert kept(online) == [0, 1, 2, *range(50, 50 + WAIT + 1), 90]


def test_without_a_detection_nothing_waits_and_the_buffer_is_bounded(model: TaskModel) -> None:
    online = learner(model)
    numbered(online, 100, wait=False)
    assert sorted(kept(online)) == list(range(40, 100))


def test_learning_begins_when_there_is_enough(model: TaskModel) -> None:
    online = learner(model)
    numbered(online, LEAST - 1, wait=False)
    assert online.learn() is None
    numbered(online, 1, wait=False)
    assert online.learn() is not None
    assert online.steps == 1


def test_the_optimiser_persists(model: TaskModel) -> None:
    """A fresh Adam moves every weight by the learning rate whatever the gradient; a persistent one settles down."""
    online = learner(model)
    for command in commands(40, 5):
        done = GAINS * command
        online.add(torch.zeros(0), done, changes(done.unsqueeze(0))[0], wait=False)
    steps = []
    for _ in range(60):
        before = online.weights.detach().clone()
        online.learn()
        steps.append(float((online.weights.detach() - before).abs().mean()))
    assert steps[0] == pytest.approx(CONFIG.online_lr, rel=0.2)
    assert np.mean(steps[-20:]) < 0.5 * steps[0]


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_batch_has_new_transitions_whatever_the_share_of_nominal_ones(model: TaskModel, share: float) -> None:
    online = learner(model, nominal=share)
    numbered(online, LEAST, wait=False)
    assert online.learn() is not None


def test_a_restored_learner_has_the_same_future(model: TaskModel) -> None:
    first, second = learner(model), learner(model, seed=99)
    fly(first, 30, explained=False)
    numbered(first, 3, wait=True)
    state = first.state_dict()
    second.load_state_dict(state)
    for online in (first, second):
        fly(online, 25, explained=False, seed=8)
    assert differences(first.state_dict(), second.state_dict()) == []
    third = learner(model)
    third.load_state_dict(state)  # a state is a copy
    assert differences(third.state_dict(), state) == []
    fresh = learner(model)
    second.load_state_dict(fresh.state_dict())  # and before the first step, too
    fly(fresh, 20, explained=False)
    second.load_state_dict(learner(model).state_dict())
    fly(second, 20, explained=False)
    assert torch.equal(fresh.weights, second.weights)
