"""``results.json``: what a run reached, what it cost, and how to make it again."""

from __future__ import annotations

import statistics
from typing import Any

import torch

from crl.config import Config
from crl.config.asking.composing import fingerprint
from crl.config.declared.agents import kind_of
from crl.training.clock import Clock
from crl.training.loop import TrainingLoop
from crl.training.metrics.matrix import Matrix, average_performance, forgetting, forgetting_from_best
from crl.training.metrics.measures import memory
from crl.training.metrics.sampling import estimates
from crl.training.runs.provenance import commit
from crl.training.runs.state import RunState, Score
from crl.version import __version__


def collect_results(config: Config, loop: TrainingLoop, clock: Clock, folder: str) -> dict[str, Any]:
    """Results of a finished run.

    ``tasks``, ``matrix`` and ``forgetting`` are success rates; the same from returns has ``_return`` in its name. Tasks
    without a notion of success have ``None`` there.
    Rows of a matrix are visits in order; columns are tasks in the order of their first visit (``matrix_tasks``).
    Where earlier tasks were drawn for the evaluations (``evaluation.tasks``), means over all tasks are not known.
    ``estimates`` has them with intervals, and says how many tasks were evaluated.
    """
    state, sequence, kind = loop.state, loop.sequence, kind_of(config)
    order = loop.order[: len(state.rows)]  # nothing, if the run began with what another one has learned
    columns = list(dict.fromkeys(order))
    learned_at = [max(visit for visit, task in enumerate(order) if task == column) for column in columns]
    names = [sequence.spec(index).name for index in columns]
    success = _matrix(state, columns, "success_rate")
    returns = _matrix(state, columns, "mean_return")
    final = state.rows[-1] if state.rows else {}
    return {
        "env": config.env.name,
        "agent": kind.name,
        "strategy": config.method,
        "planner": config.planner.name if "planner" in kind.components else None,
        "profile": config.profile,
        "seed": config.seed,
        "run": folder,
        "tasks": [{"name": name, **_entry(final.get(index))} for name, index in zip(names, columns, strict=True)],
        "matrix": success,
        "matrix_return": returns,
        "matrix_tasks": names,
        "average_success": average_performance(success),
        "average_return": average_performance(returns),
        "forgetting": forgetting(success, learned_at),
        "forgetting_return": forgetting(returns, learned_at),
        "forgetting_from_best": forgetting_from_best(success, learned_at),
        "forgetting_from_best_return": forgetting_from_best(returns, learned_at),
        "visits": state.spent,
        "env_steps": state.env_steps,
        "evaluation_steps": state.evaluation_steps,
        "gradient_steps": state.gradient_steps,
        "wall_seconds": clock.wall_seconds,
        "cpu_seconds": clock.cpu_seconds,
        "time": clock.totals(),
        "decision_ms": statistics.median(loop.decision_ms) if loop.decision_ms else None,
        "reach": loop.monitor.report() if config.monitor.probes else None,
        "memory": memory(loop.agent, state.spent),
        "missions": [
            {**{key: value for key, value in mission.items() if key not in ("path", "points")}, "ms": taken}
            for mission, taken in zip(state.missions, loop.missions.ms, strict=True)
        ],
        "life": loop.life.results(),
        **({"own_labels": labels} if (labels := loop.labels.results()) is not None else {}),
        "evaluation": {
            "episodes": config.evaluation.episodes,
            "episodes_between": config.evaluation.episodes_between,
            "seed": config.evaluation.seed,
            # Runs of before there was sampling have no such entry, and are compared with those that do not sample.
            **({"tasks": config.evaluation.tasks} if config.evaluation.tasks else {}),
        },
        **(_estimates(success, returns, learned_at) if config.evaluation.tasks and state.rows else {}),
        "fingerprint": fingerprint(config),
        "version": __version__,
        "commit": commit(),
        "torch": torch.__version__,
    }


def _estimates(success: Matrix, returns: Matrix, learned_at: list[int]) -> dict[str, Any]:
    by_success, by_return = estimates(success, learned_at), estimates(returns, learned_at)
    return {
        "estimates": {
            "average_success": by_success["average"],
            "average_return": by_return["average"],
            "forgetting": by_success["forgetting"],
            "forgetting_return": by_return["forgetting"],
        }
    }


def _matrix(state: RunState, columns: list[int], attribute: str) -> Matrix:
    # None where a task was not seen yet, or its evaluation was left out.
    return [[getattr(row.get(column), attribute, None) for column in columns] for row in state.rows]


def _entry(score: Score | None) -> dict[str, Any]:
    if score is None:
        return {"success_rate": None, "mean_return": None}
    return {
        "success_rate": score.success_rate,
        "mean_return": score.mean_return,
        "successes": score.successes,
        "returns": score.returns,
    }
