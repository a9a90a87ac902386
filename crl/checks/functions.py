"""Promises of a task's functions: reward, success and terminated are the environment's, over any batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from crl.checks.environment import Said, Trial
from crl.checks.failure import CheckFailed
from crl.task_functions import TaskFunctionFailed

TOLERANCE = 1e-4
"""Float32 arithmetic in two orders of operations; relative, and absolute near zero."""
KINDS: Mapping[str, Callable[[np.ndarray], Any]] = {
    "numpy": lambda array: array,
    "numpy in two batch dimensions": lambda array: array[None],
    "torch": torch.from_numpy,
    "torch in two batch dimensions": lambda array: torch.from_numpy(array)[None],
}


def plans_can_compute(trial: Trial) -> Said:
    """The functions take imagined trajectories of a planner: torch tensors of K sequences and H steps."""
    spec, part = trial.spec, trial.plays[0]
    if "reward" in spec.learned:
        return Said("its reward is learned from the rewards of the steps")
    before, after, actions = (
        torch.from_numpy(a)[None] for a in (part.observations[:-1], part.observations[1:], part.actions)
    )
    with _explained("torch"):
        spec.reward(before, actions, after)
        spec.success(after)
        if spec.terminated is not None:
            spec.terminated(after)
    return Said("a planner can compute with them")


def functions_agree(trial: Trial) -> Said | None:
    """The reward is that of the steps, and all functions give the same with torch as with numpy, over batches."""
    spec, part = trial.spec, trial.plays[0]
    if "reward" in spec.learned:
        return None
    before, after = part.observations[:-1], part.observations[1:]
    arrays = (before, part.actions, after)
    with _explained("numpy, step by step"):
        singly = [float(spec.reward(*(array[i] for array in arrays))) for i in range(len(part.actions))]
    _agree(singly, part.rewards, "reward(observation, action, next_observation)", "the rewards of the steps")
    truths = {"success": spec.success}
    if spec.terminated is not None:
        truths["terminated"] = spec.terminated
    with _explained("numpy, step by step"):
        told = {what: [bool(function(observation)) for observation in after] for what, function in truths.items()}
    for name, convert in KINDS.items():
        inputs = [convert(array) for array in arrays]
        shape = tuple(inputs[2].shape[:-1])
        with np.errstate(all="ignore"), _explained(name):
            reward = spec.reward(*inputs)
            found = {what: function(inputs[2]) for what, function in truths.items()}
        for what, value in (("reward", reward), *found.items()):
            if tuple(value.shape) != shape:
                raise CheckFailed(f"{what} with {name} has the shape {tuple(value.shape)}, not {shape}")
        _agree(np.asarray(reward).reshape(-1), singly, f"reward with {name}", "that of single steps")
        for what, value in found.items():
            if "bool" not in str(value.dtype) or np.asarray(value).reshape(-1).tolist() != told[what]:
                raise CheckFailed(f"{what} with {name} gives {value}, single steps {told[what]}")
    named = ", ".join(("reward", *(["success"] if spec.has_success else []), *list(truths)[1:]))
    return Said(f"{named}: that of the steps, the same with torch as with numpy, over batches")


def ends_are_told(trial: Trial) -> Said | None:
    """Where ``terminated`` holds, the environment ends the episode; ends that it doesn't see are said."""
    terminated = trial.spec.terminated
    if "terminated" in trial.spec.learned:
        return None
    for part in trial.plays:
        for step, (ended, _, succeeded) in enumerate(part.flags, start=1):
            if terminated is not None:
                with _explained("numpy, step by step"):
                    told = bool(terminated(part.observations[step]))
                if told and not ended:
                    raise CheckFailed(
                        f"terminated(observation) holds after step {step}, where the environment goes on",
                        "let it hold only where the environment ends the episode: plans end there",
                    )
            if ended and not succeeded and (terminated is None or not told):
                return _unseen(step, described=terminated is not None)
    return None


def _unseen(step: int, *, described: bool) -> Said:
    if described:
        return Said(
            f"the environment ends an episode at step {step}, where terminated(observation) does not hold",
            "plans don't see this end; if the observation shows it, let terminated hold there",
            "note",
        )
    return Said(
        f"the environment ends an episode at step {step}, and nothing tells plans which observations end one",
        'put "has_terminated": True into the description, and give terminated(observation)',
        "note",
    )


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Say with which arrays a function failed."""
    try:
        yield
    except TaskFunctionFailed as error:
        raise CheckFailed(f"can't be computed with {name}: {error.message}", error.hint) from error


def _agree(values: Any, expected: Any, what: str, than: str) -> None:
    values, expected = np.asarray(values, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    wrong = ~np.isclose(values, expected, rtol=TOLERANCE, atol=TOLERANCE)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise CheckFailed(f"{what} differs from {than}: {values[at]} against {expected[at]} (step {at})")
