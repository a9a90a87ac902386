"""What explains transitions: the known regimes, asked all at once, or a context relative to the nearest one."""

from __future__ import annotations

import torch
from torch import Tensor

from crl.config.sections.memory import BeliefConfig
from crl.memory.models.bridge import Bridge
from crl.memory.models.memory import NOMINAL, Memory
from crl.memory.models.regime import Regime
from crl.memory.models.steps import Steps
from crl.memory.models.units import Units, mean_square
from crl.memory.recall.coverage import widening
from crl.memory.recall.evidence import Seen
from crl.memory.recall.likelihood import FIT, recall
from crl.memory.recall.phase import InForce


class Explaining:
    """Asks a memory of regimes, and identifies contexts where it does not know.

    Args:
        memory: The regimes.
        bridge: Identifies contexts.
        units: Common units of residuals.
        neutral: The action [A] that asks for nothing: effects of commands are measured from there.
        config: Settings.
    """

    def __init__(self, memory: Memory, bridge: Bridge, units: Units, neutral: Tensor, config: BeliefConfig) -> None:
        self._memory, self._bridge, self._units = memory, bridge, units
        self._neutral, self._config = neutral, config

    def predict(self, steps: Steps) -> tuple[Tensor, Tensor, Tensor]:
        """Predictions of all regimes [R, N, D], seen effects of commands [N, D] and what is informative [N]."""
        rows = len(steps)
        idle = self._neutral.expand(1, -1)
        both = self._memory.predict(
            torch.cat([steps.observation, steps.observation[-1:]]), torch.cat([steps.action, idle])
        )
        predicted, rest = both[:, :rows], both[:1, rows:]
        effect = steps.change - rest[0]
        told = self._units.informative(torch.cat([effect.unsqueeze(0), predicted - rest]))
        return predicted, effect, told

    def expected(self, force: InForce, observation: Tensor, action: Tensor) -> Tensor:
        """The change [D] under what is acted on, for an observation [S] and an action [A]."""
        at = (observation.unsqueeze(0), action.unsqueeze(0))
        if force.context is None:
            return self._memory.predict(*at)[self._memory.order.index(force.regime), 0]
        weights = self._memory.weights(force.regime)
        return self._bridge.predict(weights, force.context.unsqueeze(0), *at)[0, 0]

    def tolerated(self, entry: Regime, seen: Seen, predicted: Tensor) -> Tensor:
        """Residuals [N, D] of a regime, in units of what is usual for it.

        Two more model errors are allowed beside the one in common units. A learned regime's model errs: its own
        deviation counts where it is wider, up to :attr:`crl.memory.models.memory.Memory.widest`. And it may never have
        been seen at commands like these (:mod:`crl.memory.recall.coverage`); of that, ``forgiven`` of the command's
        effect counts at most. Only whether the regime in force is over is judged so; recall compares in common units.

        Args:
            entry: The regime.
            seen: Transitions.
            predicted: What the regime predicts of them, [N, D].
        """
        steps = seen.steps
        wider = widening(self._memory, entry, self._bridge.base, steps.observation, steps.action)
        if self._config.forgiven is not None:
            wider = wider.minimum(self._config.forgiven * self._units.size(seen.effects) * self._units.unit)
        return self._units.scaled(steps.change - predicted, seen.effects, wider) / entry.scale.clamp(
            1.0, self._memory.widest
        )

    def tolerates(self, entry: Regime, seen: Seen) -> bool:
        """Whether a regime explains what was seen as well as it usually does."""
        predicted = self._memory.predict(seen.steps.observation, seen.steps.action)
        return self._tolerates(entry, seen, predicted[self._memory.order.index(entry.index)])

    def _tolerates(self, entry: Regime, seen: Seen, predicted: Tensor) -> bool:
        return float(mean_square(self.tolerated(entry, seen, predicted))) <= FIT

    def recall(self, seen: Seen, opening: int | None) -> tuple[int | None, int]:
        """The known regime that explains what was seen, if one does, and the one that is nearest to it.

        Args:
            seen: Transitions.
            opening: A regime that is being opened counts as not known.
        """
        steps, order = seen.steps, self._memory.order
        predicted = self._memory.predict(steps.observation, steps.action)
        told = recall(
            self._units.scaled(steps.change - predicted, seen.effects), torch.ones(len(steps), dtype=torch.bool)
        )
        candidates = [at for at, index in enumerate(order) if index != opening]
        nearest = min(candidates, key=lambda at: float(told.misfit[at]))
        best = told.best()
        if best is None and float(told.misfit[nearest]) <= self._config.near * FIT:
            # It is the nearest by far too little; but as near as it was when it was in force, or never seen at such
            # commands.
            tolerated = self._tolerates(self._memory.regimes[order[nearest]], seen, predicted[nearest])
            best = nearest if tolerated else None
        known = None if best is None or order[best] == opening else order[best]
        return known, order[nearest]

    def identify(self, seen: Seen, nearest: int, otherwise: InForce) -> InForce:
        """The context relative to the nominal or to the nearest known regime, whichever leaves less.

        Args:
            seen: Transitions.
            nearest: The nearest known regime.
            otherwise: What stays if no context leaves a number.
        """
        best, least, steps = otherwise, float("inf"), seen.steps
        for regime in dict.fromkeys((NOMINAL, nearest)):
            weights, beneath = self._memory.weights(regime), self._memory.context(regime)
            if beneath is not None:
                continue  # it is itself a context relative to the nominal regime
            context = self._bridge.identify(weights, steps)
            predicted = self._bridge.predict(weights, context.unsqueeze(0), steps.observation, steps.action)[0]
            misfit = float(mean_square(self._units.scaled(steps.change - predicted, seen.effects)))
            if misfit < least:
                best, least = InForce(regime, context), misfit
        return best
