"""The checker of task sequences: descriptions, environments, functions, and tasks that really differ."""

from __future__ import annotations

import functools
import itertools
import math
import time
from collections.abc import Callable, Iterator, Sequence

from crl.checks.environment import (
    Said,
    Trial,
    angles_are_told,
    episodes_are_sound,
    episodes_last,
    passes_gymnasium,
    seeds_decide,
    spaces_agree,
    state_continues,
)
from crl.checks.failure import CheckFailed
from crl.checks.finding import Finding, State
from crl.checks.functions import ends_are_told, functions_agree, plans_can_compute
from crl.checks.models import different_parts
from crl.checks.played import Played
from crl.environment import TaskEnvironment
from crl.errors import CrlError
from crl.sequences import TaskSequence, load_sequence

PLANNING = "planning"
"""The promise without which a planner can't plan; other agents don't need it."""
PROMISES: tuple[tuple[str, Callable[[Trial], Said | None], State], ...] = (
    ("gymnasium", passes_gymnasium, "warning"),
    ("spaces", spaces_agree, "warning"),
    ("episodes", episodes_are_sound, "broken"),
    ("seeds", seeds_decide, "warning"),
    ("length", episodes_last, "warning"),
    ("state", state_continues, "warning"),
    (PLANNING, plans_can_compute, "warning"),
    ("functions", functions_agree, "warning"),
    ("ends", ends_are_told, "warning"),
    ("angles", angles_are_told, "warning"),
)
"""What is looked at, in this order, and how bad it is where it fails. After broken episodes a task is left."""


def check_task_sequence(sequence: TaskSequence | str, *, steps: int = 30, seed: int = 0) -> None:
    """Check what training, planning and resuming take for granted of a task sequence.

    For every task: the description is valid and agrees with the spaces; Gymnasium's own checks pass; short episodes
    give finite numbers of the right shape; the same seed gives the same episode and another seed another one; no
    episode is truncated before ``episode_steps``; ``get_episode_state`` and ``set_episode_state``, where offered,
    continue an episode to the bit, in a new environment too; the reward function gives the rewards of the steps, the
    same numbers with torch as with numpy, over batches; success and terminated give booleans, and where terminated
    holds the environment ends the episode. For every two tasks: equal spaces, and environments that really differ.

    Args:
        sequence: The sequence, or its name.
        steps: Steps of every trial.
        seed: Seed of the trials.

    Raises:
        CheckFailed: A promise is broken.
    """
    for finding in examine_task_sequence(sequence, steps=steps, seed=seed):
        if finding.bad:
            raise CheckFailed(str(finding), finding.hint)


def examine_task_sequence(
    sequence: TaskSequence | str,
    *,
    tasks: Sequence[int] | None = None,
    steps: int = 30,
    seed: int = 0,
    seconds: float = math.inf,
) -> Iterator[Finding]:
    """Look at all that :func:`check_task_sequence` checks, and say what is found, good and bad, as it is found.

    Args:
        sequence: The sequence, or its name.
        tasks: Which tasks; all by default.
        steps: Steps of every trial.
        seed: Seed of the trials.
        seconds: What takes longer is left; what was left is not mentioned.
    """
    sequence = load_sequence(sequence) if isinstance(sequence, str) else sequence
    until = time.monotonic() + seconds
    played: dict[int, tuple[Played, TaskEnvironment]] = {}
    for index in _distinct(sequence, tasks):
        where = f"task {index} ({sequence.tasks[index].name!r}) of the sequence {sequence.name!r}"
        try:
            spec, env = sequence.spec(index), sequence.make(index)
        except (CrlError, ValueError) as error:
            yield Finding(where, "description", "broken", str(error))
            continue
        trial = Trial(spec, env, functools.partial(sequence.make, index), min(steps, spec.episode_steps), seed, until)
        try:
            for promise, look, state in PROMISES:
                if trial.over:
                    break
                finding = _look(where, promise, look, state, trial)
                if finding is not None:
                    yield finding
                if finding is not None and finding.state == "broken":
                    break
            else:
                played[index] = trial.plays[0], env
        finally:
            env.close()
    for one, other in itertools.combinations(played, 2):
        yield from _compare(sequence, one, other, played, seed)


def _distinct(sequence: TaskSequence, tasks: Sequence[int] | None) -> list[int]:
    """One index for every task that is named, in order."""
    first: dict[str, int] = {}
    for index in range(len(sequence)) if tasks is None else tasks:
        first.setdefault(sequence.tasks[index].name, index)
    return list(first.values())


def _look(where: str, promise: str, look: Callable[[Trial], Said | None], state: State, trial: Trial) -> Finding | None:
    try:
        said = look(trial)
    except CheckFailed as failed:
        return Finding(where, promise, state, failed.message, failed.hint)
    return None if said is None else Finding(where, promise, said.state, said.text, said.hint)


def _compare(
    sequence: TaskSequence, one: int, other: int, played: dict[int, tuple[Played, TaskEnvironment]], seed: int
) -> Iterator[Finding]:
    """Two tasks have the same spaces, and are two."""
    names = [sequence.tasks[index].name for index in (one, other)]
    where = f"tasks {names[0]!r} and {names[1]!r} of the sequence {sequence.name!r}"
    (part, env), (other_part, other_env) = played[one], played[other]
    spaces, other_spaces = ((e.observation_space, e.action_space) for e in (env, other_env))
    if spaces != other_spaces:
        yield Finding(where, "difference", "warning", f"they have different spaces: {spaces} and {other_spaces}")
        return
    if not part.alike(other_part):
        yield Finding(where, "difference", "good", "they behave differently under the same seed and actions")
        return
    parts = different_parts(sequence, one, other, seed)
    steps = len(part.rewards)
    if parts:
        said = f"{steps} random steps don't tell them apart; their environments differ in {', '.join(parts[:5])}"
        yield Finding(where, "difference", "good", said)
        return
    yield Finding(
        where,
        "difference",
        "warning",
        "they behave alike: the same seed and actions give the same observations, and nothing in their environments "
        "differs",
        "check that the keyword arguments reach the simulator, or use one name if the task is meant to repeat",
    )
