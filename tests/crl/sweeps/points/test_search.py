from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from crl.config.asking.composing import load_yaml
from crl.errors import CrlError, SettingsError
from crl.sweeps import options
from crl.sweeps.driver import drive
from crl.sweeps.folder import SweepFolder
from crl.sweeps.launchers.process import FINISHED
from crl.sweeps.launchers.worker import work
from crl.sweeps.options import Tune
from crl.sweeps.points.point import Point
from crl.sweeps.points.search import Search
from crl.sweeps.points.space import Dimension, Space, read_space
from crl.sweeps.screen import Screen
from crl.sweeps.state import State
from crl.sweeps.sweep import sweep
from tests import tiny
from tests.crl.sweeps.small_sweep import StandIn, arguments, silent

optuna = pytest.importorskip("optuna")


def space(*given: str) -> Space:
    return read_space(options.read(arguments(*given)).overrides)


RATE = "learning.lr=tag(log,interval(1e-4,1e-1))"


class TestSpace:
    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("planner=icem,cem", Dimension("planner", ("icem", "cem"))),
            ("planner=glob(*cem)", Dimension("planner", ("cem", "icem"))),
            (RATE, Dimension("learning.lr", (), 1e-4, 0.1, log=True)),
            ("planner.samples=interval(8,64)", Dimension("planner.samples", (), 8, 64, whole=True)),
            ("planner.samples=range(8,65,8)", Dimension("planner.samples", (), 8, 64, 8, whole=True)),
            ("planner.std=range(0.2,0.61,0.2)", Dimension("planner.std", (), 0.2, 0.6000000000000001, 0.2)),
            ("tasks=[0,1],[1,0]", Dimension("tasks", ("[0,1]", "[1,0]"))),
        ],
    )
    def test_the_grammar_of_a_grid_gives_dimensions(self, given: str, expected: Dimension) -> None:
        assert space(given).dimensions == (expected,)

    def test_optuna_draws_from_them_what_the_settings_take(self) -> None:
        found = space(RATE, "planner.samples=range(8,65,8)", "planner=icem,cem", "seed=3,4")
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        rates = []
        for _ in range(60):
            trial = study.ask({item.key: item.distribution() for item in found.dimensions})
            settings = dict(found.settings(trial.params)[0])
            assert int(settings["planner.samples"]) in range(8, 65, 8)
            assert settings["planner"] in ("icem", "cem")
            rates.append(float(settings["learning.lr"]))
        assert min(rates) >= 1e-4 and max(rates) <= 0.1
        # A logarithmic scale puts half of the draws below the geometric mean.
        assert 18 <= sum(rate < math.sqrt(1e-5) for rate in rates) <= 42

    def test_seeds_are_no_dimension(self) -> None:
        found = space(RATE, "seed=3,4")
        assert [item.key for item in found.dimensions] == ["learning.lr"]
        assert [dict(one)["seed"] for one in found.settings({"learning.lr": 0.1})] == ["3", "4"]


def value_of(settings: Path) -> float:
    """A bowl in the logarithm of the learning rate, with its top at 0.01; seeds differ a little."""
    config = load_yaml(settings)
    return -((math.log10(config.learning.lr) + 2) ** 2) + 0.1 * config.seed


def solve(folder: SweepFolder, ran: list[str]) -> Callable[[Point], None]:
    """Writes the results of a run, without the run."""

    def run(point: Point) -> None:
        ran.append(point.name)
        place = folder.run(point.name)
        place.mkdir(parents=True, exist_ok=True)
        value = value_of(folder.point(point.name) / "settings.yaml")
        (place / "results.json").write_text(json.dumps({"average_success": value}))

    return run


class Told(Search):
    """Takes every point for finished, and is killed (as far as the study knows) after so many."""

    left = 10**9

    def ended(self, state: State) -> None:
        if self.left <= 0:
            raise InterruptedError
        self.left -= 1
        super().ended(State(state.point, "finished"))


def search(path: Path, tune: Tune, ran: list[str], left: int = 10**9, parallel: int = 1) -> Told:
    with SweepFolder.make(path) as folder:
        known = folder.names() if (path / "sweep.json").exists() else []
        folder.define("tune", "this one", [], known)
        made = Told(folder, space(RATE, "seed=0,2"), tune)
        made.left = left
        try:
            drive(folder, made, StandIn(solve(folder, ran), parallel), 0, Screen(folder, silent()))
        except InterruptedError:
            return made
        return made


class TestSearch:
    def test_the_best_trial_by_the_mean_over_seeds(self, tmp_path: Path) -> None:
        ran: list[str] = []
        best = search(tmp_path, Tune(trials=6, startup=3), ran, parallel=2).best()
        assert len(ran) == len(set(ran)) == 12
        assert best is not None
        rate = float(best[2]["learning.lr"])
        assert best[1] == pytest.approx(-((math.log10(rate) + 2) ** 2) + 0.1)
        means = [(value_of(tmp_path / "points" / name / "settings.yaml"), name) for name in ran]
        assert best[1] == pytest.approx(max(means)[0] - 0.1), "the best trial, by the mean of seeds 0 and 2"

    def test_killed_anywhere_it_ends_as_if_it_never_was(self, tmp_path: Path) -> None:
        whole = search(tmp_path / "whole", Tune(trials=4, startup=2), [])
        ran: list[str] = []
        for left in (1, 4):
            search(tmp_path / "killed", Tune(trials=4, startup=2), ran, left)
        killed = search(tmp_path / "killed", Tune(trials=4, startup=2), ran)
        values = [[(trial.params, trial.value) for trial in item._study.trials] for item in (whole, killed)]
        assert values[0] == values[1]
        assert len(values[0]) == 4

    def test_more_trials_go_on(self, tmp_path: Path) -> None:
        ran: list[str] = []
        search(tmp_path, Tune(trials=1), ran)
        search(tmp_path, Tune(trials=2), ran)
        assert ran == [f"trial_{trial:03}_s{seed}" for trial in range(2) for seed in (0, 2)]
        assert SweepFolder.open(tmp_path).names() == ran

    def test_a_failed_run_fails_its_trial_alone(self, tmp_path: Path) -> None:
        with SweepFolder.make(tmp_path) as folder:
            folder.define("tune", "this one", [], [])
            made = Search(folder, space(RATE, "seed=0,2"), Tune(trials=2))
            first, second = made.next(0, 2), made.next(1, 2)
            assert first is not None and second is not None
            made.ended(State(first.name, "failed", error="a bolt"))
            made.ended(State(second.name, "failed", error="another"))
            states = [trial.state.name for trial in made._study.trials]
            assert states == ["FAIL"]
            assert made.best() is None
            third = made.next(0, 2)
            assert third is not None and third.name == "trial_001_s0"

    def test_no_such_result(self, tmp_path: Path) -> None:
        with pytest.raises(CrlError, match=r"has no number 'memory\.nothing'"):
            search(tmp_path, Tune(trials=2, maximise="memory.nothing"), [])

    def test_a_study_that_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "sweep").mkdir()
        with SweepFolder.make(tmp_path / "sweep") as folder:
            folder.define("tune", "this one", [], [])
            folder.study.write_text("no database at all, but a letter to my aunt")
            with pytest.raises(CrlError, match=r"study\.sqlite can't be opened"):
                Search(folder, space(RATE), Tune())


def test_a_bad_end_of_the_space_is_reported_before_anything_runs(workplace: Path) -> None:
    with pytest.raises(SettingsError, match="points can't run") as caught:
        sweep([*arguments("learning.lr=interval(-1.0,0.1)"), "sweep=tune"], silent())
    assert "learning.lr=-1.0" in str(caught.value)
    assert list(workplace.iterdir()) == []


def test_through_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole of it, with real runs in this process."""

    class Here(StandIn):
        def __init__(self, folder: Path, *_: object) -> None:
            def do(point: Point) -> None:
                assert work(SweepFolder(folder), point.name, None) == FINISHED

            super().__init__(do, 1)

    monkeypatch.setattr("crl.sweeps.sweep.LocalPool", Here)
    given = [
        *arguments("planner.samples=interval(4,8)"),
        "sweep=tune",
        "sweep.trials=2",
        "sweep.maximise=average_return",
    ]
    console = silent()
    folder, states = sweep([*given, f"sweep_dir={tmp_path}/sweep"], console)
    assert [item.state for item in states] == ["finished", "finished"]
    assert "best average_return:" in console.file.getvalue()  # type: ignore[attr-defined]
    assert len(tiny.lines(folder.run("trial_001"), "episode")) == 4
