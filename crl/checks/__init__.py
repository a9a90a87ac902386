"""Checkers that authors of plug-ins run on their work, in the manner of Gymnasium's ``check_env``.

They raise :class:`CheckFailed` at the first promise that is broken and say which, where and how to fix it.
"""

from crl.checks.agent import check_agent
from crl.checks.failure import CheckFailed
from crl.checks.planner import check_planner
from crl.checks.strategy import check_strategy
from crl.checks.task_sequence import check_task_sequence

__all__ = ["CheckFailed", "check_agent", "check_planner", "check_strategy", "check_task_sequence"]
