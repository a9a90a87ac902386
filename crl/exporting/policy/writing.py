"""A whole decision as an ONNX file, checked through onnxruntime against the planner itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crl.agents.base import Deciding
from crl.exporting.dynamics import OPSET, checked
from crl.exporting.extra import ExportError
from crl.exporting.policy.planners import STEPS
from crl.exporting.policy.step import PolicyStep
from crl.planning.planner import PlanningFailed
from crl.training.data.extra import library
from crl.types import TaskSpec

DECISIONS = 16
"""Decisions that a file is checked on, each after those before it."""
ABOUT = "crl"
"""Key of the file's metadata that holds, as JSON, what a caller has to know."""


def step_of(deciding: Deciding, task: TaskSpec) -> PolicyStep:
    """The decision as a module.

    Raises:
        ExportError: Its planner is none of those that can be exported.
    """
    name = deciding.planner.config.name
    if name not in STEPS:
        raise ExportError(
            f"decisions of the planner {name} can't be exported: its steps are in code of its own",
            f"plan with one of {', '.join(STEPS)}, or export the dynamics alone",
        )
    return STEPS[name](deciding, task)


def write_policy(deciding: Deciding, task: TaskSpec, seen: Tensor, path: Path) -> tuple[PolicyStep, float]:
    """Write a file with the inputs observation, noise and what is carried; see :class:`PolicyStep`.

    Args:
        deciding: Planner, model and reward.
        task: The task.
        seen: Observations [N, S] to check it on.
        path: The file.

    Returns:
        What was written, and the greatest difference between the file's actions and the planner's.

    Raises:
        ExportError: A library is missing, something in it can't be written as ONNX, or the file decides otherwise.
    """
    for name in ("onnx", "onnxscript"):
        library(name, name)
    runtime: Any = library("onnxruntime", "onnxruntime")
    step = step_of(deciding, task)
    example = (seen[0], step.draw(torch.Generator().manual_seed(0)), *step.start())
    names = ["observation", "noise", *step.CARRIED]
    try:
        with torch.no_grad():
            program = torch.onnx.export(
                step,
                example,
                input_names=names,
                output_names=["action", *(f"next_{name}" for name in step.CARRIED)],
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
    except Exception as error:  # the exporter's own families of errors; a reward is anybody's code
        raise ExportError(
            f"a decision of {task.name} can't be written as ONNX: {_reason(error)}",
            "reward, success and terminated must be array functions without branches that depend on numbers; the "
            "dynamics alone can be exported without them",
        ) from error
    assert program is not None
    program.model.metadata_props[ABOUT] = json.dumps(_about(step, task))
    program.save(str(path), external_data=False)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return step, _compared(session, names, step, seen[:DECISIONS])


def _compared(session: Any, names: list[str], step: PolicyStep, seen: Tensor) -> float:
    """The greatest difference between decisions of a file and of the planner, from equal noise."""
    planner, deciding = step.planner, step.deciding
    ours, theirs = torch.Generator().manual_seed(1), torch.Generator().manual_seed(1)
    given, expected = [], []
    planner.reset()
    for observation in seen:
        inputs = (observation, step.draw(theirs), *step.carried())
        # A constant part of the program is no input of the file.
        wanted = {part.name for part in session.get_inputs()}
        feed = {name: part.numpy() for name, part in zip(names, inputs, strict=True) if name in wanted}
        given.append(torch.from_numpy(session.run(["action"], feed)[0]))
        try:
            with torch.no_grad():
                expected.append(
                    planner.plan(deciding.model, deciding.reward, observation, ours, deadline=0.0).actions[0]
                )
        except PlanningFailed:
            planner.reset()
            expected.append(step.safe)
    planner.reset()
    return checked(torch.stack(given).numpy(), torch.stack(expected).numpy(), "decide")


def _about(step: PolicyStep, task: TaskSpec) -> dict[str, Any]:
    action = task.action
    return {
        "task": task.name,
        "planner": step.config.name,
        "control_period": task.control_period,
        "noise": step.NOISE,
        "observation": [{"name": field.name, "unit": field.unit} for field in task.observation.fields],
        "action": [{"name": name, "unit": unit} for name, unit in zip(action.names, action.units, strict=True)],
        "start": {name: part.tolist() for name, part in zip(step.CARRIED, step.start(), strict=True)},
    }


def _reason(error: BaseException) -> str:
    """The first line of what is at the bottom of an error: the exporter wraps it several times."""
    while error.__cause__ is not None:
        error = error.__cause__
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
