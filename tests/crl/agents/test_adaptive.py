"""The agent of missions: learns a body, keeps its hands off it while it is sound, and adapts when it is not."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crl.adaptation.fitted import Fitted
from crl.adaptation.mission import MissionAdaptation
from crl.adaptation.refiners.base import NoRefiner, Refiner
from crl.adaptation.refiners.flow import FlowRefiner
from crl.adaptation.refiners.oracle import OracleRefiner
from crl.agents.planning import PlanningAgent
from crl.checks import check_agent
from crl.config import Config
from crl.dynamics.task_model import TaskModel
from crl.errors import CrlError
from crl.types import ActionSpec, Array, LearnBudget, Transition
from tests import tiny_missions
from tests.crl.agents import missions
from tests.crl.agents.missions import TASK, flight
from tests.crl.states import differences


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("missions")


@pytest.fixture(scope="module")
def state(folder: Path) -> dict[str, Any]:
    """What an agent knows after its closing session."""
    return missions.fitted(missions.config(folder)).state_dict()


@pytest.fixture
def agent(folder: Path, state: dict[str, Any]) -> PlanningAgent:
    """An agent that knows the nominal body and has a flow."""
    made = missions.blank(missions.config(folder))
    made.load_state_dict(state)
    return made


def other(folder: Path, state: dict[str, Any], *overrides: str) -> PlanningAgent:
    """The same knowledge under other settings."""
    made = missions.blank(missions.config(folder, *overrides))
    made.load_state_dict(state)
    return made


def transition(agent: PlanningAgent, observation: np.ndarray, gains: tuple[float, float]) -> Transition:
    """One step of a unicycle with gains, from what the agent decides on."""
    decision = agent.act(observation)
    v, w = (decision.action * np.array(gains)).tolist()
    after = observation.copy()
    way = 0.2 * v * np.array([math.cos(observation[2]), math.sin(observation[2])])
    after[:2] += way
    after[2] = math.remainder(float(observation[2]) + 0.2 * w, 2 * math.pi)
    for at in (3, 5, 7):
        after[at : at + 2] -= way
    return Transition(
        TASK.index, observation, decision.planned, decision.action, decision.action, 0.0, after, False, False
    )


START = np.array([0.0, 0.0, 0.1, 3.0, 1.0, 6.0, 2.0, 0.0, 0.0, 0.1], np.float32)


def drive(agent: PlanningAgent, steps: int, gains: tuple[float, float], learn: bool = True) -> list[Transition]:
    """So many steps of a unicycle, from the same start."""
    seen, observation = [], START
    for _ in range(steps):
        seen.append(transition(agent, observation, gains))
        agent.observe(seen[-1])
        if learn:
            agent.learn(LearnBudget(1, online=True))
        observation = seen[-1].next_observation
    return seen


# ---------------------------------------------------------------------- missions
def test_it_keeps_its_mission_when_the_speed_is_reversed(agent: PlanningAgent) -> None:
    record = flight(agent).record
    assert record["completed"], record
    assert record["steps_to_identify"] <= 3
    assert record["steps_to_clear"] <= 3
    assert record["false_alarms"] == 0
    assert record["steps"] < 1.4 * flight(agent, 0).record["steps"]


def test_without_a_refiner_the_same_model_fails(folder: Path, state: dict[str, Any]) -> None:
    frozen = other(folder, state, "refiner=frozen")
    assert isinstance(frozen.refiner, NoRefiner)
    record = flight(frozen).record
    assert not record["completed"]
    assert record["reached"] < record["waypoints"]
    assert flight(frozen, 0).record["completed"]


def test_the_oracle_is_told_and_completes(folder: Path, state: dict[str, Any]) -> None:
    oracle = other(folder, state, "refiner=oracle")
    record = flight(oracle).record
    assert isinstance(oracle.refiner, OracleRefiner)
    assert record["completed"], record
    assert record["steps_to_identify"] is None


def test_plans_are_what_a_body_that_couples_its_channels_is_able_to_do(folder: Path, state: dict[str, Any]) -> None:
    """A weak side: full speed and a turn exclude each other, which no box says."""
    oracle = other(folder, state, "refiner=oracle")
    oracle.begin(TASK, 0, explore=False)
    assert isinstance(oracle.refiner, OracleRefiner)
    oracle.refiner.tell(torch.tensor([[0.65, 0.13], [1.0, 0.65]]))
    reach = oracle.refiner.reach()
    assert reach is not None
    for seed in range(5):
        observation = START.copy()
        observation[3:7] += np.random.default_rng(seed).normal(size=4).astype(np.float32)
        decision = oracle.act(observation)
        planned = torch.from_numpy(decision.planned)
        torch.testing.assert_close(reach(planned), planned, atol=5e-3, rtol=0)
        done = oracle.refiner.nominal_command(torch.from_numpy(decision.action))
        torch.testing.assert_close(done, planned, atol=5e-3, rtol=0)
    blind = other(folder, state, "refiner=oracle", "refiner.authority=false")
    blind.begin(TASK, 0, explore=False)
    assert isinstance(blind.refiner, OracleRefiner)
    blind.refiner.tell(torch.tensor([[0.65, 0.13], [1.0, 0.65]]))
    missed = [float((reach(p := torch.from_numpy(blind.act(START).planned)) - p).abs().max()) for _ in range(5)]
    assert max(missed) > 0.05


def test_planned_actions_are_untouched_while_the_body_is_nominal(agent: PlanningAgent) -> None:
    agent.begin(TASK, 0, explore=False)
    for step in drive(agent, 25, (1.0, 1.0)):
        assert np.array_equal(step.planned, step.refined)
    assert isinstance(agent.refiner, FlowRefiner)
    changed = drive(agent, 8, (-1.0, 1.0))
    assert np.array_equal(changed[0].planned, changed[0].refined)  # nothing is known of it yet
    last = changed[-1]
    assert float(last.refined[0]) == pytest.approx(-float(last.planned[0]), abs=0.05)
    assert np.array_equal(last.executed, last.refined)


def test_a_mission_begins_with_nothing_of_the_one_before(agent: PlanningAgent) -> None:
    first = flight(agent, seed=3)
    assert agent.refiner.regime.changes > 0
    again = flight(agent, seed=3)
    np.testing.assert_array_equal(first.path, again.path)
    assert tiny_missions.comparable(first.record) == tiny_missions.comparable(again.record)
    other_seed = flight(agent, seed=4)
    assert len(other_seed.path) != len(first.path) or not np.array_equal(other_seed.path, first.path)


# ---------------------------------------------------------------------- decisions
@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("explore", [False, True])
def test_an_observation_that_is_not_finite_gets_the_safe_action(
    agent: PlanningAgent, bad: float, explore: bool
) -> None:
    agent.begin(TASK, 7, explore=explore)
    broken = START.copy()
    broken[4] = bad
    decision = agent.act(broken)
    assert decision.reason == "the observation is not finite"
    np.testing.assert_array_equal(decision.action, np.array(TASK.safe_action, np.float32))
    assert agent.act(START).reason is None


def test_without_a_finite_plan_the_safe_action_is_taken(agent: PlanningAgent) -> None:
    agent.begin(TASK, 0, explore=False)
    assert isinstance(agent.adaptation, MissionAdaptation)
    agent.adaptation.online.weights = torch.full_like(agent.adaptation.online.weights.detach(), math.nan)
    decision = agent.act(START)
    assert decision.reason is not None
    assert "finite predicted return" in decision.reason
    np.testing.assert_array_equal(decision.action, np.array(TASK.safe_action, np.float32))


def test_training_episodes_are_random_then_planned_with_noise(folder: Path) -> None:
    agent = missions.blank(missions.config(folder, "exploration.random_episodes=1", "exploration.noise=0.3"))
    agent.begin(TASK, 0, explore=True)
    random = [agent.act(START) for _ in range(5)]
    assert all(decision.sequences == 0 for decision in random)
    missions.collect(agent, 2)
    agent.learn(LearnBudget(20))
    noisy = 0
    for episode in range(2, 5):
        agent.begin(TASK, episode, explore=True)
        decision = agent.act(START)
        assert decision.sequences > 0
        noisy += not np.array_equal(decision.action, decision.planned)
        low, high = np.array(TASK.action.low, np.float32), np.array(TASK.action.high, np.float32)
        assert ((decision.action >= low) & (decision.action <= high)).all()
    assert noisy


def test_the_planner_knows_its_authority(agent: PlanningAgent, folder: Path, state: dict[str, Any]) -> None:
    told, untold = agent, other(folder, state, "refiner.authority=false")
    for ours, high in ((told, 0.2), (untold, 1.0)):
        ours.begin(TASK, 0, explore=False)
        drive(ours, 12, (0.2, 1.0))
        assert float(ours.planner.high[0]) == pytest.approx(high, abs=0.05)
        ours.begin(TASK, 1, explore=False)
        assert float(ours.planner.high[0]) == 1.0


# ---------------------------------------------------------------------- learning
@pytest.mark.parametrize(
    ("names", "wrong"), [("[speed]", "1 names for an action of 2 elements"), ('["", sped]', "no field 'sped'")]
)
def test_what_measures_a_command_is_checked_before_anything_is_learned(names: str, wrong: str, folder: Path) -> None:
    with pytest.raises(CrlError, match=wrong):
        missions.blank(missions.config(folder, f"flow.identification.measured={names}"))


def test_missions_need_enough_data(folder: Path) -> None:
    agent = missions.blank(missions.config(folder))
    missions.collect(agent, 2)
    assert not agent.adaptation.ready
    with pytest.raises(CrlError, match=r"240 transitions .* too few(.|\n)*budget\.steps of at least 500"):
        agent.learn(LearnBudget(10, closing=True))


def test_a_closing_session_tells_how_far_each_part_is(folder: Path) -> None:
    few = ("flow.field.updates=12", "flow.encoder.updates=7", "flow.field.regimes=16", "body.stride=2")
    agent = missions.blank(missions.config(folder, "refiner=afm_learned", *few))
    missions.collect(agent)
    told: list[tuple[str, int, int]] = []
    agent.learn(LearnBudget(10, closing=True, told=lambda *words: told.append(words)))
    steps = [("model of one step", 10), ("learned identifier", 7)]
    assert told == [
        *((part, done, count) for part, count in steps for done in range(1, count + 1)),
        ("regimes of the flow", 16, 16),
        *(("flow", done, 12) for done in range(1, 13)),
        *(("dynamics", done, 10) for done in range(1, 11)),
    ]


def test_a_model_that_is_learned_online_follows_the_body_and_the_frozen_one_does_not(
    folder: Path, state: dict[str, Any]
) -> None:
    learning, frozen = (other(folder, state, f"refiner={name}", "body.online_lr=0.003") for name in ("none", "frozen"))
    for ours in (learning, frozen):
        ours.begin(TASK, 0, explore=False)
        drive(ours, 60, (-1.0, 1.0))
    assert learning.adaptation.online.steps > 40
    assert frozen.adaptation.online.steps == 0
    assert torch.equal(frozen.adaptation.online.weights.detach(), frozen.knowledge.task_model(0).weights)
    assert learning.old_rows_read() > 0 == frozen.old_rows_read()
    # The new body's step is predicted better, and the planner uses what was learned.
    data = drive(frozen, 20, (-1.0, 1.0), learn=False)
    truth = torch.tensor(np.array([step.executed for step in data]))
    body = learning.adaptation.body
    change = torch.stack([body.change(*map(torch.from_numpy, (s.observation, s.next_observation))) for s in data])
    errors = []
    known = learning.knowledge.task_model(0)
    seen = torch.tensor(np.array([step.observation for step in data]))
    for weights in (learning.adaptation.online.weights, known.weights):
        found = TaskModel(known.model, weights, known.normalisers).predict(seen, truth)
        errors.append(float((found - change).square().mean()))
    assert errors[0] < 0.7 * errors[1]


def test_what_the_flow_corrects_is_not_learned_again(agent: PlanningAgent, folder: Path, state: dict[str, Any]) -> None:
    """Under the same sign flip, the model of an agent with a flow goes nowhere; that of one without follows it."""
    alone = other(folder, state, "refiner=none")
    gone = []
    for ours in (agent, alone):
        ours.begin(TASK, 0, explore=False)
        drive(ours, 70, (-1.0, 1.0))
        command, known = torch.tensor([[0.8, 0.0]]), ours.knowledge.task_model(0)
        predicted = []
        for weights in (ours.adaptation.online.weights, known.weights):
            found = TaskModel(known.model, weights, known.normalisers).predict(torch.zeros(1, len(START)), command)
            predicted.append(float(found[0, 0]))
        gone.append(abs(predicted[0] - predicted[1]))
    assert gone[0] < 0.02  # of 0.16 m in a step
    assert gone[1] > 2 * gone[0]


@pytest.mark.parametrize("stride", [2, 3])
def test_a_planner_that_looks_several_steps_ahead_learns_from_as_many(folder: Path, stride: int) -> None:
    """Rows of online learning are those that the model was fitted with: one change over all the steps."""
    agent = missions.fitted(missions.config(folder, "refiner=none", f"body.stride={stride}"), steps=30)
    assert agent.adaptation.fitted is not None
    agent.begin(TASK, 0, explore=False)
    seen = drive(agent, 9, (1.0, 1.0), learn=False)
    rows = agent.adaptation.online.state_dict()["rows"]
    assert len(rows) == 9 - stride + 1
    sizes = (0, agent.adaptation.box.size, agent.adaptation.body.changes)
    for i, (inputs, command, change) in enumerate(zip(*rows.split(sizes, dim=-1), strict=True)):
        first, last = seen[i], seen[i + stride - 1]
        pair = torch.from_numpy(first.observation), torch.from_numpy(last.next_observation)
        torch.testing.assert_close(change, agent.adaptation.body.change(*pair), rtol=0, atol=1e-6)
        mean = np.mean([step.executed for step in seen[i : i + stride]], axis=0)
        torch.testing.assert_close(command, torch.from_numpy(mean), rtol=0, atol=1e-6)
        assert inputs.shape == (0,)


def test_domain_randomisation_and_the_published_flow_can_be_fitted(folder: Path) -> None:
    randomised = missions.fitted(missions.config(folder, "refiner=randomised"), steps=30)
    assert randomised.adaptation.fitted is not None
    assert randomised.adaptation.fitted.flow is None
    rows = randomised.adaptation.training_rows(randomised.knowledge.buffer)
    assert rows is not None
    assert len(rows) > 600
    assert (np.abs(rows.column("action")) <= np.array(TASK.action.high) + 1e-6).all()
    published = missions.fitted(missions.config(folder, "refiner=afm_published"), steps=30)
    assert published.adaptation.fitted is not None
    assert published.adaptation.fitted.published is not None
    again = missions.blank(published.config)
    again.load_state_dict(published.state_dict())
    for ours in (published, again):
        ours.begin(TASK, 0, explore=False)
    first, second = (drive(ours, 6, (-1.0, 1.0)) for ours in (published, again))
    assert all(np.array_equal(a.executed, b.executed) for a, b in zip(first, second, strict=True))
    assert any(not np.array_equal(step.planned, step.refined) for step in first)


# ---------------------------------------------------------------------- what is measured, and persistence
def test_its_basis_element_changes_when_something_is_learned_and_only_then(agent: PlanningAgent, folder: Path) -> None:
    known = agent.basis_element()
    assert agent.basis_element() == known
    agent.begin(TASK, 0, explore=False)
    began = agent.basis_element()
    drive(agent, 12, (1.0, 1.0), learn=False)
    drive(agent, 12, (-1.0, 1.0))
    assert agent.basis_element() != began
    agent.begin(TASK, 1, explore=False)
    assert agent.basis_element() == began  # a mission begins with nothing of the one before
    young = missions.blank(missions.config(folder))
    missions.collect(young, 1)
    before = young.basis_element()
    young.learn(LearnBudget(3))
    assert young.basis_element() != before
    assert young.learn(LearnBudget(0)).steps == 0


def test_a_restored_agent_flies_the_same_mission(agent: PlanningAgent, folder: Path, state: dict[str, Any]) -> None:
    flown = flight(agent, seed=5)
    again = other(folder, copy.deepcopy(agent.state_dict()))
    assert differences(again.state_dict(), state) == []  # a mission leaves nothing behind
    assert again.knows(0)
    assert again.kept_bytes() == agent.kept_bytes() > 0
    repeated = flight(again, seed=5)
    np.testing.assert_array_equal(flown.path, repeated.path)


def test_training_goes_on_alike_after_a_restoration(folder: Path) -> None:
    settings = missions.config(folder, "exploration.random_episodes=2")
    first = missions.blank(settings)
    missions.collect(first, 3)
    first.learn(LearnBudget(10))
    second = missions.blank(settings)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for ours in (first, second):
        missions.collect(ours, 4)
        ours.learn(LearnBudget(15, closing=True))
    assert differences(first.state_dict(), second.state_dict()) == []


@pytest.mark.slow
def test_the_public_checker_is_content(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crl.adaptation.fitting.LEAST", 20)  # its episodes are short
    check_agent(lambda seed: missions.blank(missions.config(folder, "refiner=none", f"seed={seed}")), missions.SEQUENCE)


def test_an_agent_with_a_memory_keeps_its_mission_and_skips_the_step_that_has_none_before_it(folder: Path) -> None:
    agent = missions.fitted(missions.config(folder, "body.memory=true"))
    assert agent.adaptation.fitted is not None
    one_step, planners = agent.adaptation.fitted.one_step, agent.knowledge.model
    assert one_step.body.features == planners.features.features + agent.adaptation.body.changes
    record = flight(agent).record
    assert record["completed"], record
    assert record["steps_to_identify"] <= 4
    agent.begin(TASK, 0, explore=False)
    assert isinstance(agent.refiner, FlowRefiner)
    drive(agent, 1, (1.0, 1.0), learn=False)
    assert agent.refiner.tracker.state_dict()["window"]["now"] == 0
    drive(agent, 1, (1.0, 1.0), learn=False)
    assert agent.refiner.tracker.state_dict()["window"]["now"] == 1


class Halved(Refiner):
    """A refiner of a user's own: half of what was planned."""

    def __init__(self, config: Config, fitted: Fitted, action: ActionSpec) -> None:
        del config, fitted
        super().__init__(action)

    def refine(self, planned: Array) -> Array:
        return planned / 2


@pytest.mark.parametrize(
    "refiner", ["box", *(pytest.param(name, marks=pytest.mark.slow) for name in ("inverse", "replan"))]
)
def test_rivals_of_the_flow_fly_and_train_no_flow(refiner: str, tmp_path: Path) -> None:
    agent = missions.fitted(missions.config(tmp_path, f"refiner={refiner}"))
    assert agent.adaptation.fitted is not None and agent.adaptation.fitted.flow is not None
    flight = missions.flight(agent)
    assert flight.record["alarms"] >= 1
    assert flight.record["steps_to_identify"] is not None
    again = missions.blank(agent.config)
    again.load_state_dict(agent.state_dict())
    np.testing.assert_array_equal(missions.flight(again).path, flight.path)


def test_classical_adaptive_control_flies_and_is_refused_for_commands_of_another_kind(tmp_path: Path) -> None:
    agent = missions.fitted(missions.config(tmp_path, "refiner=l1"))
    flight = missions.flight(agent)
    assert flight.record["alarms"] == 0  # it looks for no regimes
    again = missions.blank(agent.config)
    again.load_state_dict(agent.state_dict())
    np.testing.assert_array_equal(missions.flight(again).path, flight.path)
    with pytest.raises(CrlError, match="refiner=l1 for velocity set-points"):
        missions.blank(missions.config(tmp_path, "refiner=indi"))


def test_a_refiner_of_ones_own_flies_under_its_own_name(tmp_path: Path) -> None:
    config = missions.config(tmp_path, f"refiner={__name__}:Halved")
    assert config.method == f"refiner_{__name__}:Halved"
    agent = missions.fitted(config)
    missions.flight(agent)
    assert type(agent.refiner).__name__ == "Halved"
