"""Trust in corrections: lost by contexts that predicted badly while they were in force, never by alarms.

An alarm says that the body has changed. That is no fault of the context that was in force until then, and bodies may
change often. What speaks against correcting is a context that predicts new transitions no better than the nominal model
does. So each new transition is predicted by the context in force *before* the context is fitted to it (Dawid 1984:
prequential), and by the nominal model. With c and n the mean squares of the two normalised residuals, in units of what
the calibration takes for usual, the transition is worth

    s = ln((n + 1) / (c + 1)) / 2, at least -1 and at most 1:

by how many times the context left less than the nominal model did, as a logarithm of deviations. A residual of the
usual size is worth nothing, however small the noise is, and one transition counts one at the most, so that neither a
jerk nor a simulator without noise decides alone. Trust is the sum of s, kept between 0 and ``FULL``.

While nothing explains the body, the same sum over the contexts that are found, from zero, is what they promise. From
``ENOUGH`` on, one of them may be applied that explains little (:func:`~crl.adaptation.tracking.decision.judged`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

FULL = 10.0
"""Greatest trust, and the trust at the beginning. A regime that ends costs about one for each step until its end is
seen, two or three in all. So ten are lost by four or five wrong contexts that follow each other without a right one."""
ENOUGH = 5.0
"""Trust from which corrections are applied again after all was lost: five steps in which the context in force left
less than a third of what the nominal model left. It is above zero, so that corrections don't flicker."""


class Trust:
    """Sums up how the corrections in force have predicted.

    Args:
        usual: Mean square of a normalised residual up to which a step is no surprise.
    """

    def __init__(self, usual: float) -> None:
        self._usual = usual
        self.reset()

    def reset(self) -> None:
        """Trust again."""
        self.level = FULL
        self.lost = False
        self.promise = 0.0

    def predicted(self, context: float, nominal: float) -> None:
        """Take note of a transition that the context in force has predicted before it was fitted to it.

        Args:
            context: Mean square of the normalised residual under the context, at least 0; may be infinite or NaN.
            nominal: The same of the nominal body.
        """
        self.level = min(max(self.level + self._worth(context, nominal), 0.0), FULL)
        self.lost = self.level < ENOUGH if self.lost else self.level <= 0

    def tried(self, context: float, nominal: float) -> None:
        """Take note of what a context predicted that was found, and is not in force because it explains too little."""
        self.promise = min(max(self.promise + self._worth(context, nominal), 0.0), FULL)

    def settled(self) -> None:
        """A hypothesis explains the body, or it is nominal: what was tried before counts no more."""
        self.promise = 0.0

    @property
    def promising(self) -> bool:
        """Whether the contexts that were tried have predicted well for long enough to be applied."""
        return self.promise >= ENOUGH

    def _worth(self, context: float, nominal: float) -> float:
        worth = 0.5 * (_logarithm(nominal / self._usual) - _logarithm(context / self._usual))
        return min(max(worth, -1.0), 1.0)

    def state_dict(self) -> dict[str, Any]:
        """Level, whether it is lost, and what contexts promise that were tried."""
        return {"level": self.level, "lost": self.lost, "promise": self.promise}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.level, self.lost = float(state["level"]), bool(state["lost"])
        self.promise = float(state["promise"])


GREATEST = 1e12
"""What a mean square that is not finite counts as."""


def _logarithm(square: float) -> float:
    return math.log1p(min(square, GREATEST) if math.isfinite(square) else GREATEST)
