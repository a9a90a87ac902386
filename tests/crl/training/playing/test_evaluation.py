from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from crl.errors import CrlError
from crl.training.clock import Clock
from crl.training.load import evaluate_run
from crl.training.loop import TrainingLoop
from crl.training.playing import unlabelled
from crl.training.playing.evaluation import evaluate_task
from crl.training.runner import train
from crl.training.showing import progress
from tests import tiny
from tests.crl.states import differences


def evaluations(order: str) -> list[tuple[str, int]]:
    """Task and seed of the evaluation episodes of a run over tasks 0 and 1 (gains 1 and -1.5)."""
    gain = {"0": "gain 1.0", "1": "gain -1.5"}
    diagonal, last = [(gain[order[0]], 2)], [(gain[order[0]], 2), (gain[order[1]], 2)]
    return [(name, 90_000 + i) for name, count in diagonal + last for i in range(count)]


def test_a_score_is_the_mean_over_the_paired_seeds(tmp_path: Path) -> None:
    loop = tiny.make_loop(tiny.settings(tmp_path, env="LUCKY"), tmp_path / "loop", tiny.Puppet())
    env, task, agent, clock = loop.sequence.make(0), loop.sequence.spec(0), tiny.Puppet(), Clock()
    tiny.RESETS.clear()
    score, steps = evaluate_task(agent, env, task, episodes=7, seed=500, clock=clock)
    assert [seed for _, seed in tiny.RESETS] == list(range(500, 507))
    assert agent.begun == [("slide_0", seed, False) for seed in range(500, 507)]
    assert agent.seen == []
    assert steps == 7 * tiny.EPISODE_STEPS
    assert 0 < sum(score.successes) < 7
    assert score.success_rate == sum(score.successes) / 7
    assert len(set(score.returns)) == 7
    assert score.mean_return == pytest.approx(sum(score.returns) / 7)
    assert clock.totals()["evaluate"]["wall"] > 0
    again, _ = evaluate_task(agent, env, task, episodes=7, seed=500, clock=clock)
    assert again == score


@pytest.mark.parametrize("strategy", ["hypercrl", "finetune", "single"])
def test_an_evaluation_changes_nothing_in_the_agent(strategy: str, tmp_path: Path) -> None:
    loop = tiny.make_loop(tiny.settings(tmp_path, f"continual={strategy}"), tmp_path / "loop")
    evaluated = 0
    while not loop.done:
        before = loop.agent.state_dict()
        evaluating = loop.state.stage == "evaluate"
        loop.unit()
        if evaluating:
            evaluated += 1
            assert not differences(before, loop.agent.state_dict())
        elif loop.state.stage == "collect":
            assert differences(before, loop.agent.state_dict()), "the comparison would notice a change"
    assert evaluated >= 3


def test_learning_does_not_depend_on_how_much_is_evaluated(tmp_path: Path) -> None:
    def learned(*overrides: str) -> TrainingLoop:
        return tiny.finish(
            tiny.make_loop(tiny.settings(tmp_path, *overrides, tasks="[0,1,0]"), tmp_path / overrides[0])
        )

    little = learned("evaluation.episodes=1", "evaluation.episodes_between=0")
    much = learned("evaluation.episodes=3", "evaluation.episodes_between=2", "evaluation.seed=7")
    assert not differences(little.agent.state_dict(), much.agent.state_dict())
    assert little.state.evaluation_steps < much.state.evaluation_steps


def test_every_strategy_planner_and_seed_is_evaluated_on_the_same_episodes(tmp_path: Path) -> None:
    for i, overrides in enumerate(
        (["seed=0"], ["continual=finetune", "seed=1"], ["continual=single"], ["planner=mppi", "seed=2"])
    ):
        loop = tiny.make_loop(
            tiny.settings(tmp_path, "evaluation.episodes_between=0", *overrides), tmp_path / f"loop{i}"
        )
        found = []
        while not loop.done:
            tiny.RESETS.clear()
            evaluating = loop.state.stage == "evaluate"
            loop.unit()
            found += tiny.RESETS if evaluating else []
        assert found == evaluations("01")


def test_a_fault_in_an_evaluation_is_told(tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, "evaluation.episodes=6", env="SOMETIMES_NAN", tasks="[0]")
    progress, text = tiny.quiet()
    results = train(config, progress)
    fault = "the simulator returned a number that is not finite"
    (line,) = tiny.lines(tmp_path / "run", "evaluation")
    assert line["notes"] == [fault]
    assert f"slide_0: in its evaluation: {fault}" in text.getvalue()
    assert len(results["tasks"][0]["returns"]) == 6
    assert evaluate_run(tmp_path / "run")["problems"] == [f"slide_0: {fault}"]


def test_a_sound_evaluation_has_no_notes(tmp_path: Path) -> None:
    train(tiny.settings(tmp_path), tiny.quiet()[0])
    assert all("notes" not in line for line in tiny.lines(tmp_path / "run", "evaluation"))


def test_evaluating_a_run_again_gives_its_results_again(tmp_path: Path) -> None:
    results = train(tiny.settings(tmp_path, env="LUCKY", tasks="[1,0]"), tiny.quiet()[0])
    again = evaluate_run(tmp_path / "run")
    assert again["problems"] == []
    assert again["episodes"] == 2
    assert again["tasks"] == [
        {name: task[name] for name in ("name", "success_rate", "mean_return")} for task in results["tasks"]
    ]
    (one,) = evaluate_run(tmp_path / "run", episodes=1, task=0)["tasks"]
    assert one["name"] == "slide_0"
    assert one["mean_return"] == results["tasks"][1]["returns"][0]


def test_an_evaluation_by_itself_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tiny.settings(tmp_path), tiny.quiet()[0])
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    text = io.StringIO()
    told = evaluate_run(tmp_path / "run", 3, console=Console(file=text, width=200))
    assert told == evaluate_run(tmp_path / "run", 3)
    lines = [line.split("  elapsed")[0] for line in text.getvalue().splitlines()]
    assert lines[0] == "task 1/2 slide_0  evaluate  evaluation episode 1 of 6 (slide_0)"
    assert "task 2/2 slide_1  evaluate  evaluation episode 5 of 6 (slide_1)" in lines


def test_without_labels_the_agent_finds_out_which_task_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlabelled, "UNSETTLED", 4)
    learned = ("learning.initial_steps=200", "learning.final_steps=300", "budget.steps=[160]")
    train(tiny.settings(tmp_path, "continual=single", *learned), tiny.quiet()[0])
    told = evaluate_run(tmp_path / "run")
    inferred = evaluate_run(tmp_path / "run", labels="none")
    assert (told["labels"], inferred["labels"]) == ("told", "none")
    for with_label, without in zip(told["tasks"], inferred["tasks"], strict=True):
        assert "right_label" not in with_label
        assert without["right_label"] >= 0.8
        # The first push may go the wrong way.
        assert without["mean_return"] == pytest.approx(with_label["mean_return"], abs=0.7)


def test_an_agent_without_models_can_t_infer_tasks(tmp_path: Path) -> None:
    train(tiny.settings(tmp_path, "agent=random"), tiny.quiet()[0])
    with pytest.raises(CrlError, match="no model of its tasks"):
        evaluate_run(tmp_path / "run", labels="none")


def test_an_unknown_way_of_telling_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CrlError, match="none of told, none"):
        evaluate_run(tmp_path / "run", labels="all")
