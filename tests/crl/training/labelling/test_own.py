"""A run whose agent is not told its tasks: it tells them apart, knows them again, and loses nothing of an episode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crl.errors import CrlError, SettingsError
from crl.memory.recall import episodes
from crl.training.distilled_run import distil_run
from crl.training.growing import grow
from crl.training.load import evaluate_run, load_run
from crl.training.playing import unlabelled
from crl.training.refitted_run import forget_task, merge_runs
from crl.training.runner import train
from tests import tiny

LEARNED = (
    "continual=single",
    "dynamics.hidden=[32,32]",
    "learning.initial_steps=200",
    "learning.steps_per_env_step=6",
    "learning.final_steps=300",
    "budget.steps=[96]",
)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any], str]]:
    """Gains 1, -1.5 and 1 again, learned with boundaries told and without; with what was said."""
    found = {}
    for labels in ("none", "boundaries"):
        folder = tmp_path_factory.mktemp(labels)
        shown, text = tiny.quiet()
        settings = tiny.settings(folder, *LEARNED, f"continual.labels={labels}", tasks="[0,1,0]")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(episodes, "FINEST", 0.02)  # a model of so simple a body has no error where it was learned
            results = train(settings, shown)
        found[labels] = folder / "run", results, text.getvalue()
    return found


@pytest.mark.parametrize("labels", ["none", "boundaries"])
def test_tasks_are_told_apart_and_known_again(runs: dict[str, tuple[Path, dict[str, Any], str]], labels: str) -> None:
    _, results, said = runs[labels]
    own = results["own_labels"]
    assert (own["labels"], own["tasks"], own["own"]) == (2, 2, 1.0)
    # A change is noticed by the first episodes that show it, and these are learned under the right label. At the return
    # the agent acts by the wrong model, and drives where no model was: what it takes for new turns out to be known.
    assert [(task, label) for _, task, label in own["changes"]] == [(1, 1), (0, 2), (0, 0)]
    assert own["dropped"] == 1
    assert all(0 < own["changes"][at][0] - 96 * (at + 1) <= 2 * tiny.EPISODE_STEPS for at in (0, 1))
    assert sum(sum(steps.values()) for steps in own["steps"].values()) == results["env_steps"]
    assert "label 1, which is new" in said
    assert "label 2 turns out to be label 0" in said
    assert "Single has to be told which task it is: it is told what the agent infers" in said


def test_every_transition_is_learned_from_once(runs: dict[str, tuple[Path, dict[str, Any], str]]) -> None:
    agent = load_run(runs["none"][0]).agent
    buffer = agent.state_dict()["buffer"]
    assert buffer["observation"].shape[0] == 96


def test_the_log_has_the_ratios_of_every_label(runs: dict[str, tuple[Path, dict[str, Any], str]]) -> None:
    lines = tiny.lines(runs["none"][0], "label")
    assert len(lines) == 3 * 96 // tiny.EPISODE_STEPS
    changed = lines[96 // tiny.EPISODE_STEPS]
    assert changed["label"] is None, "one more episode has to say so"
    assert changed["ratios"]["0"] > 4
    back = lines[2 * 96 // tiny.EPISODE_STEPS]
    assert back["ratios"]["0"] < back["ratios"]["1"]


def test_it_is_evaluated_by_what_it_infers(
    runs: dict[str, tuple[Path, dict[str, Any], str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlabelled, "UNSETTLED", 4)
    path, results, _ = runs["none"]
    for inferred, told, final in zip(
        evaluate_run(path, labels="none")["tasks"], evaluate_run(path)["tasks"], results["tasks"], strict=True
    ):
        assert inferred["right_label"] >= 0.8
        assert inferred["mean_return"] == final["mean_return"]
        assert told["mean_return"] == pytest.approx(final["mean_return"], abs=1.0)


def test_a_task_goes_by_the_label_that_it_was_learned_under(tmp_path: Path) -> None:
    train(tiny.settings(tmp_path, *LEARNED, "continual.labels=none", tasks="[2,1]"), tiny.quiet()[0])
    run = load_run(tmp_path / "run")
    assert [run.sequence.spec(task).index for task in run.tasks] == [0, 1]
    assert [run.sequence.spec(task).name for task in run.tasks] == ["slide_2", "slide_1"]
    assert run.agent.knows(1)
    for make in (
        lambda out: forget_task(tmp_path / "run", 2, out),
        lambda out: merge_runs(tmp_path / "run", tmp_path / "run", out),
        lambda out: distil_run(tmp_path / "run", (8,), out),
    ):
        with pytest.raises(CrlError, match=r"labels=none: its labels are its own"):
            make(tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_nobody_says_when_a_task_ends(tmp_path: Path) -> None:
    """The closing session is held when a label is left, and at the end: visits of one task have none between them."""
    steps = {}
    for labels in ("none", "boundaries"):
        words = (*LEARNED, "learning.steps_per_env_step=0", f"continual.labels={labels}")
        steps[labels] = train(tiny.settings(tmp_path / labels, *words, tasks="[0,0]"), tiny.quiet()[0])[
            "gradient_steps"
        ]
    assert steps == {"none": 200 + 300, "boundaries": 200 + 2 * 300}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["agent=random"], "no meaning for agent=random"),
        (["learning.every=4"], "judged when it is over"),
        (["budget.mastery=true"], "tells its end"),
    ],
)
def test_what_can_t_do_without_labels_says_so(tmp_path: Path, settings: list[str], reason: str) -> None:
    with pytest.raises(CrlError, match=reason):
        train(tiny.settings(tmp_path, *settings, "continual.labels=none"), tiny.quiet()[0])
    assert not (tmp_path / "run").exists()


def test_boundaries_may_end_when_a_task_is_mastered(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="labels=boundaries"):
        train(tiny.settings(tmp_path, "budget.mastery=true", "continual.labels=none"), tiny.quiet()[0])
    results = train(
        tiny.settings(
            tmp_path,
            *LEARNED,
            "continual.labels=boundaries",
            "budget.mastery=true",
            "budget.validation_episodes=2",
            "budget.validation_successes=1",
        ),
        tiny.quiet()[0],
    )
    assert results["own_labels"]["labels"] == 2


def test_a_run_that_is_given_more_tasks_goes_on_with_its_labels(
    runs: dict[str, tuple[Path, dict[str, Any], str]], tmp_path: Path
) -> None:
    config = grow(runs["none"][0], None, [2], [f"run_dir={tmp_path}", "name=more"])
    own = train(config, tiny.quiet()[0])["own_labels"]
    assert (own["labels"], own["tasks"], own["own"]) == (3, 3, 1.0)
    assert [label for _, task, label in own["changes"] if task == 2] == [3], "2 was dropped, and is not used again"
