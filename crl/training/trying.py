"""A sequence is tried for some seconds before a run: what can't work is said before anything is learned or written."""

from __future__ import annotations

from crl.checks.failure import CheckFailed
from crl.checks.task_sequence import PLANNING, examine_task_sequence
from crl.config import Config
from crl.sequences import TaskSequence
from crl.training.order import task_order

SECONDS = 5.0
"""What takes longer is not looked at; ``crl check`` looks at everything."""


def try_first(config: Config, sequence: TaskSequence, *, plans: bool) -> list[str]:
    """Try the tasks that a run will learn.

    Args:
        config: Settings: which tasks.
        sequence: The task sequence.
        plans: Whether the agent plans, and so needs a reward that it can compute with.

    Returns:
        What could be better, one line each.

    Raises:
        CheckFailed: No episode of a task is sound, or planners can't compute with its reward.
    """
    told = []
    for finding in examine_task_sequence(sequence, tasks=task_order(config, sequence), seconds=SECONDS):
        if finding.state == "broken" or (plans and finding.bad and finding.promise == PLANNING):
            hint = f"{finding.hint}; " if finding.hint else ""
            raise CheckFailed(
                str(finding), f"{hint}`crl check env={config.env.name}` says more, check=false skips this"
            )
        if finding.state != "good":
            told.append(f"{finding}" + (f": {finding.hint}" if finding.hint else ""))
    return told
