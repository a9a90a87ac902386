"""Environments of anyone: names, descriptions, variations, learned rewards, and runs that go on to the bit."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, MultiDiscrete

import crl
from crl.checks.states import differences
from crl.commands.learn import _parted
from crl.config import Config
from crl.config.asking.composing import compose
from crl.errors import CrlError, SettingsError
from crl.foreign import making as foreign_making
from crl.foreign.names import ForeignError, parts_of, recipe_of, variations, with_variations
from crl.foreign.wrapper import Described
from crl.sequences import SequenceError, load_sequence
from tests import tiny

POLES = 'gym:InvertedPendulum-v5?{"body.pole.mass":[1,8],"actuator.slide.gear":[100,50]}'


class Goal(gymnasium.Env[Any, Any]):
    """A point in float64 with a goal dictionary: it pays for the distance, and ends within a tenth of the goal."""

    metadata: dict[str, Any] = {"render_fps": 10, "render_modes": []}  # noqa: RUF012

    def __init__(self, gain: float = 0.3) -> None:
        self.gain = gain
        part = Box(-5, 5, (1,), np.float64)
        self.observation_space = Dict({"observation": part, "desired_goal": part})
        self.action_space = Box(-1, 1, (1,), np.float64)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.at, self.goal = self.np_random.uniform(-1, 1, 1), self.np_random.uniform(-1, 1, 1)
        self.steps = 0
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.at = np.clip(self.at + self.gain * action, -5, 5)
        self.steps += 1
        apart = float(abs(self.at - self.goal)[0])
        return self._seen(), -apart, apart < 0.1, self.steps >= 16, {}

    def _seen(self) -> dict[str, Any]:
        return {"observation": self.at.copy(), "desired_goal": self.goal.copy()}


gymnasium.register("tests/Goal-v0", entry_point=Goal, max_episode_steps=16)
GOALS = 'gym:tests/Goal-v0?{"gain":[0.3,-0.3]}'


def small(runs: Path, *more: str, env: str = GOALS) -> Config:
    return compose([*tiny.SMALL, f"env={env}", f"run_dir={runs}", "name=run", "budget.steps=[48]", *more])


def test_lists_stand_side_by_side_and_single_values_go_to_every_task() -> None:
    name = with_variations("gym:Pendulum-v1", {"g": [10, 5, 15], "render_mode": None})
    assert variations(name) == [{"g": g, "render_mode": None} for g in (10, 5, 15)]
    with pytest.raises(ForeignError, match=r"2 \(g\), 3 \(m\)"):
        with_variations("gym:Pendulum-v1", {"g": [1, 2], "m": [1, 2, 3]})
    with pytest.raises(ForeignError, match="nothing to vary"):
        with_variations("door_open", {"g": [1]})


def test_the_command_line_puts_both_together() -> None:
    config = compose(["env=gym:Pendulum-v1", "vary={g: [10, 5]}"])
    assert [task.kwargs for task in load_sequence(config.env.name).tasks] == [{"g": 10}, {"g": 5}]
    dotted = compose(["env=gym:InvertedPendulum-v5", "vary={body.pole.mass: [1, 8]}"])
    assert load_sequence(dotted.env.name).tasks[1].kwargs == {"body.pole.mass": 8}


def test_more_variations_are_learned_by_a_finished_run() -> None:
    env, tasks, others = _parted(["env=gym:Pendulum-v1", "vary={g: [20, 1e+5]}", "steps=40"])
    assert (env, tasks, others) == ('gym:Pendulum-v1?{"g":[20,100000.0]}', None, ["steps=40"])
    assert parts_of(f"{env}+a.b:C") == [env, "a.b:C"] and parts_of('gym:A?{"g":1e+5}') == ['gym:A?{"g":1e+5}']
    joined = load_sequence(f'gym:Pendulum-v1?{{"g":[10]}}+{env}')
    assert [task.name for task in joined.tasks] == ["g_10", "g_20", "g_100000.0"]
    assert joined.spec(1).observation == joined.spec(0).observation
    with pytest.raises(CrlError, match="can't be joined"):
        load_sequence("python:abc+gym:Pendulum-v1")


def test_spaces_limits_and_period_are_read_from_the_environment() -> None:
    spec = load_sequence("gym:Pendulum-v1").spec(0)
    made = gymnasium.make("Pendulum-v1")
    assert (spec.observation.size, spec.episode_steps) == (3, made.spec.max_episode_steps)  # type: ignore[union-attr]
    assert spec.control_period == pytest.approx(made.unwrapped.dt)  # type: ignore[attr-defined]
    assert (spec.action.low, spec.action.high) == ((-2.0,), (2.0,))
    named = load_sequence(POLES).spec(0)
    assert [item.name for item in named.observation.fields] == ["qpos_0", "qpos_1", "qvel_0", "qvel_1"]


def test_a_goal_dictionary_is_flattened_in_the_order_of_its_space() -> None:
    env = Described(Goal(), "goal")
    flat, _ = env.reset(seed=0)
    inner = env.unwrapped
    assert isinstance(inner, Goal)
    assert flat.tolist() == [*inner.goal, *inner.at]  # Gymnasium sorts the keys of a dictionary


@pytest.mark.parametrize(
    ("observation", "action", "said"),
    [
        (Box(0, 255, (8, 8, 3), np.uint8), Box(-1, 1, (1,)), "no encoder"),
        (Box(-1, 1, (2,)), MultiDiscrete([2, 3]), "one Discrete of all combinations"),
        (Box(-1, 1, (2,)), Discrete(1), "nothing to choose"),
        (Box(-1, 1, (2,)), Box(-np.inf, np.inf, (1,)), "not finite"),
    ],
)
def test_what_can_not_be_a_task_is_refused_with_the_reason(observation: Any, action: Any, said: str) -> None:
    env = Goal()
    env.observation_space, env.action_space = observation, action
    with pytest.raises(ForeignError, match=said):
        Described(env, "refused")


def test_one_thing_of_several_is_chosen() -> None:
    env = foreign_making.make_varied("CartPole-v1", {}, "cart", None)
    task = env.get_wrapper_attr("task")
    assert task["choice"]
    assert [item["name"] for item in task["action"]] == ["action_0", "action_1"]
    spaces, inner = [], env.unwrapped
    for action in ([-1.0, 1.0], [0.2, 0.1]):
        env.reset(seed=0)
        env.step(np.array(action, np.float32))
        spaces.append(inner.state[1])  # type: ignore[attr-defined]
    assert spaces[0] > 0 > spaces[1]  # 1 pushes to the right


def test_a_choice_is_learned_and_goes_on_to_the_bit(tmp_path: Path) -> None:
    config = small(tmp_path, "budget.steps=[48]", "tasks=[0]", env="gym:CartPole-v1")
    loop = tiny.finish(tiny.make_loop(config, tmp_path / "run"))
    executed = loop.agent.state_dict()["buffer"]["action"]
    rows = np.asarray(executed)
    assert len(rows) >= 48
    assert {tuple(row) for row in rows} == {(1.0, -1.0), (-1.0, 1.0)}  # whatever noise there was


def test_bodies_are_varied_by_path_and_the_rest_follows() -> None:
    sequence = load_sequence(POLES)
    models = [sequence.make(index).get_wrapper_attr("model") for index in (0, 1)]
    light, heavy = (model.body("pole") for model in models)
    assert heavy.mass[0] == 8 * light.mass[0]
    assert heavy.inertia == pytest.approx(8 * light.inertia)  # the same shape
    assert models[1].body("cart").subtreemass[0] - models[0].body("cart").subtreemass[0] == pytest.approx(7)
    assert [model.actuator("slide").gear[0] for model in models] == [100, 50]


@pytest.mark.parametrize("path", ["body.nobody.mass", "body.pole.colour", "geom.cpole.size"])
def test_paths_that_lead_nowhere_are_refused(path: str) -> None:
    with pytest.raises(SequenceError, match=r"body|can't be varied"):
        load_sequence(with_variations("gym:InvertedPendulum-v5", {path: [1]})).spec(0)


def test_an_action_is_repeated_and_what_it_pays_is_added_up() -> None:
    plain, repeated = (
        load_sequence(name).make(0) for name in ("gym:tests/Goal-v0", 'gym:tests/Goal-v0?{"action.repeat":3}')
    )
    plain.reset(seed=3)
    repeated.reset(seed=3)
    action = np.array([-1.0])
    for _ in range(5):  # 16 steps of an episode are five of three, and one more
        steps = [plain.step(action) for _ in range(3)]
        seen, reward, terminated, truncated, _ = repeated.step(action)
        np.testing.assert_array_equal(seen, steps[-1][0])
        assert reward == pytest.approx(sum(step[1] for step in steps))
        assert not (terminated or truncated)
    assert repeated.step(action)[3]
    specs = [load_sequence(name).spec(0) for name in ("gym:tests/Goal-v0", 'gym:tests/Goal-v0?{"action.repeat":3}')]
    assert [(round(spec.control_period, 6), spec.episode_steps) for spec in specs] == [(0.1, 16), (0.3, 6)]


def test_a_repeated_action_ends_with_the_episode() -> None:
    env = load_sequence('gym:tests/Goal-v0?{"action.repeat":40}').make(0)
    env.reset(seed=3)
    goal = env.unwrapped
    assert isinstance(goal, Goal)
    goal.at, goal.goal = np.array([-0.6]), np.array([0.6])
    _, reward, terminated, truncated, _ = env.step(np.array([1.0]))
    assert terminated and not truncated and goal.steps == 4
    assert reward == pytest.approx(-0.9 - 0.6 - 0.3)


@pytest.mark.parametrize("repeat", ["0", "-2", "1.5", "true", '"two"'])
def test_an_action_is_repeated_a_whole_number_of_times(repeat: str) -> None:
    with pytest.raises(CrlError, match="whole number"):
        load_sequence(f'gym:tests/Goal-v0?{{"action.repeat":{repeat}}}').make(0)


def test_a_heavier_pole_falls_otherwise() -> None:
    made = [load_sequence(POLES).make(index) for index in (0, 1)]
    for env in made:
        env.reset(seed=1)
    first, second = (env.step(np.ones(1, np.float32))[0] for env in made)
    assert not np.allclose(first, second)


def test_a_recipe_brings_settings_and_leaves_tasks_and_the_name() -> None:
    assert recipe_of("gym:HalfCheetah-v5") == "half_cheetah"
    assert compose(["env=gym:InvertedPendulum-v5"]).learning.every == 100
    assert compose(["env=gym:mine/Other-v0", "recipe=inverted_pendulum"]).learning.every == 100
    door, own = compose(["env=door_open"]), compose(["env=my.module:DOORS", "recipe=door_open"])
    assert (own.env.name, own.env.tasks, len(own.budget.steps)) == ("my.module:DOORS", None, 1)
    assert own.planner == door.planner
    with pytest.raises(SettingsError, match="door_open"):
        compose(["recipe=door_opn"])


def test_a_learned_reward_is_reported(tmp_path: Path) -> None:
    config = small(
        tmp_path,
        "budget.steps=[96]",
        "tasks=[0]",
        "learning.every=8",
        "learning.steps_per_env_step=2",
        "learning.batch=64",
    )
    loop = tiny.finish(tiny.make_loop(config, tmp_path / "run"))
    errors = loop.agent.outcome_errors()
    assert errors["reward_error"] < 1.0  # of the deviation of rewards, on transitions that were not learned yet
    assert loop.state.spent[0]["outcome_errors"] == errors
    assert 0 <= errors["end_error"] < 0.5
    logged = [line for line in tiny.lines(tmp_path / "run", "learning") if "reward_error" in line]
    assert len(logged) > loop.state.spent[0]["episodes"]  # inside of episodes, too


@pytest.mark.parametrize("discount", [0.0, 0.9])
def test_a_run_of_any_environment_goes_on_to_the_bit(tmp_path: Path, discount: float) -> None:
    config = small(tmp_path, "learning.every=8", f"learning.value_discount={discount}")
    whole = tiny.make_loop(config, tmp_path / "whole")
    for _ in range(6):
        whole.unit()
    state = copy.deepcopy(whole.state_dict())
    tiny.finish(whole)
    other = tiny.make_loop(config, tmp_path / "other")
    other.load_state_dict(state)
    tiny.finish(other)
    assert not differences(whole.agent.state_dict(), other.agent.state_dict())
    assert whole.state.rows == other.state.rows


def test_a_list_of_environments_is_learned_and_stays_open(tmp_path: Path) -> None:
    class Open(Goal):
        closed = 0

        def close(self) -> None:
            Open.closed += 1

    given = [gymnasium.wrappers.TimeLimit(Open(), 12), lambda: Goal(-0.3)]
    settings = {
        key: eval(value) for key, value in (text.split("=") for text in tiny.SMALL) if value[0] in "[0123456789"
    }
    run = crl.train(
        given, settings={**settings, "budget.steps": [24], "run_dir": tmp_path, "name": "run", "videos": False}
    )
    assert list(run.tasks.values()) == ["task_0", "task_1"]
    assert Open.closed == 0
    foreign_making._given.clear()  # another program
    with pytest.raises(CrlError, match="Python objects of another program") as refused:
        crl.load(tmp_path / "run")
    assert "resume=True" in str(refused.value)


def test_a_list_that_holds_something_else_is_refused() -> None:
    with pytest.raises(ForeignError, match=r"env\[0\] is a int"):
        crl.train([3])  # type: ignore[list-item]
