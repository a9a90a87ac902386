"""Problems in YAML files, and the command ``crl formal``."""

from __future__ import annotations

import copy
import math
import os
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import yaml
from typer.testing import CliRunner, Result

from crl.cli import app
from crl.formal import AverageReward, Discounted, FormalError, Limits, TooLarge
from crl.formal.dot import dot
from crl.formal.problem import decide
from crl.formal.problem_file import load_problem, parse_problem
from crl.formal.report import report

PLAIN: dict[str, Any] = {
    "environment": {
        "start": {"a": "1/3", "b": "2/3"},
        "states": {
            "a": {"left": [[1, "b", "win"]], "right": [["1/3", "a", "lose"], ["2/3", "b", "lose"]]},
            "b": {"left": [[1, "a", "lose"]], "right": [[1, "b", "win"]]},
        },
    },
    "rewards": {"win": 1, "lose": {"left": 0, "right": "-1/2"}},
    "value": {"discounted": 0.9},
    "basis": [{"kind": "all_fixed"}],
    "agents": [{"kind": "win_stay_lose_shift"}],
}


def changed(*path: Any, to: Any) -> dict[str, Any]:
    """PLAIN with one entry set."""
    plain = copy.deepcopy(PLAIN)
    at = plain
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    return plain


def crl(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["formal", *arguments])


def written(folder: Path, text: str) -> Path:
    path = folder / "problem.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_kind_of_agent_can_be_stated() -> None:
    plain = changed(
        "agents",
        to=[
            {"kind": "fixed", "action": {"left": 0.5, "right": 0.5}, "name": "coin"},
            {"kind": "reactive", "actions": {"win": "left", "lose": {"left": "1/4", "right": "3/4"}}, "first": "left"},
            {"kind": "window", "window": 2, "epsilon": 0.1},
            {"kind": "ucb", "window": 2, "exploration": 0.5},
            {"kind": "win_stay_lose_shift", "start": "right", "threshold": 0.2},
            {"kind": "q_learning", "levels": 2, "low": -1, "states": {"win": 0, "lose": 1}, "start": 1, "gamma": 0.5},
            {
                "kind": "machine",
                "name": "two steps",
                "start": "second",
                "memory": {
                    "first": {"act": "left", "next": [["any", "any", "second"]]},
                    "second": {
                        "act": {"left": 0.5, "right": 0.5},
                        "next": [["any", "win", "first"], ["any", "any", "second"]],
                    },
                },
            },
        ],
    )  # fmt: skip
    plain["basis"] += [{"kind": "all_reactive", "first": "left"}]
    problem = parse_problem(plain)
    assert len(problem.basis) == 2 + 4
    assert [agent.size for agent in problem.agents] == [1, 3, 21, 21, 2, 32, 2]
    assert problem.agents[6].distribution(()).tolist() == [0.5, 0.5]
    assert problem.agents[1].distribution(((0, 1),)).tolist() == [0.25, 0.75]
    assert problem.criterion == Discounted(0.9)
    assert problem.rewards is not None
    assert problem.rewards.tolist() == [[1, 1], [0, -0.5]]
    assert problem.environment.initial == pytest.approx([1 / 3, 2 / 3])
    text = report(problem, decide(problem))
    assert "two steps" in text
    assert "continual RL problem: no" in text


def test_gymnasium_environments_can_be_named() -> None:
    plain = {
        "environment": {"gymnasium": "FrozenLake-v1", "options": {"is_slippery": False}, "actions": list("ldru")},
        "value": "average",
        "limits": {"states": 1000},
        "basis": [{"kind": "all_fixed"}],
        "agents": [{"kind": "fixed", "action": {"d": 0.5, "r": 0.5}}],
    }
    problem = parse_problem(plain, gymnasium.make)
    assert problem.criterion == AverageReward()
    assert problem.limits == Limits(states=1000)
    decision = decide(problem)
    assert decision.problem is not None
    assert decision.problem.values[0].number > 0
    with pytest.raises(FormalError, match=r"make=gymnasium\.make"):
        parse_problem(plain)
    plain["environment"] = {"gymnasium": "NoSuchLake-v1"}
    with pytest.raises(FormalError, match="NoSuchLake-v1 can't be made"):
        parse_problem(plain, gymnasium.make)


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ([], "the file: expected a mapping"),
        (changed("bassis", to=[]), "the file: unknown key 'bassis': did you mean 'basis'?"),
        ({"basis": []}, "the file: the key 'environment' is missing"),
        (changed("environment", "begin", to="a"), "environment: unknown key 'begin'"),
        (changed("environment", "states", "a", "left", to=[[0.9, "b", "win"]]), "state 'a', action 'left': the prob"),
        (changed("environment", "states", "a", "left", to=[[1, "b"]]), "expected a list of 3, got [1, 'b']"),
        (changed("environment", "states", "a", "left", to=[["much", "b", "win"]]), "expected a number, got 'much'"),
        (changed("environment", "states", "a", "left", to=[[".inf", "b", "win"]]), "expected a number"),
        (changed("environment", "states", "a", "left", to=[[1, "b", True]]), 'put quotes, "yes"'),
        (changed("environment", "states", "c", to=PLAIN["environment"]["states"]["a"]), "no history leads to state 'c"),
        (changed("environment", "allow", to=["all"]), "unknown allowance 'all'"),
        (changed("environment", "start", to="z"), "start: there is no state 'z'"),
        (changed("rewards", to={"win": 1}), "rewards: none for observation 'lose' after 'left'"),
        (changed("rewards", "draw", to=1), "unknown observation 'draw'"),
        (changed("value", to="median"), "value: 'median'\nit is average, or {discounted: GAMMA}"),
        (changed("value", to={"discounted": 1}), "a discount of 1"),
        (changed("basis", to=[]), "an empty basis"),
        (changed("agents", to=[]), "agents: the list is empty"),
        (changed("agents", to=[{"action": "left"}]), "agents[0]: the key 'kind' is missing"),
        (changed("agents", to=[{"kind": "fixd"}]), "agents[0]: unknown kind 'fixd': did you mean 'fixed'?"),
        (changed("agents", to=[{"kind": "fixed", "action": "up"}]), "agents[0]: unknown action 'up'"),
        (changed("agents", to=[{"kind": "fixed", "action": {"left": 0.4}}]), "sum to 0.4"),
        (changed("agents", to=[{"kind": "window", "window": 1.5}]), "agents[0]: window: expected a whole number"),
        (changed("agents", to=[{"kind": "fixed", "action": "left"}] * 2), "two are called 'always left'"),
        (changed("limits", to={"stats": 1}), "limits: unknown key 'stats': did you mean 'states'?"),
        (changed("tolerance", to="small"), "tolerance: expected a number"),
        (
            changed(
                "agents",
                to=[{"kind": "machine", "name": "m", "memory": {"x": {"act": "left", "next": [["any", "x"]]}}}],
            ),
            "agents[0]: memory 'x': next: expected a list of 3",
        ),
    ],
)  # fmt: skip
def test_a_file_that_makes_no_sense_is_refused(plain: Any, message: str) -> None:
    with pytest.raises(FormalError) as refused:
        decide(parse_problem(plain))
    assert message in str(refused.value)


def test_agents_that_learn_need_rewards() -> None:
    plain = copy.deepcopy(PLAIN)
    del plain["rewards"], plain["value"]
    with pytest.raises(FormalError, match=r"agents\[0\]: this agent learns from rewards"):
        parse_problem(plain)
    plain["agents"] = [{"kind": "fixed", "action": "left"}]
    assert decide(parse_problem(plain)).problem is None
    plain["value"] = "average"
    with pytest.raises(FormalError, match="values need rewards"):
        parse_problem(plain)


def test_yaml_is_read_safely_and_strictly(tmp_path: Path) -> None:
    with pytest.raises(FormalError, match="the key 'basis' comes twice"):
        load_problem(written(tmp_path, "basis: []\nbasis: []\n"))
    with pytest.raises(FormalError, match="not valid YAML"):
        load_problem(written(tmp_path, "basis: [\n"))
    with pytest.raises(FormalError, match="not valid YAML"):
        load_problem(written(tmp_path, "basis: !!python/object/apply:os.getcwd []\n"))
    with pytest.raises(FormalError, match=r"there is no file .*nothing\.yaml"):
        load_problem(tmp_path / "nothing.yaml")


def test_the_command_decides_and_draws(workplace: Path) -> None:
    plain = changed("agents", to=[*PLAIN["agents"], {"kind": "fixed", "action": "right"}])
    done = crl(str(written(workplace, yaml.safe_dump(plain))), "--dot", "graph.dot")
    assert done.exit_code == 0, done.output
    assert "win-stay-lose-shift" in done.output
    assert "graph: graph.dot" in done.output
    drawn = Path("graph.dot").read_text()
    assert drawn.startswith("digraph")
    assert drawn.count("{") == drawn.count("}")
    assert "settled: always right" in drawn
    assert 'label="right/win"' in drawn


def test_the_command_prints_errors_without_a_traceback(workplace: Path) -> None:
    done = crl(str(written(workplace, "basis: []\n")))
    assert done.exit_code == 2
    assert "the key 'environment' is missing" in done.output
    assert "Traceback" not in done.output
    done = crl(str(written(workplace, yaml.safe_dump(PLAIN))), "--dot", "no/such/folder.dot")
    assert done.exit_code == 2
    assert "name a file in an existing folder" in done.output


def test_a_product_too_large_to_draw_says_so() -> None:
    plain = changed("agents", to=[{"kind": "window", "window": 7, "epsilon": 0.1}])
    problem = parse_problem(plain)
    decision = decide(problem)
    assert decision.reached[0].always.states > 200
    assert "too many to draw" in dot(problem, decision)


def test_limits_of_the_file_hold() -> None:
    plain = changed("limits", to={"states": 3})
    plain["agents"] = [{"kind": "window", "window": 3}]
    with pytest.raises(TooLarge, match="more than 3 states"):
        decide(parse_problem(plain))


HUGE = ["'1e400000000'", "1e400000000", "1e309", "1.7e308", "9" * 250, "-1e400", ".nan", ".inf", "1e100"]
PLACES = {
    "a probability": ("[[9/10, left, win], [1/10, right, win]]", "[[{}, left, win], [1/10, right, win]]"),
    "a reward": ("win: 1", "win: {}"),
    "a discount": ("discounted: 9/10", "discounted: {}"),
    "a tolerance": ("tolerance: 1e-9", "tolerance: {}"),
    "a limit": ("states: 1000", "states: {}"),
    "a window": ("window: 2", "window: {}"),
    "an exploration": ("exploration: 1", "exploration: {}"),
    "levels": ("levels: 3", "levels: {}"),
    "a lowest value": ("low: 0", "low: {}"),
    "a highest value": ("high: 1", "high: {}"),
    "a step size": ("alpha: 1/2", "alpha: {}"),
    "a first state": ("start: 0", "start: {}"),
    "a state": ("lose: 0}, start", "lose: {}}, start"),
    "a threshold": ("threshold: 1/2", "threshold: {}"),
}
WHOLE = """
environment:
  start: left
  states:
    left:
      left: [[9/10, left, win], [1/10, right, win]]
      right: [[9/10, left, lose], [1/10, right, lose]]
    right:
      left: [[9/10, right, lose], [1/10, left, lose]]
      right: [[9/10, right, win], [1/10, left, win]]
rewards: {win: 1, lose: 0}
value: {discounted: 9/10}
tolerance: 1e-9
limits: {states: 1000}
basis: [{kind: all_fixed}]
agents:
  - {kind: window, window: 2}
  - {kind: ucb, window: 1, exploration: 1}
  - {kind: q_learning, levels: 3, low: 0, high: 1, alpha: 1/2, states: {win: 0, lose: 0}, start: 0}
  - {kind: win_stay_lose_shift, threshold: 1/2}
"""


def refused(path: Path) -> str:
    """Why a file is refused; empty if it is decided on, with values that are numbers."""
    try:
        found = decide(load_problem(path)).problem
    except FormalError as error:
        return error.message
    assert found is not None and all(math.isfinite(each.number) for each in found.values)
    return ""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("number", HUGE)
def test_huge_numbers_are_decided_on_or_refused_at_once(place: str, number: str, tmp_path: Path) -> None:
    old, new = PLACES[place]
    assert old in WHOLE
    message = refused(written(tmp_path, WHOLE.replace(old, new.replace("{}", number), 1)))
    assert "\n" not in message and len(message) < 1000


def test_the_file_with_ordinary_numbers_is_decided_on(tmp_path: Path) -> None:
    assert refused(written(tmp_path, WHOLE)) == ""


@pytest.mark.parametrize("criterion", ["average", "{discounted: 0.999999}"])
@pytest.mark.parametrize("reward", ["1e299", "-1e300", "1e300"])
def test_values_beyond_floating_point_are_refused(criterion: str, reward: str, tmp_path: Path) -> None:
    text = WHOLE.replace("win: 1", f"win: {reward}").replace("{discounted: 9/10}", criterion)
    assert "too large for floating point" in (refused(written(tmp_path, text)) or "too large for floating point")


def test_more_digits_than_any_number_has(tmp_path: Path) -> None:
    for digits in ("1" * 400, "'" + "1" * 5000 + "'", "'1/" + "1" * 5000 + "'", "0x" + "f" * 400):
        with pytest.raises(FormalError):
            load_problem(written(tmp_path, WHOLE.replace("win: 1", f"win: {digits}")))


def test_aliases_may_repeat_rows_and_not_billions_of_them(tmp_path: Path) -> None:
    rows = "left: &l [[9/10, left, win], [1/10, right, win]]"
    text = WHOLE.replace("left: [[9/10, left, win], [1/10, right, win]]", rows)
    assert refused(written(tmp_path, text)) == ""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9))
    with pytest.raises(FormalError, match="aliases stand for more than"):
        load_problem(written(tmp_path, bomb))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(FormalError, match="it is a pipe"):
        load_problem(tmp_path / "pipe.yaml")


def test_the_basis_is_compared_with_the_agents_of_the_file(workplace: Path) -> None:
    alternator = """
  - kind: machine
    name: alternator
    memory:
      left: {act: left, next: [[any, any, right]]}
      right: {act: right, next: [[any, any, left]]}
"""
    text = (
        WHOLE[: WHOLE.index("agents:")]
        .replace("9/10", "1")
        .replace("1/10", "0")
        .replace("start:", "allow: [absorbing, unreachable]\n  start:")
    )
    text = text.replace("discounted: 1", "discounted: 9/10")
    done = crl(str(written(workplace, text + "agents:" + alternator)))
    assert done.exit_code == 0, done.output
    assert "the basis is compared with them:\n  always left: 10 best\n  always right: 0\n" in done.output
    assert "continual RL problem: no: always left is best and sometimes reaches the basis" in done.output
