"""``crl.train``, ``crl.load`` and what a run offers, on sequences that take a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import crl
from crl.api.overrides import overrides
from crl.api.run import _deviation
from crl.config.asking.composing import compose, to_plain
from crl.errors import CrlError, SettingsError
from crl.types import ObservationField, ObservationSpec
from tests import tiny


def small(**more: Any) -> dict[str, Any]:
    """Settings of a tiny run, as Python values."""
    found: dict[str, Any] = {}
    for text in (*tiny.SMALL, "dynamics.ensemble=2"):
        key, _, value = text.partition("=")
        found[key] = {"true": True, "false": False}.get(value) if value in ("true", "false") else eval(value)
    return {**found, **more}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[crl.Run, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("api")
    lines: list[dict[str, Any]] = []
    settings = small(run_dir=folder, name="run")
    run = crl.train("tests.tiny:SLIDES", tasks=[0, 1], seed=3, settings=settings, progress=lines.append)
    return run, lines


def test_a_run_is_that_of_the_command(trained: tuple[crl.Run, list[dict[str, Any]]], tmp_path: Path) -> None:
    run, _ = trained
    loop = tiny.finish(tiny.make_loop(tiny.settings(tmp_path, "dynamics.ensemble=2", "seed=3"), tmp_path / "loop"))
    assert run.results is not None
    returns = [row[-1] for row in run.results["matrix_return"]][-1]
    assert returns == loop.state.rows[-1][1].mean_return
    assert list(run.tasks) == [0, 1]
    assert run.settings["seed"] == 3
    assert not run.problems


def test_progress_is_told_every_line_of_the_log(trained: tuple[crl.Run, list[dict[str, Any]]]) -> None:
    run, lines = trained
    written = tiny.lines(run.folder)
    assert [line["kind"] for line in lines] == [line["kind"] for line in written]
    assert {"episode", "learning", "evaluation"} <= {line["kind"] for line in lines}


def test_a_loaded_run_predicts_and_acts_as_the_trained_one(trained: tuple[crl.Run, list[dict[str, Any]]]) -> None:
    run, _ = trained
    again = crl.load(run.folder)
    observation, actions = np.array([0.5, -0.2], np.float32), np.full((3, 4, 1), 0.3, np.float32)
    one, other = (found.predict(observation, actions, task=1) for found in (run, again))
    assert one.trajectory.shape == one.deviation.shape == (3, 5, 2)
    np.testing.assert_array_equal(one.trajectory, other.trajectory)
    np.testing.assert_array_equal(one.trajectory[:, 0], np.tile(observation, (3, 1)))
    assert (one.deviation[:, 0] == 0).all() and (one.deviation[:, 1:] > 0).all()
    assert not np.array_equal(run.predict(observation, actions, task=0).trajectory, one.trajectory)
    first, second = run.policy(task=1), again.policy(task=list(again.tasks.values())[1])
    np.testing.assert_array_equal(first.act(observation), second.act(observation))


def test_the_mean_of_a_single_step_is_the_mean_over_the_members(trained: tuple[crl.Run, list[dict[str, Any]]]) -> None:
    run, _ = trained
    observation, action = np.array([0.5, -0.2], np.float32), np.full((1, 1, 1), 0.3, np.float32)
    found = run.predict(observation, action)
    # Two members at mean +- d have the deviation d: the model's step is linear in its members.
    members = run._loaded.agent.members_of(0)
    both = [member(torch.tensor(observation), torch.tensor(action))[0, 1].numpy() for member in members]
    np.testing.assert_allclose(np.mean(both, axis=0), found.trajectory[0, 1], atol=1e-6)
    np.testing.assert_allclose(np.abs(both[0] - both[1]) / 2, found.deviation[0, 1], atol=1e-6)


def test_two_policies_do_not_share_a_plan(trained: tuple[crl.Run, list[dict[str, Any]]]) -> None:
    run, _ = trained
    observation = np.array([0.5, -0.2], np.float32)
    alone = run.policy(0)
    expected = [alone.act(observation) for _ in range(3)]
    one, other = run.policy(0), run.policy(1)
    for wanted in expected:
        other.act(-observation)
        np.testing.assert_array_equal(one.act(observation), wanted)


def test_a_policy_serves_the_evaluation_of_stable_baselines(trained: tuple[crl.Run, list[dict[str, Any]]]) -> None:
    from stable_baselines3.common.evaluation import evaluate_policy

    run, _ = trained
    returns, lengths = evaluate_policy(
        run.policy(0), tiny.Slide(), n_eval_episodes=2, return_episode_rewards=True, warn=False
    )
    assert lengths == [tiny.EPISODE_STEPS] * 2
    assert np.isfinite(returns).all()


def test_evaluation_repeats_the_results(trained: tuple[crl.Run, list[dict[str, Any]]]) -> None:
    run, _ = trained
    assert run.results is not None
    found = crl.evaluate(run)
    assert [row["mean_return"] for row in found] == [task["mean_return"] for task in run.results["tasks"]]
    assert len(crl.evaluate(run.folder, episodes=1, task=1)) == 1


def test_what_is_not_there_is_named(trained: tuple[crl.Run, list[dict[str, Any]]], tmp_path: Path) -> None:
    run, _ = trained
    with pytest.raises(CrlError, match="has not learned a task 2"):
        run.policy(2)
    with pytest.raises(CrlError, match=r"has not learned a task 'slide_7'.*did you mean"):
        run.predict(np.zeros(2), np.zeros((1, 1, 1)), task="slide_7")
    with pytest.raises(ValueError, match=r"observation \(2,\) and actions \(K, H, 1\)"):
        run.predict(np.zeros(3), np.zeros((1, 1, 1)))
    with pytest.raises(ValueError, match=r"shape \(2,\), not \(3,\)"):
        run.policy(0).act(np.zeros(3))
    with pytest.raises(CrlError):
        crl.load(tmp_path)
    with pytest.raises(SettingsError, match=r"did you mean 'planner\.samples'"):
        crl.train("tests.tiny:SLIDES", settings={"planner.sampels": 3})
    with pytest.raises(SettingsError, match="is a set, which is no setting"):
        crl.train("tests.tiny:SLIDES", settings={"name": {1, 2}})
    with pytest.raises(AttributeError, match="the public names are"):
        crl.trian  # noqa: B018


def test_an_agent_without_a_model_says_so(tmp_path: Path) -> None:
    settings = {"run_dir": tmp_path, "name": "r", "videos": False, "evaluation.episodes": 1, "monitor.probes": 0}
    run = crl.train("tests.tiny:SLIDES", agent="random", tasks=[0], steps=32, settings=settings)
    with pytest.raises(CrlError, match="has no model to predict with"):
        run.predict(np.zeros(2), np.zeros((1, 1, 1)))
    assert run.policy(0).act(np.zeros(2)).shape == (1,)


@pytest.mark.parametrize(
    "value",
    ["plain", "a,b", "it's", "back\\slash", "end\\", "both\\'", "", "50%", "a b=c", "[x]", "ümlaut", "null", "3"],
)
def test_any_text_survives_the_way_through_the_command_line(value: str) -> None:
    config = compose(overrides({"agent": "sb3_sac", "run_dir": value or "x", "agent.options": {"k": value}}))
    assert config.agent.options == {"k": value}
    assert config.run_dir == (value or "x")


def test_nested_settings_are_dotted_ones() -> None:
    nested = compose(
        overrides({"planner": {"name": "cem", "samples": 96}, "budget": {"steps": [100, 200]}, "name": None})
    )
    dotted = compose(["planner=cem", "planner.samples=96", "budget.steps=[100,200]", "name=null"])
    assert to_plain(nested) == to_plain(dotted)


def test_numbers_of_numpy_are_numbers() -> None:
    given = {
        "seed": np.int64(3),
        "learning.lr": np.float64(2e-3),
        "budget.steps": np.array([100, 200]),
        "videos": np.False_,
    }
    config = compose(overrides({"env": "cartpole_length", **given}))
    assert (config.seed, config.learning.lr, config.budget.steps, config.videos) == (3, 2e-3, [100, 200], False)


def test_angles_deviate_on_the_circle() -> None:
    fields = tuple(ObservationField(name, "rad", kind) for name, kind in (("angle", "angle"), ("x", "linear")))  # type: ignore[arg-type]
    apart = np.zeros((2, 1, 1, 2), np.float32)
    apart[0], apart[1] = 2 * np.pi - 0.1, 0.1
    found = _deviation(apart, ObservationSpec(fields))[0, 0]
    np.testing.assert_allclose(found, [0.1, np.sqrt(((2 * np.pi - 0.1) ** 2 + 0.01) / 2)], rtol=1e-4)
