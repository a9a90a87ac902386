"""Sequences of tasks: learned by every strategy with every seed, paired across strategies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from rich.console import Console

from crl.config import Config
from crl.config.asking.composing import compose, fingerprints, to_yaml
from crl.confirmation.suite import Suite, common
from crl.errors import CrlError, Interrupted
from crl.reporting.confirmations.kind import Kind, Record
from crl.reporting.confirmations.sequences import SEQUENCES
from crl.sequences import load_sequence
from crl.sweeps.code_version import code_version
from crl.sweeps.driver import drive
from crl.sweeps.folder import SweepFolder
from crl.sweeps.launchers.local import LocalPool
from crl.sweeps.points.point import Point
from crl.sweeps.points.sources import Listed
from crl.sweeps.screen import Board, Screen
from crl.sweeps.state import done
from crl.training.order import step_budgets, task_order
from crl.training.runs.results_file import read_results

_FITS, _EVALUATIONS, _ORDERS = 0, 100, 200
"""Where seeds of runs, of evaluations and of orders of tasks begin in a suite's part of its block."""
RUNS = "sweep"
"""Folder of the runs in that of the confirmation: a sweep."""
RETRIES = 2
"""Times that a run goes on again whose process died."""
ORDERS = ("given", "drawn")
"""Orders of the tasks: the sequence's own, or one drawn for every seed."""


@dataclass(frozen=True)
class PlannedRun:
    """A run.

    Attributes:
        method: The strategy.
        fit: Number of its seed.
        point: The run as a point of a sweep.
        config: Its settings.
        order: Indices of the tasks in the order in which they are learned.
    """

    method: str
    fit: int
    point: Point
    config: Config
    order: list[int]


@dataclass(frozen=True)
class SequenceSuite(Suite):
    """A confirmation of strategies on a sequence of tasks.

    Attributes:
        order: One of :data:`ORDERS`.
    """

    order: str

    kind: ClassVar[Kind] = SEQUENCES

    @classmethod
    def parse(cls, name: str, plain: Any, text: str = "") -> SequenceSuite:
        """Build a suite from plain data.

        Raises:
            CrlError: A key is unknown or missing, or a value is impossible.
        """
        shared = common(name, plain, text, SEQUENCES, set(), (set(), {"order"}))
        order = str(plain.get("order", ORDERS[0]))
        if order not in ORDERS:
            raise CrlError(f"the suite {name!r} has order {order!r}", f"orders are {', '.join(ORDERS)}")
        return cls(**shared, order=order)

    @property
    def planned(self) -> int:
        """Runs of the whole confirmation."""
        return self.fits * len(self.methods)

    @property
    def size(self) -> str:
        """How large it is, in words."""
        return f"{self.fits} seeds x {len(self.methods)} methods"

    def draws(self) -> Iterator[str]:
        """Every run: strategy, seeds, order of the tasks and environment steps."""
        for run in plan(self):
            tasks = f"tasks {','.join(map(str, run.order))}"
            seeds = f"seed {run.config.seed}, evaluated with {run.config.evaluation.seed}"
            yield f"{run.point.name}  {seeds}  {tasks}  {run.point.budget:,} steps"

    def run(self, folder: Path, workers: int, console: Console) -> None:
        """Train what is not finished; runs that were begun go on from their last checkpoint.

        Raises:
            Interrupted: Ctrl-C; the runs were saved.
            CrlError: A setting is impossible, or a run failed.
        """
        planned, code = plan(self), code_version()
        with SweepFolder.make(folder / RUNS) as sweep:
            sweep.define("grid", self.digest, ["confirm", self.name], [run.point.name for run in planned])
            for run in planned:
                sweep.write_point(run.point, to_yaml(run.config))
            left = [run.point for run in planned if not done(sweep, run.point, code)]
            screen = Screen(sweep, console)
            with closing(LocalPool(sweep.path, workers, any_code=False)) as pool, screen:
                if not drive(sweep, Listed(left), pool, RETRIES, screen):
                    raise Interrupted(f"crl confirm {self.name}")
            wrong = [state for state in Board(sweep).states() if state.state != "finished"]
        if wrong:
            raise CrlError(
                f"{len(wrong)} of {len(planned)} runs did not finish; {wrong[0].point}: {wrong[0].error}",
                f"see {sweep.log(wrong[0].point)}; the same command tries them again",
            )

    def read(self, folder: Path) -> list[Record]:
        """The records of all runs that are finished."""
        sweep, code = SweepFolder(folder / RUNS), code_version()
        return [
            _record(run, read_results(sweep.run(run.point.name)).entries)
            for run in plan(self)
            if done(sweep, run.point, code)
        ]


def plan(suite: SequenceSuite) -> list[PlannedRun]:
    """The runs, seed by seed, so that an unfinished confirmation has all strategies alike.

    Every seed has an evaluation of its own, and an order of the tasks, if orders are drawn; all strategies have the
    same ones.

    Raises:
        CrlError: A setting is impossible.
    """
    sequence = load_sequence(suite.env)
    runs = []
    for fit in range(suite.fits):
        drawn: list[str] = []
        if suite.order == "drawn":
            order = np.random.default_rng(suite.seed(_ORDERS + fit)).permutation(len(sequence))
            drawn = [f"env.tasks={order.tolist()}"]
        for method in suite.methods:
            settings = (f"env={suite.env}", f"continual={method}", "videos=false", *suite.settings, *drawn)
            config = compose(settings, unread=True)  # what another strategy reads is given to all
            config.seed, config.evaluation.seed = suite.seed(_FITS + fit), suite.seed(_EVALUATIONS + fit)
            learned = task_order(config, sequence)
            if len(set(learned)) < len(learned):
                raise CrlError(f"the suite {suite.name!r} learns a task twice: {learned}", "name every task once")
            mark, *earlier = fingerprints(config)
            budget = sum(step_budgets(config, len(learned)))
            point = Point(f"{method}_{fit}", settings, mark, budget, config.threads, tuple(earlier))
            runs.append(PlannedRun(method, fit, point, config, learned))
    return runs


def _record(run: PlannedRun, results: dict[str, Any]) -> Record:
    return {
        **results,
        "method": run.method,
        "fit": run.config.seed,
        "kept_bytes": results["visits"][-1]["kept_bytes"],
        "cpu_minutes": results["cpu_seconds"] / 60,
    }
