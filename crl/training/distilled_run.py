"""A run of smaller networks out of a finished one, for a small computer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from crl.continual.distilling import distil
from crl.dynamics.network import TargetNetwork
from crl.errors import CrlError
from crl.training.deriving import DISTIL
from crl.training.load import load_run
from crl.training.refitted_run import planning_agent, refuse_taken, write_models
from crl.training.runs.folder import RunFolder

STEPS = 3000


def distil_run(path: Path, hidden: Sequence[int], out: Path, steps: int = STEPS) -> tuple[RunFolder, dict[str, Any]]:
    """Make a run like another one, with a smaller network per task.

    Args:
        path: The run, which is not changed.
        hidden: Widths of the smaller network's hidden layers.
        out: Folder of the new run.
        steps: Gradient steps per task.

    Returns:
        The new run, and ``{"hidden", "weights": {"before", "after"}, "error": {task's name: share}}``, which its
        results have under ``distilled``. For the errors see :func:`crl.continual.distilling.distil`.

    Raises:
        CrlError: The network would not be smaller, the run's models can't be taken over, or ``out`` is taken.
    """
    refuse_taken(out)
    if not hidden or min(hidden) < 1 or steps < 1:
        raise CrlError(
            f"hidden layers of {list(hidden)} and {steps} steps make no network", "write for instance --hidden 32,32"
        )
    run = load_run(path)
    run.require_told()
    agent = planning_agent(run, alike=False)
    strategy, shape = agent.knowledge.strategy, agent.knowledge.model.network
    student = TargetNetwork(
        shape.layers[0][0],
        list(hidden),
        shape.layers[-1][1],
        activation=shape.activation,
        ensemble=shape.ensemble,
    )
    if student.size >= shape.size:
        widths = [out for _, out in shape.layers[:-1]]
        raise CrlError(
            f"a network of {list(hidden)} has {student.size} weights, and the run's, of {widths}, has {shape.size}",
            "distil into a smaller one",
        )
    generator = torch.Generator().manual_seed(run.config.seed)
    targets, errors = {}, {}
    for task in run.tasks:
        teacher, weights = strategy.network_of(task), strategy.weights(task)
        targets[task], error = distil(teacher, weights, student, steps, generator)
        errors[run.sequence.spec(task).name] = error
    report = {"hidden": list(hidden), "weights": {"before": shape.size, "after": student.size}, "error": errors}
    folder, _ = write_models([(run, run.tasks)], out, DISTIL, targets=targets, hidden=hidden, report=report)
    return folder, report
