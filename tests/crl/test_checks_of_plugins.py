"""The public checkers of planners, strategies and agents pass what is sound and catch each broken promise."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import numpy as np
import pytest
import torch

from crl.agents.planning import PlanningAgent
from crl.agents.planning_making import planning_agent
from crl.checks import CheckFailed, check_agent, check_planner, check_strategy
from crl.config import Config
from crl.config.declared.compositions import compositions
from crl.continual.finetune import Finetune
from crl.continual.generators.single import Single
from crl.dynamics.windows import Windows
from crl.planning.icem import ICEM
from crl.planning.planner import Plan, PlanningFailed
from crl.planning.random_shooting import RandomShooting
from crl.sequences import load_sequence
from crl.types import Decision
from tests.crl.every_strategy import sampled
from tests.crl.point_mass import small

SLIDES = load_sequence("tests.tiny:SLIDES")


def installed(group: str) -> list[str]:
    return sorted(point.name for point in entry_points(group=group))


# ---------------------------------------------------------------------- planners
@pytest.mark.parametrize("name", installed("crl.planners"))
def test_installed_planners_pass(name: str) -> None:
    check_planner(name)


class Unclipped(RandomShooting):
    def clip(self, actions: torch.Tensor) -> torch.Tensor:
        return 1.5 * actions


class Flat(RandomShooting):
    def plan(self, *arguments: Any) -> Plan:
        plan = super().plan(*arguments)
        plan.actions = plan.actions[0]
        return plan


class Escapes(RandomShooting):
    def plan(self, *arguments: Any) -> Plan:
        plan = super().plan(*arguments)
        plan.actions = plan.actions + 100
        return plan


class Minimises(RandomShooting):
    def returns(self, *arguments: Any) -> torch.Tensor:
        values = super().returns(*arguments)
        return torch.where(torch.isfinite(values), -values, values)


class GlobalRandom(RandomShooting):
    def plan(self, *arguments: Any) -> Plan:
        torch.rand(1)
        return super().plan(*arguments)


class Remembers(ICEM):
    def reset(self) -> None:
        pass


class Undecided(RandomShooting):
    count = 0

    def plan(self, model: Any, reward: Any, observation: Any, generator: torch.Generator) -> Plan:
        Undecided.count += 1
        return super().plan(model, reward, observation, generator.manual_seed(Undecided.count))


class LovesInfinity(RandomShooting):
    def returns(self, *arguments: Any) -> torch.Tensor:
        values = super().returns(*arguments)
        return torch.where(torch.isfinite(values), values, 1e9)


class Blind(RandomShooting):
    """Scores by the reward alone, so that a reward that compares hides a NaN."""

    def returns(self, model: Any, reward: Any, observation: Any, actions: torch.Tensor) -> torch.Tensor:
        states = model(observation, actions)
        total = reward(states[:, :-1], actions, states[:, 1:]).sum(-1)
        return torch.where(torch.isfinite(total), total, -torch.inf)


class NeverFails(RandomShooting):
    def plan(self, *arguments: Any) -> Plan:
        try:
            return super().plan(*arguments)
        except PlanningFailed:
            return Plan(torch.zeros(self.config.horizon, self.size), 0.0, 1)


class GivesUp(RandomShooting):
    failed = False

    def plan(self, *arguments: Any) -> Plan:
        if self.failed:
            return Plan(torch.zeros(self.config.horizon, self.size), math.nan, 1)
        try:
            return super().plan(*arguments)
        except PlanningFailed:
            self.failed = True
            raise


@pytest.mark.parametrize(
    ("planner", "expected"),
    [
        (Unclipped, "shows the model actions outside their range"),
        (Flat, "a plan has the shape"),
        (Escapes, "a plan leaves the action range"),
        (Minimises, "the median of random actions is"),
        (GlobalRandom, "draws from a global random generator"),
        (Remembers, "after reset.. it decides differently"),
        (Undecided, "equal generators give different plans"),
        (LovesInfinity, "chose a sequence for which the model predicts nan"),
        (Blind, "chose a sequence for which the model predicts nan"),
        (NeverFails, "plans though the model predicts nan for every sequence"),
        (GivesUp, "does not recover"),
    ],
)
def test_each_broken_promise_of_a_planner_is_caught(planner: type, expected: str) -> None:
    with pytest.raises(CheckFailed, match=expected):
        check_planner(planner)


# ---------------------------------------------------------------------- strategies
@pytest.mark.parametrize("name", sampled(compositions()))
def test_installed_strategies_pass(name: str) -> None:
    check_strategy(name)


def test_a_strategy_is_checked_with_the_settings_given() -> None:
    config = Config()
    config.learning.lr = 1e-9
    with pytest.raises(CheckFailed, match="150 steps bring the loss from"):
        check_strategy("finetune", config=config)


class LiveView(Finetune):
    def weights(self, task: int) -> torch.Tensor:
        return self.trunk.detach()


class WithGradient(Finetune):
    def weights(self, task: int) -> torch.Tensor:
        return self.trunk


class ForgetsAverage(Finetune):
    def end_task(self, rows: Windows) -> None:
        self._average.clear()


class NoLoss(Finetune):
    def step(self, loss: Any) -> dict[str, torch.Tensor]:
        super().step(loss)
        return {}


class IgnoresRate(Finetune):
    def scale_lr(self, factor: float) -> None:
        pass


class Trusting(Finetune):
    """Steps whatever the gradient is."""

    def step(self, loss: Any) -> dict[str, torch.Tensor]:
        value = loss(self.trunk)
        (gradient,) = torch.autograd.grad(value, [self.trunk])
        with torch.no_grad():
            self.trunk -= 0.05 * self.optimiser.factor * gradient
        return {"task": value.detach()}


class LosesMomentum(Finetune):
    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict({**state, "optimiser": {}})


class LosesGenerator(Single):
    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict({**state, "generator": self.generator.get_state()})


class Aliased(Finetune):
    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "trunk": self.trunk.detach()}


class Unpicklable(Finetune):
    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "optimiser object": self.optimiser}

    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict({key: value for key, value in state.items() if key != "optimiser object"})


class GlobalWeights(Single):
    def begin_task(self, task: int) -> None:
        super().begin_task(task)
        with torch.no_grad():
            self.trunk.add_(0.01 * torch.randn(self.network.size))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (LiveView, "gives a view of what moves|end_task changes"),
        (WithGradient, "with gradient, not"),
        (ForgetsAverage, "end_task changes the weights"),
        (NoLoss, "no 'task' loss"),
        (IgnoresRate, "moves though the learning rate is scaled to zero"),
        (Trusting, "a loss of nan leaves weights"),
        (LosesMomentum, "in a task: load_state_dict.state_dict... gives another state"),
        (LosesGenerator, "gives another state; state.generator"),
        (Aliased, "the saved state changes when the strategy goes on; state.trunk"),
        (Unpicklable, "state.optimiser object is Adam, which a checkpoint cannot hold"),
        (GlobalWeights, "different states|draws from a global"),
    ],
)
def test_each_broken_promise_of_a_strategy_is_caught(strategy: type, expected: str) -> None:
    with pytest.raises(CheckFailed, match=expected):
        check_strategy(strategy)


# ---------------------------------------------------------------------- agents
Mine = PlanningAgent


def made(kind: type[PlanningAgent]) -> Callable[[int], PlanningAgent]:
    """Makes an agent as a user would, for the sequence of these tests."""

    def make(seed: int) -> PlanningAgent:
        spec = SLIDES.spec(0)
        config = small(exploration={"noise": 0.2, "every": 2})
        config.seed = seed
        return planning_agent(config, spec.observation, spec.action, kind=kind)

    return make


def test_the_packages_agent_passes() -> None:
    check_agent(made(Mine), SLIDES, steps=6)


class LeavesRange(Mine):
    def act(self, observation: np.ndarray) -> Decision:
        return Decision(np.full(1, 1.5, np.float32), np.full(1, 1.5, np.float32))


class Double(Mine):
    def act(self, observation: np.ndarray) -> Decision:
        decision = super().act(observation)
        return Decision(decision.action.astype(np.float64), decision.planned, decision.reason)


class BelievesAnything(Mine):
    def act(self, observation: np.ndarray) -> Decision:
        return super().act(np.nan_to_num(observation))


class Sulks(Mine):
    hurt = False

    def act(self, observation: np.ndarray) -> Decision:
        self.hurt = self.hurt or not np.isfinite(observation).all()
        return self._safe("hurt") if self.hurt else super().act(observation)


class LearnsFromEvaluation(Mine):
    def begin(self, task: Any, episode: int, explore: bool) -> None:
        super().begin(task, episode, explore)
        self.knowledge._sessions += 1


class Moody(Mine):
    moods = 0

    def begin(self, task: Any, episode: int, explore: bool) -> None:
        super().begin(task, episode, explore)
        Moody.moods += 1
        self._generator.manual_seed(Moody.moods)


class LosesBuffer(Mine):
    def load_state_dict(self, state: Any) -> None:
        empty = {name: rows[:0] if isinstance(rows, np.ndarray) else rows for name, rows in state["buffer"].items()}
        super().load_state_dict({**state, "buffer": empty})


class LosesCount(Mine):
    """The number of learning sessions decides which batches are drawn next."""

    def state_dict(self) -> dict[str, Any]:
        return {key: value for key, value in super().state_dict().items() if key != "sessions"}

    def load_state_dict(self, state: Any) -> None:
        super().load_state_dict({**copy.deepcopy(dict(state)), "sessions": 0})


class Spendthrift(Mine):
    def learn(self, budget: Any) -> Any:
        report = super().learn(budget)
        report.steps += 10
        return report


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (LeavesRange, "is outside the range"),
        (Double, "its action is ndarray float64"),
        (BelievesAnything, "answers an observation that holds nan with .* not with the safe action"),
        (Sulks, "does not recover from an observation that held nan"),
        (LearnsFromEvaluation, "an evaluation episode changes the agent's state; state.sessions"),
        (Moody, "an evaluation episode that is played again goes differently"),
        (LosesBuffer, "gives another state; state.buffer"),
        (LosesCount, "a restored agent acts differently|a restored agent learns differently"),
        (Spendthrift, "learn took 14 gradient steps, its budget was 4"),
    ],
)
def test_each_broken_promise_of_an_agent_is_caught(agent: type, expected: str) -> None:
    with pytest.raises(CheckFailed, match=expected):
        check_agent(made(agent), SLIDES, steps=6)


def test_an_agent_without_its_methods_is_caught() -> None:
    with pytest.raises(CheckFailed, match=r"is no crl\.agents\.base\.Agent"):
        check_agent(lambda seed: object(), SLIDES)  # type: ignore[arg-type, return-value]
