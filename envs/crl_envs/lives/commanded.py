"""What lives of vehicles share: waypoints without an end, and regimes that act on commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray

from crl_envs import task as contract
from crl_envs.lives.endless import EndlessWay
from crl_envs.lives.life import LifeEnv
from crl_envs.lives.regimes.mixing import Effect, Mixture, draw_mixtures
from crl_envs.missions import MissionError


class Commanded(Protocol):
    """A regime that says what its body makes of commands."""

    def effect(self, command: Any) -> Any:
        """The nominal commands [..., A] that commands [..., A] amount to, both in half ranges; any array library."""


C = TypeVar("C", bound=Commanded)
OTHERS = 4
"""Regimes of a life that are not affine, if nobody says how many."""


class Drawn(TypedDict, total=False):
    """What of a life is drawn, as :class:`CommandedLifeEnv` explains it."""

    regimes: int
    others: int | None
    regime_seed: int | None
    lengths: tuple[int, int]
    fresh: float
    drift: float
    combine: float


class CommandedLifeEnv(LifeEnv[C]):
    """A vehicle that follows waypoints for ever, whose regimes are what it makes of its commands.

    Args:
        task: The task as plain data.
        way: Its waypoints.
        regimes: Number of regimes, the nominal one among them.
        others: How many of them are not affine in the command; ``None``: four, or all but the nominal one where there
            are fewer.
        regime_seed: Seed of the regimes themselves; ``None``: they are drawn with the life.
        lengths: Least and greatest number of steps of a visit.
        fresh: Probability that a visit is one of a regime not yet met, while there are any.
        drift: Share of the regimes that drift from one to another in every visit (:mod:`.regimes.mixing`).
        combine: Share of the regimes that combine two others.

    Raises:
        MissionError: A number is impossible.
    """

    has_waypoints = True
    has_effect = True

    def __init__(
        self,
        task: contract.Plain,
        way: EndlessWay,
        *,
        regimes: int = 12,
        others: int | None = None,
        regime_seed: int | None = None,
        lengths: tuple[int, int] = (60, 120),
        fresh: float = 0.5,
        drift: float = 0.0,
        combine: float = 0.0,
    ) -> None:
        others = min(OTHERS, max(regimes - 1, 0)) if others is None else others
        if not 0 <= others < regimes:
            raise MissionError(
                f"{others} of {regimes} regimes that are not affine are impossible",
                "give 0 <= others < regimes: one regime is the nominal body",
            )
        super().__init__(task, regimes=regimes, regime_seed=regime_seed, lengths=lengths, fresh=fresh)
        self.way, self._others = way, others
        self._shares = (drift, combine)
        draw_mixtures(regimes, drift, combine, np.random.default_rng(0))  # says now what is impossible
        self._mixtures: dict[int, Mixture] = {}
        self._half = self._half_ranges()
        self._beside, self._effect = 0.0, np.zeros(len(self._half))

    def _half_ranges(self) -> NDArray[np.float64]:
        """Half the range of every element of a command, [A]."""
        return np.asarray(self.action_space.high, dtype=np.float64)

    def _mix(self, rng: np.random.Generator) -> None:
        self._mixtures = draw_mixtures(self.stream.count, *self._shares, rng)

    def _named(self, regime: int) -> str:
        made = self._mixtures.get(regime)
        return super()._named(regime) if made is None else f"{regime}_{made.name}"

    def next_effect(self) -> Callable[[Any], Any]:
        """The nominal commands that commands [..., A] amount to in the next step; any array library. For oracles."""
        acts, box = self._acts(), self._half

        def effect(command: Any) -> Any:
            half = box if isinstance(command, np.ndarray) else command.new_tensor(box)
            return acts(command / half) * half

        return effect

    def _acts(self) -> Effect:
        made = self._mixtures.get(self.stream.regime)
        if made is None:
            return self.regimes[self.stream.regime].effect
        return made.effect(self.regimes[made.one].effect, self.regimes[made.other].effect, self.stream.share)

    def _tell(self) -> dict[str, Any]:
        return {
            "beside": self._beside,
            "cross_track": self._beside,
            "reached": self.way.reached,
            "effect": self._effect.copy(),
        }

    def _body_state(self) -> dict[str, Any]:
        mixed = {at: vars(made) for at, made in self._mixtures.items()}
        return {"way": self.way.get_state(), **({"mixtures": mixed} if mixed else {})}

    def _set_body_state(self, state: dict[str, Any]) -> None:
        self.way.set_state(state["way"])
        self._mixtures = {int(at): Mixture(**made) for at, made in state.get("mixtures", {}).items()}
        self._beside, self._effect = 0.0, np.zeros(len(self._half))
