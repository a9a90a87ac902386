"""The Python interface: what the command does, for programs and notebooks.

These names are public: they change only with a note in the changelog, and an old one keeps working for one release.
Everything else may change at any time.
"""

from __future__ import annotations

from crl.api.adapting import ActionRefiner, adapt
from crl.api.planning import plan
from crl.api.policy import Policy
from crl.api.regression import TaskRegression, strategy
from crl.api.run import Prediction, Run, evaluate, load
from crl.api.training import learn, train

__all__ = [
    "ActionRefiner",
    "Policy",
    "Prediction",
    "Run",
    "TaskRegression",
    "adapt",
    "evaluate",
    "learn",
    "load",
    "plan",
    "strategy",
    "train",
]
