"""What all lives share: regimes that come and go, crashes that count, going on for ever.

``reset(seed=...)`` begins a life; ``reset()`` after a crash goes on with it. For evaluators only, ``info`` says
``regime`` (number), ``regime_name``, ``visits`` (of regimes so far), ``beside`` (distance to the goal, m) and
``crashes``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Generic, TypeVar

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from crl_envs import task as contract
from crl_envs.lives.stream import RegimeStream
from crl_envs.missions import MissionError

Array = NDArray[np.float32]
STEPS = 1_000_000
"""Steps until an episode is truncated, for loops that need a number; the life goes on with the next reset."""
R = TypeVar("R")


class LifeEnv(gymnasium.Env[Array, Array], Generic[R]):
    """A body that changes unannounced among regimes of a kind ``R``, a dataclass with a ``name``.

    Args:
        task: The task as plain data.
        regimes: Number of regimes, the nominal one among them.
        regime_seed: Seed of the regimes themselves; ``None``: they are drawn with the life.
        lengths: Least and greatest number of steps of a visit.
        fresh: Probability that a visit is one of a regime not yet met, while there are any.

    Attributes:
        has_waypoints: Whether ``info`` says ``reached``, a number of waypoints, and distances are those to a leg.
        has_motion: Whether :meth:`next_motion` can tell an oracle how the body will move.
        has_effect: Whether :meth:`next_effect` can tell it what the body makes of commands.
        full_change: Change of a step that an expectation is measured by, in the order of
            :class:`crl.dynamics.body.Body`.

    Raises:
        MissionError: A number is impossible.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  Gymnasium's way
    observation_space: Box[np.float32]
    action_space: Box[np.float32]
    has_waypoints = False
    has_motion = False
    has_effect = False
    full_change: NDArray[np.float64]

    def __init__(
        self,
        task: contract.Plain,
        *,
        regimes: int,
        regime_seed: int | None,
        lengths: tuple[int, int],
        fresh: float,
    ) -> None:
        if regimes < 1:
            raise MissionError(f"a life of {regimes} regimes is impossible", "give at least 1: the nominal body")
        self.task = task
        self._regime_seed = regime_seed
        self.stream = RegimeStream(regimes, lengths, fresh)
        self.observation_space = contract.observation_space(task["observation"])
        self.action_space = contract.action_space(task["action"])
        self.regimes: list[R] = []
        self._alive = False

    # ------------------------------------------------------------------ what a body defines
    @abstractmethod
    def _draw(self, rng: np.random.Generator) -> list[R]:
        """The regimes, the nominal one first."""

    def _mix(self, rng: np.random.Generator) -> None:
        """Make regimes of two others, where there are such."""

    def _named(self, regime: int) -> str:
        """Name of a regime."""
        known: Any = self.regimes[regime]
        return str(known.name)

    def _plain(self, regime: R) -> dict[str, Any]:
        """A regime as plain data."""
        fields: Any = regime
        return asdict(fields)

    @abstractmethod
    def _regime(self, plain: dict[str, Any]) -> R:
        """The regime that :meth:`_plain` described."""

    @abstractmethod
    def _set_up(self, *, first: bool) -> None:
        """Put the body where a life begins, or where it goes on after a crash."""

    @abstractmethod
    def _move(self, action: NDArray[np.float64], regime: R) -> str | None:
        """Move for a control period, and the goals with it; why that was a crash, if it was one."""

    @abstractmethod
    def _observe(self) -> Array:
        """The observation, float32 [S]."""

    @abstractmethod
    def _tell(self) -> dict[str, Any]:
        """What ``info`` says of the body: ``beside``, and what else there is."""

    @abstractmethod
    def _body_state(self) -> dict[str, Any]:
        """What decides how body and goals go on, beside the generators."""

    @abstractmethod
    def _set_body_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`_body_state` returned, from all of the state."""

    @property
    def next_regime(self) -> int:
        """Number of the regime that the next step is of. For oracles."""
        return self.stream.regime

    def next_effect(self) -> Callable[[Any], Any]:
        """The nominal commands that commands [..., A] amount to in the next step; any array library. For oracles.

        Raises:
            MissionError: That does not say how the body moves (:attr:`has_effect`).
        """
        raise MissionError(f"{type(self).__name__} is more than commands that amount to others", "ask next_motion")

    def next_motion(self) -> Callable[[Any, Any], Any]:
        """Observations [..., S] after the next step's actions [..., A], without noise; any array library. For oracles.

        Raises:
            MissionError: Nobody knows (:attr:`has_motion`).
        """
        raise MissionError(f"{type(self).__name__} can't say how its body will move", "tell a memory the regime")

    @abstractmethod
    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Reward of transitions; array-API arrays [..., S], [..., A], [..., S] -> [...]."""

    # ------------------------------------------------------------------ Gymnasium's calls
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin a life, or go on with it after a crash if no seed is given."""
        super().reset(seed=seed, options=options)
        first = seed is not None or not self._alive
        if first:
            # Sources of their own: which regime and which goal comes when does not depend on what the robot does.
            self._changes, self._places, drawn = self.np_random.spawn(3)
            if self._regime_seed is not None:
                drawn = np.random.default_rng(self._regime_seed)
            self.regimes = self._draw(drawn)
            self._mix(drawn)
            self.stream.begin(self._changes)
            self._alive, self._steps, self._crashes = True, 0, 0
        self._set_up(first=first)
        self._observation = self._observe()
        return self._observation.copy(), self._info(self.stream.regime)

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Move for one control period in the regime in force."""
        command = np.asarray(action, dtype=np.float64)
        if command.shape != self.action_space.shape:
            raise ValueError(f"action has shape {command.shape}, this environment takes {self.action_space.shape}")
        if not np.isfinite(command).all():
            raise ValueError(f"action is not finite: {action}; an agent must send finite actions")
        command = np.clip(command, self.action_space.low, self.action_space.high)
        before, number = self._observation, self.stream.regime
        crash = self._move(command, self.regimes[number])
        self.stream.advance(self._changes)
        self._steps += 1
        self._observation = self._observe()
        reward = float(self.reward(before, command, self._observation))
        if crash is not None:
            self._crashes += 1
        info = self._info(number) if crash is None else {**self._info(number), "crash": crash}
        over = self._steps % self.task["episode_steps"] == 0
        return self._observation.copy(), reward, crash is not None, crash is None and over, info

    def _info(self, regime: int) -> dict[str, Any]:
        return {
            "regime": regime,
            "regime_name": self._named(regime),
            "visits": self.stream.visits,
            "crashes": self._crashes,
            **self._tell(),
        }

    # ------------------------------------------------------------------ saving and restoring
    def get_episode_state(self) -> dict[str, Any]:
        """Everything that decides how the life goes on, so that it continues to the bit."""
        return {
            **self._body_state(),
            "observation": self._observation.copy(),
            "steps": self._steps,
            "crashes": self._crashes,
            "regimes": [self._plain(regime) for regime in self.regimes],
            "stream": self.stream.get_state(),
            "random": [rng.bit_generator.state for rng in (self.np_random, self._changes, self._places)],
        }

    def set_episode_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_episode_state` returned."""
        self.regimes = [self._regime(plain) for plain in state["regimes"]]
        self.stream.set_state(state["stream"])
        self._changes, self._places = np.random.default_rng(), np.random.default_rng()
        for rng, kept in zip((self.np_random, self._changes, self._places), state["random"], strict=True):
            rng.bit_generator.state = kept
        self._steps, self._crashes = int(state["steps"]), int(state["crashes"])
        self._set_body_state(state)
        self._observation = np.array(state["observation"], dtype=np.float32)
        self._alive = True
