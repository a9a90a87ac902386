"""Trials: every mission once, in any number of processes, resumed from the files, never mixed with other settings."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from crl.agents.planning import PlanningAgent
from crl.config.asking.composing import compose
from crl.errors import CrlError
from crl.sequences import MissionEntry, load_sequence
from crl.training.load import load_run
from crl.training.missions.trials import FIRST_SEED, Method, Trial, check_trials, plan_trials, read_trials, run_trials
from tests import tiny_missions

ENV = "env=tests.tiny_missions:UGV"
BRIEF = ("planner.samples=8", "missions.steps=30", "learning.final_steps=60", "flow.field.updates=10")
SETTINGS = (ENV, *tiny_missions.SMALL, *BRIEF)
MISSIONS = load_sequence("tests.tiny_missions:UGV").missions


def planned(where: Path, refiners: tuple[str, ...] = ("none", "afm"), seeds: int = 2) -> list[Trial]:
    methods = [Method(name, True, SETTINGS) for name in refiners]
    return plan_trials(methods, [str(where)], MISSIONS[1:], seeds)


@pytest.fixture(scope="module")
def bend(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_missions.write_map(tmp_path_factory.mktemp("map") / "bend.csv")


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, bend: Path) -> tuple[Path, list[tuple[int, int, str]]]:
    """Four missions flown by one process, and what was said meanwhile."""
    folder = tmp_path_factory.mktemp("one")
    return folder, list(run_trials(planned(bend), folder, 1))


@pytest.fixture(scope="module")
def flow(one: tuple[Path, list[tuple[int, int, str]]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The flow of those missions in a folder of its own."""
    agent = load_run(one[0] / "fits" / "afm").agent
    assert isinstance(agent, PlanningAgent)
    assert agent.adaptation.fitted is not None
    folder = tmp_path_factory.mktemp("fitted") / "flow"
    agent.adaptation.fitted.save_flow(folder)
    return folder


def without_missions(source: Path, folder: Path) -> Path:
    """A copy with what was fitted but nothing flown."""
    shutil.copytree(source, folder, symlinks=True)
    shutil.rmtree(folder / "missions")
    return folder


def records(folder: Path, trials: list[Trial]) -> list[dict[str, Any]]:
    return [tiny_missions.comparable(record) for record in read_trials(trials, folder)]


def first_flown(running: Iterator[tuple[int, int, str]]) -> None:
    """Wait until a mission has been flown."""
    for _, _, text in running:
        if text.startswith(("none", "afm")):
            return
    raise AssertionError("nothing was flown")


@pytest.mark.slow
def test_a_flow_that_was_fitted_before_flies_as_its_own_fit_does(
    one: tuple[Path, list[tuple[int, int, str]]], flow: Path, bend: Path, tmp_path: Path
) -> None:
    """And none is fitted: the method shares the nominal body's fit."""
    method = Method("afm", True, SETTINGS, flow)
    trials = plan_trials([method], [str(bend)], MISSIONS[1:], 1)
    check_trials(trials)
    shutil.copytree(one[0] / "fits" / "nominal", tmp_path / "out" / "fits" / "nominal")
    assert [said for _, _, said in run_trials(trials, tmp_path / "out", 1)][-1].startswith("afm")
    assert not (tmp_path / "out" / "fits" / "afm").exists()
    before = [trial for trial in planned(bend) if (trial.method.name, trial.seed) == ("afm", FIRST_SEED)]
    assert records(tmp_path / "out", trials) == records(one[0], before)
    with pytest.raises(CrlError, match="other settings"):  # the folder's missions are of that flow
        list(
            run_trials(plan_trials([Method("afm", True, SETTINGS)], [str(bend)], MISSIONS[1:], 1), tmp_path / "out", 1)
        )


def test_a_flow_of_other_settings_is_refused_before_anything_is_fitted(flow: Path, bend: Path) -> None:
    for settings, message in (
        ((*SETTINGS, "flow.tracking.window=20"), r"other settings: flow\.tracking\.window=15\n.*give them here"),
        ((*SETTINGS, "refiner.identifier=learned"), "identifier structured, learned is wanted"),
    ):
        with pytest.raises(CrlError, match=message):
            check_trials(plan_trials([Method("afm", True, settings, flow)], [str(bend)], MISSIONS[1:], 1))
    with pytest.raises(CrlError, match="there is no fitted flow"):
        check_trials(plan_trials([Method("afm", True, SETTINGS, flow / "no")], [str(bend)], MISSIONS[1:], 1))


def test_trials_are_planned_seed_by_seed(bend: Path) -> None:
    trials = planned(bend)
    assert [(t.seed - FIRST_SEED, t.method.name) for t in trials] == [(0, "none"), (0, "afm"), (1, "none"), (1, "afm")]
    assert trials[1].file == f"missions/afm/bend/gain_-1_1-{FIRST_SEED}.json"
    own = Trial(trials[0].method, None, MISSIONS[0], 5)
    assert own.file == "missions/none/default/nominal-5.json"


def test_every_class_of_faults_has_its_number_of_seeds() -> None:
    method = Method("none", True, SETTINGS)
    faults = [MissionEntry("flip", "A", {}), MissionEntry("load", "B", {})]
    trials = plan_trials([method], [None], faults, {"A": 3, "B": 1, "C": 9})
    assert [(t.mission.name, t.seed - FIRST_SEED) for t in trials] == [
        ("flip", 0),
        ("load", 0),
        ("flip", 1),
        ("flip", 2),
    ]
    with pytest.raises(CrlError, match="no number for class B"):
        plan_trials([method], [None], faults, {"A": 3})


def test_settings_are_composed_for_each_method_and_not_for_each_mission(
    one: tuple[Path, object], bend: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """290 missions took a minute to begin: composing takes a tenth of a second."""
    composed: list[list[str]] = []

    def counted(settings: list[str], **more: bool) -> Any:
        composed.append(settings)
        return compose(settings, **more)

    monkeypatch.setattr("crl.training.missions.trials.compose", counted)
    trials = planned(bend) * 20
    check_trials(trials)
    assert list(run_trials(trials, one[0], 1))[-1][2] == "found"
    assert len(composed) <= 3 * len({trial.method.name for trial in trials})


def test_methods_that_need_the_nominal_model_alone_share_its_fit() -> None:
    fits = {name: Method(name, True, SETTINGS).fit for name in ("none", "frozen", "oracle", "afm", "randomised")}
    assert fits == {
        "none": "nominal", "frozen": "nominal", "oracle": "nominal", "afm": "afm", "randomised": "randomised",
    }  # fmt: skip
    unclipped = Method("afm", False, SETTINGS)
    assert (unclipped.name, unclipped.fit) == ("afm_unclipped", "afm_unclipped")
    assert not unclipped.config().refiner.clipped
    assert unclipped.config().flow.field.box_scale > 20  # the smallest published gain is 0.05
    assert Method("oracle", False, SETTINGS).fit == "nominal"
    assert Method("oracle", False, SETTINGS).fit_config().refiner.clipped


@pytest.mark.parametrize("refiner", ["none", "afm"])
def test_methods_that_differ_in_what_is_flown_alone_share_a_fit(refiner: str) -> None:
    plain = Method(refiner, True, SETTINGS)
    slow, fast = (
        Method(refiner, True, SETTINGS, flown=(f"body.online_lr={rate}",), label=name)
        for name, rate in (("slow", 1e-4), ("fast", 1e-2))
    )
    assert slow.fit == fast.fit == plain.fit
    assert slow.fit_config() == fast.fit_config() == plain.fit_config()
    assert (slow.name, slow.config().body.online_lr) == ("slow", 1e-4)
    assert (fast.name, fast.config().body.online_lr) == ("fast", 1e-2)


def test_every_mission_is_flown_once_and_said(one: tuple[Path, list[tuple[int, int, str]]], bend: Path) -> None:
    folder, said = one
    trials = planned(bend)
    assert [(done, count) for done, count, _ in said] == [(i, 6) for i in range(7)]
    texts = [text for _, _, text in said]
    assert texts[0] == "found"
    assert sorted(text for text in texts if text.startswith("fitted")) == ["fitted afm", "fitted nominal"]
    found = read_trials(trials, folder)
    assert [(r["method"], r["seed"]) for r in found] == [(t.method.name, t.seed) for t in trials]
    for record in found:
        assert (record["map"], record["mission"], record["class"]) == ("bend", "gain_-1_1", "signs")
        assert record["fault"] == {"gain": [-1, 1]}
        assert 0 < record["steps"] <= 30
    for trial in trials:
        assert (folder / trial.file).with_suffix(".npz").exists()


def test_what_is_there_is_not_flown_again(one: tuple[Path, list[tuple[int, int, str]]], bend: Path) -> None:
    folder, _ = one
    trials = planned(bend)
    times = [(folder / trial.file).stat().st_mtime_ns for trial in trials]
    assert list(run_trials(trials, folder, 1)) == [(6, 6, "found")]
    assert [(folder / trial.file).stat().st_mtime_ns for trial in trials] == times


def test_two_processes_and_an_interruption_give_what_one_gives(
    one: tuple[Path, list[tuple[int, int, str]]], bend: Path, tmp_path: Path
) -> None:
    source, _ = one
    folder, trials = without_missions(source, tmp_path / "two"), planned(bend)
    running = cast(Generator[tuple[int, int, str], None, None], run_trials(trials, folder, 2))
    first_flown(running)
    running.close()  # as Ctrl-C does
    flown = {trial.file: (folder / trial.file).stat().st_mtime_ns for trial in trials if (folder / trial.file).exists()}
    assert 1 <= len(flown) <= 4
    said = list(run_trials(trials, folder, 2))
    assert said[-1][0] == 6
    assert sum(text.startswith(("none", "afm")) for _, _, text in said) == 4 - len(flown)
    assert {file: (folder / file).stat().st_mtime_ns for file in flown} == flown
    assert records(folder, trials) == records(source, trials)


def test_a_workers_death_is_a_clear_error_and_nothing_is_lost(
    one: tuple[Path, list[tuple[int, int, str]]], bend: Path, tmp_path: Path
) -> None:
    folder, trials = without_missions(one[0], tmp_path / "killed"), planned(bend, seeds=8)
    before = set(multiprocessing.active_children())
    running = run_trials(trials, folder, 1)
    first_flown(running)
    for worker in set(multiprocessing.active_children()) - before:
        worker.kill()
    with pytest.raises(CrlError, match=r"a worker died(.|\n)*run the same command again(.|\n)*workers=1"):
        list(running)
    assert 1 <= len(read_trials(trials, folder)) < len(trials)


def test_other_settings_in_the_same_folder_are_refused(
    one: tuple[Path, list[tuple[int, int, str]]], bend: Path
) -> None:
    folder, _ = one
    methods = [Method("none", True, (*SETTINGS, "planner.samples=9"))]
    trials = plan_trials(methods, [str(bend)], MISSIONS[1:], 1)
    with pytest.raises(CrlError, match=r"holds missions of none with other settings\ngive another out=DIR"):
        list(run_trials(trials, folder, 1))
    # Another method may join.
    assert next(run_trials(planned(bend, ("none", "afm", "oracle"), 2), folder, 1)) == (5, 8, "found")


def test_two_maps_of_one_name_would_be_mistaken_for_each_other(bend: Path, tmp_path: Path) -> None:
    other = tiny_missions.write_map(tmp_path / "bend.csv")
    trials = plan_trials([Method("none", True, SETTINGS)], [str(bend), str(other)], MISSIONS, 1)
    with pytest.raises(CrlError, match=r"two maps have one name.*\nrename a file"):
        list(run_trials(trials, tmp_path / "out", 1))


def test_an_impossible_mission_is_found_before_anything_runs(bend: Path, tmp_path: Path) -> None:
    bad = MissionEntry("bad", "given", {"gain": [0, 1]})
    with pytest.raises(CrlError, match=r"gain\[0\] is zero"):
        check_trials(plan_trials([Method("none", True, SETTINGS)], [str(bend)], [*MISSIONS, bad], 3))
    missing = str(tmp_path / "nowhere.csv")
    with pytest.raises(CrlError, match=r"nowhere\.csv can't be read"):
        check_trials(plan_trials([Method("none", True, SETTINGS)], [str(bend), missing], MISSIONS, 1))
    check_trials(planned(bend))
