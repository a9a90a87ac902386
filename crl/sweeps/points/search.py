"""``sweep=tune``: Optuna chooses the points, and is told what each came to.

Its memory is a file in the sweep's folder.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from crl.errors import CrlError, SettingsError
from crl.matching import nearest
from crl.reading.json_text import read_json
from crl.sweeps.folder import SweepFolder
from crl.sweeps.options import Tune
from crl.sweeps.points.expansion import plan
from crl.sweeps.points.point import Point
from crl.sweeps.points.space import Space
from crl.sweeps.state import State

OBJECTIVES = (
    "average_return",
    "average_success",
    "cpu_seconds",
    "decision_ms",
    "env_steps",
    "evaluation_steps",
    "forgetting",
    "forgetting_from_best",
    "forgetting_from_best_return",
    "forgetting_return",
    "gradient_steps",
    "wall_seconds",
)
"""Numbers of ``results.json`` that a search may be about, beside those inside its sections."""
STUDY = "crl"


def objective(tune: Tune) -> tuple[str, str]:
    """Entry of ``results.json`` and direction of a search.

    Raises:
        SettingsError: There is no such entry.
    """
    name, direction = (tune.maximise, "maximize") if tune.minimise is None else (tune.minimise, "minimize")
    if "." not in name and name not in OBJECTIVES:
        raise SettingsError(f"no result is called {name!r}{nearest(name, OBJECTIVES)}")
    return name, direction


class Search:
    """A source of points (:class:`crl.sweeps.points.sources.Source`).

    A trial is one choice of values, run with every seed; what it comes to is the mean. Trials of an earlier call that
    have not ended go on with the values they had.

    Args:
        folder: The sweep, held by this process.
        space: What is searched.
        tune: How.

    Raises:
        CrlError: The study can't be opened.
    """

    def __init__(self, folder: SweepFolder, space: Space, tune: Tune) -> None:
        optuna: Any = import_module("optuna")

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._optuna, self._folder, self._space, self._tune = optuna, folder, space, tune
        self._objective, direction = objective(tune)
        try:
            self._study = optuna.create_study(
                storage=f"sqlite:///{folder.study}", study_name=STUDY, direction=direction, load_if_exists=True
            )
            trials = self._study.get_trials(deepcopy=False)
        except Exception as error:  # Optuna passes on whatever its storage raises
            raise CrlError(
                f"the study in {folder.study} can't be opened: {str(error).splitlines()[0]}",
                "remove this file to search anew; the runs of its trials stay",
            ) from error
        self._waiting: deque[Point] = deque()
        self._open: dict[int, dict[str, float | None]] = {}
        self._trial_of: dict[str, int] = {}
        self._begun = 0
        for trial in trials:
            whole = {item.key for item in space.dimensions} <= trial.params.keys()
            if trial.state == optuna.trial.TrialState.RUNNING:
                if whole:
                    self._begin(trial.number, trial.params)
                else:  # killed while its values were chosen
                    self._study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
            self._begun += whole

    def next(self, running: int, parallel: int) -> Point | None:
        """The next seed of a trial that has begun, or a new trial while workers are free: it learns from all before."""
        while not self._waiting and self._begun < self._tune.trials and running < parallel:
            self._study.sampler = self._sampler()
            trial = self._study.ask({item.key: item.distribution() for item in self._space.dimensions})
            self._begun += 1
            self._begin(trial.number, trial.params)
        return self._waiting.popleft() if self._waiting else None

    def ended(self, state: State) -> None:
        """Tell the study once all seeds of a trial have ended. One that was killed leaves its trial to the next call.

        Raises:
            CrlError: A finished run has no such result.
        """
        number = self._trial_of[state.point]
        seeds = self._open.get(number)
        if seeds is None:  # another seed of this trial failed
            return
        if state.state == "finished":
            seeds[state.point] = self._value(self._folder.run(state.point))
        elif state.state == "failed":
            del self._open[number]
            self._tell_failed(number, state.error or "failed", seeds)
            return
        values = list(seeds.values())
        if all(value is not None for value in values):
            self._study.tell(number, math.fsum(value for value in values if value is not None) / len(values))
            del self._open[number]

    def best(self) -> tuple[int, float, dict[str, str]] | None:
        """Trial, value and settings of the best trial so far, if any has ended."""
        try:
            trial = self._study.best_trial
        except ValueError:
            return None
        chosen = {item.key: item.written(trial.params[item.key]) for item in self._space.dimensions}
        return trial.number, float(trial.value or 0.0), chosen

    def summary(self) -> str:
        """One line on the best trial."""
        best = self.best()
        if best is None:
            return ""
        settings = " ".join(f"{key}={value}" for key, value in best[2].items())
        return f"best {self._objective}: {best[1]:.4g} in trial {best[0]} ({settings})"

    def _begin(self, number: int, chosen: Mapping[str, Any]) -> None:
        settings = self._space.settings(chosen)
        seeds = [dict(one).get("seed", "") for one in settings]
        names = [f"trial_{number:03}" + (f"_s{seed}" if seed else "") for seed in seeds]
        try:
            planned = plan(settings, [], names, unread=True)
        except SettingsError as error:  # a combination that the ends of the space did not show
            self._study.tell(number, state=self._optuna.trial.TrialState.FAIL)
            self._study.set_user_attr(f"error of trial {number}", str(error))
            return
        for point, composed in zip(planned.points, planned.composed, strict=True):
            self._folder.write_point(point, composed)
        self._folder.add([point.name for point in planned.points])
        self._open[number] = {point.name: None for point in planned.points}
        self._trial_of |= {point.name: number for point in planned.points}
        self._waiting.extend(planned.points)

    def _tell_failed(self, number: int, error: str, names: Mapping[str, Any]) -> None:
        self._study.tell(number, state=self._optuna.trial.TrialState.FAIL)
        self._study.set_user_attr(f"error of trial {number}", error)
        self._waiting = deque(point for point in self._waiting if point.name not in names)

    def _value(self, run: Path) -> float:
        found: Any = read_json(run / "results.json")
        for part in self._objective.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            raise CrlError(
                f"{run}/results.json has no number {self._objective!r}",
                "choose another with sweep.maximise=NAME: tasks without a notion of success have average_return",
            )
        return float(found)

    def _sampler(self) -> Any:
        """A sampler whose choice follows from the seed and the trials so far, whether or not the search was killed."""
        seed = (self._tune.seed * 1_000_003 + self._begun) % 2**32
        if self._tune.sampler == "random":
            return self._optuna.samplers.RandomSampler(seed=seed)
        return self._optuna.samplers.TPESampler(seed=seed, n_startup_trials=self._tune.startup, constant_liar=True)
