from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from crl.cli import app


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, ["check", *arguments])
    return done.exit_code, done.stdout, done.stderr


def test_what_is_good_is_said() -> None:
    code, shown, _ = run("env=tests.tiny:SLIDES")
    assert code == 0
    assert "task 2 ('slide_2') of the sequence 'slides'" in shown
    assert "ok  seeds: the same seed gives the same episode to the bit" in shown
    assert "tasks 'slide_0' and 'slide_1' of the sequence 'slides'" in shown
    assert "slides: all promises are kept" in shown


def test_what_is_bad_is_said_with_what_to_do_and_by_the_exit_code() -> None:
    code, shown, _ = run("env=tests.foreign:RAISE_STEP", "tasks=[0]")
    assert code == 1
    assert (
        "NO  episodes: every episode ends early, the first at step 3: the simulator raised ZeroDivisionError" in shown
    )
    assert "foreign.py, line" in shown
    assert "slide_1" not in shown
    assert "foreign: 1 broken promise" in shown


def test_an_environment_that_can_not_be_made_is_one_line() -> None:
    code, shown, _ = run("env=tests.foreign:RAISE_INIT", "tasks=[1]")
    assert code == 1
    assert "NO  description: task 1 ('slide_1')" in shown
    assert "Foreign-v0 raised KeyError: 'licence'" in shown


def test_json() -> None:
    code, shown, _ = run("env=tests.tiny:SLIDES", "tasks=[0]", "--json", "--steps", "8")
    told = json.loads(shown)
    assert (code, told["sound"]) == (0, True)
    assert {"where", "promise", "state", "said", "hint"} == set(told["findings"][0])


def test_short_plans_are_said_in_seconds_and_break_no_promise() -> None:
    code, shown, _ = run("env=tests.tiny:SLIDES", "tasks=[0]", "planner.horizon=3")
    assert code == 0
    assert "plans for the sequence 'slides'" in shown
    assert "--  foresight: they look 0.3 s ahead: 3 steps of 100 ms" in shown
    assert "planner.horizon=10" in shown


@pytest.mark.parametrize(
    "settings", [["planner.horizon=5"], ["planner.horizon=3", "learning.value_discount=0.98"], ["agent=random"]]
)
def test_plans_that_see_enough_or_are_not_made_need_no_note(settings: list[str]) -> None:
    code, shown, _ = run("env=tests.tiny:SLIDES", "tasks=[0]", *settings)
    assert code == 0
    assert "foresight" not in shown


def test_it_wants_to_know_what_to_try() -> None:
    code, _, errors = run()
    assert code == 2
    assert "crl check env=cartpole_length" in errors
