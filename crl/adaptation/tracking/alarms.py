"""When to give up the hypothesis in force, and when to identify again: CUSUMs, surprises and repeated alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from crl.adaptation.calibration import Calibration
from crl.adaptation.tracking.alarm_backoff import AlarmBackoff
from crl.adaptation.tracking.cusum import Cusum, LikelihoodRatioCusum
from crl.config.sections.flow import TrackingConfig

OLD = 5
"""A regime older than a window is identified again every so many steps, and after every surprise."""

ASIDE = 2
"""Windows after a change in which the context of before may come back, in case its fault has not ended."""


class Alarms:
    """Collects contradictions to the hypothesis in force.

    Args:
        config: Window, evidence and rate of false alarms.
        calibration: Distribution of the nominal residuals.

    Attributes:
        contradiction: CUSUM of the statistics of the residuals under the hypothesis in force.
        end: CUSUM of the likelihood ratio of the nominal body, for the end of a fault.
        relapse: The same of a context that was set aside, for a fault that has not ended.
        backoff: Counts repeated alarms; they limit care.
        changes: Changes of the regime so far.
        since: Step of the last one.
    """

    def __init__(self, config: TrackingConfig, calibration: Calibration) -> None:
        self._window = config.window
        self._surprising = calibration.allowance
        self.contradiction = Cusum(calibration)
        self.end, self.relapse = (LikelihoodRatioCusum(config.false_alarms, config.evidence) for _ in range(2))
        self.backoff = AlarmBackoff(config.window)
        self.reset()

    def reset(self) -> None:
        """Forget all evidence."""
        self._restart()
        self.backoff.reset()
        self.changes = self.since = 0
        self._newest = 0.0

    def _restart(self) -> None:
        self.contradiction.reset()
        self.end.reset()
        self.relapse.reset()

    def changed(self, now: int) -> None:
        """The regime has changed: collect evidence from zero."""
        self._restart()
        self.changes += 1
        self.since = now

    def contradicts(self, seen: Tensor) -> bool:
        """Add the statistics [J] of one step; true at an alarm."""
        self._newest = float(seen[0])
        return self.contradiction.update(seen)

    def recent(self, now: int) -> bool:
        """Whether the last change is so recent that it may turn out to be none."""
        return now - self.since <= ASIDE * self._window

    def due(self, now: int, unexplained: int) -> bool:
        """Whether to identify again: always at first and after a surprise, later only now and then.

        A body that nothing has explained for longer than a window (``unexplained`` steps) is identified at every second
        step at most, since it would cost the time of two decisions in each step.
        """
        age = now - self.since
        if age % 2 and unexplained > self._window:
            return False
        return age <= self._window or age % OLD == 0 or self._newest > self._surprising

    def state_dict(self) -> dict[str, Any]:
        """All evidence, as plain data."""
        return {
            "contradiction": self.contradiction.state_dict(),
            "end": self.end.state_dict(),
            "relapse": self.relapse.state_dict(),
            "backoff": self.backoff.state_dict(),
            "changes": self.changes,
            "since": self.since,
            "newest": self._newest,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.contradiction.load_state_dict(state["contradiction"])
        self.end.load_state_dict(state["end"])
        self.relapse.load_state_dict(state["relapse"])
        self.backoff.load_state_dict(state["backoff"])
        self.changes, self.since, self._newest = int(state["changes"]), int(state["since"]), float(state["newest"])
