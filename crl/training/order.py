"""The order in which tasks are learned, the environment steps that each visit gets, and what is evaluated after it."""

from __future__ import annotations

from collections.abc import Sequence

from crl.config import Config
from crl.config.declared.agents import kind_of
from crl.errors import CrlError
from crl.seeding import numpy_generator
from crl.sequences import TaskSequence


def task_order(config: Config, sequence: TaskSequence) -> list[int]:
    """Indices of the tasks in the order in which they are learned.

    A task that the sequence names again is the same task, and always goes by its first index.

    Raises:
        CrlError: An index is outside the sequence.
    """
    every = [0] if kind_of(config).flies_missions else list(range(len(sequence)))
    order = every if config.env.tasks is None else list(config.env.tasks)
    for index in order:
        if not 0 <= index < len(sequence):
            raise CrlError(f"tasks={order}: {sequence.name} has no task {index}", f"use 0 to {len(sequence) - 1}")
    if not order:
        raise CrlError("tasks=[] leaves nothing to learn", f"name tasks 0 to {len(sequence) - 1}, or leave it out")
    first = {sequence.identity(index): index for index in reversed(range(len(sequence)))}
    return [first[sequence.identity(index)] for index in order]


def step_budgets(config: Config, visits: int) -> list[int]:
    """Environment steps per visit; a single number serves all.

    Raises:
        CrlError: The list is neither of length one nor as long as the order of tasks.
    """
    steps = list(config.budget.steps)
    if len(steps) == 1:
        return steps * visits
    if len(steps) != visits:
        raise CrlError(
            f"budget.steps has {len(steps)} entries for {visits} tasks", "give one number, or one for every task"
        )
    return steps


def evaluation_episodes(config: Config, order: Sequence[int], visit: int) -> dict[int, int]:
    """Episodes of the evaluation after a visit, for tasks seen so far, by the order of their first visit.

    The diagonal and the last row of the reward matrix are compared with each other, so they get all episodes. With
    ``evaluation.tasks`` the earlier tasks are a sample, drawn without replacement, and another one after each visit. It
    depends on ``evaluation.seed`` alone, so that strategies and training seeds are compared on the same tasks.
    """
    last = visit + 1 == len(order)
    full, between = config.evaluation.episodes, config.evaluation.episodes_between
    seen = list(dict.fromkeys(order[: visit + 1]))
    earlier = [index for index in seen if index != order[visit]]
    chosen = {order[visit], *_drawn(config, earlier, visit)}
    return {index: full if last or index == order[visit] else between for index in seen if index in chosen}


def _drawn(config: Config, earlier: Sequence[int], visit: int) -> Sequence[int]:
    most = config.evaluation.tasks
    if not 0 < most < len(earlier):
        return earlier
    generator = numpy_generator(config.evaluation.seed, "evaluated tasks", visit)
    return [earlier[at] for at in generator.choice(len(earlier), most, replace=False)]
