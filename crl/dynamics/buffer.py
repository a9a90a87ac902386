"""The transitions of one task: bounded growth, windows for multi-step losses, shares of what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crl import restoring
from crl.dynamics.windows import Windows, gather
from crl.errors import CrlError
from crl.types import Transition

_COLUMNS = ("observation", "action", "next_observation", "reward", "episode")


class Buffer:
    """Transitions in the order they happened.

    Args:
        observation: Size S.
        action: Size A.
    """

    def __init__(self, observation: int, action: int) -> None:
        self.length = 0
        self._episodes = 0
        self._data: dict[str, NDArray[Any]] = {
            "observation": np.empty((1024, observation), np.float32),
            "action": np.empty((1024, action), np.float32),
            "next_observation": np.empty((1024, observation), np.float32),
            "reward": np.empty(1024, np.float32),
            "episode": np.empty(1024, np.int64),
        }

    def __len__(self) -> int:
        return self.length

    def add(self, transition: Transition) -> None:
        """Append a transition; the model learns from its executed action."""
        if self.length == len(self._data["reward"]):
            self._data = {name: np.concatenate([rows, np.empty_like(rows)]) for name, rows in self._data.items()}
        if transition.first:
            self._episodes += 1
        at = self.length
        self._data["observation"][at] = transition.observation
        self._data["action"][at] = transition.executed
        self._data["next_observation"][at] = transition.next_observation
        self._data["reward"][at] = transition.reward
        self._data["episode"][at] = self._episodes
        self.length += 1

    def column(self, name: str, start: int = 0) -> NDArray[Any]:
        """Rows of a column from ``start`` on (a view)."""
        return self._data[name][start : self.length]

    def tensors(self, device: torch.device | str = "cpu") -> tuple[Tensor, Tensor, Tensor]:
        """All observations [N, S], actions [N, A] and next observations [N, S]."""
        observation, action, after = (torch.from_numpy(self.column(n)).to(device) for n in _COLUMNS[:3])
        return observation, action, after

    def starts(self, length: int) -> NDArray[np.int64]:
        """Indices at which a window of ``length`` steps lies within one episode."""
        episode = self.column("episode")
        last = self.length - length + 1
        if last <= 0:
            return np.empty(0, np.int64)
        return np.flatnonzero(episode[:last] == episode[length - 1 :])

    def strided(self, length: int) -> Buffer:
        """Steps of ``length`` control steps within one episode, each an episode of its own.

        A step leads from its first observation to its last, under the mean of its actions and with their mean reward.
        """
        starts = self.starts(length)

        def mean(name: str) -> NDArray[Any]:
            rows = self.column(name)
            found: NDArray[Any] = np.stack([rows[starts + step] for step in range(length)]).mean(axis=0)
            return found

        return self._of(
            observation=self.column("observation")[starts],
            action=mean("action"),
            next_observation=self.column("next_observation")[starts + length - 1],
            reward=mean("reward"),
        )

    def under(self, index: NDArray[np.int64], action: NDArray[np.float32]) -> Buffer:
        """Transitions of an index [M] with other actions [M, A], each an episode of its own."""
        names = ("observation", "next_observation", "reward")
        return self._of(action=action, **{name: self.column(name)[index] for name in names})

    def remembering(self, index: NDArray[np.int64], before: NDArray[np.float32]) -> Buffer:
        """Transitions of an index [M] whose observations end with what the step before changed, [M, D]."""
        seen = np.concatenate([self.column("observation")[index], before], axis=1)
        # Nobody predicts from there on, so that its own memory is of no use.
        after = np.concatenate([self.column("next_observation")[index], np.zeros_like(before)], axis=1)
        rest = {name: self.column(name)[index] for name in ("action", "reward")}
        return self._of(observation=seen, next_observation=after, **rest)

    @classmethod
    def apart(
        cls,
        observation: NDArray[np.float32],
        action: NDArray[np.float32],
        after: NDArray[np.float32],
        reward: NDArray[np.float32],
    ) -> Buffer:
        """Transitions from [N, S] by [N, A] to [N, S] for rewards [N], each an episode of its own."""
        return cls._of(observation=observation, action=action, next_observation=after, reward=reward)

    def first(self, count: int) -> Buffer:
        """The first ``count`` transitions, in their episodes."""
        made = self._of(**{name: self.column(name)[:count] for name in _COLUMNS if name != "episode"})
        made._data["episode"] = self.column("episode")[:count]
        return made

    @classmethod
    def _of(cls, **columns: NDArray[Any]) -> Buffer:
        made = cls(columns["observation"].shape[1], columns["action"].shape[1])
        count = len(columns["reward"])
        made._data = dict(columns)
        made._data["episode"] = np.arange(1, count + 1)
        made.length = made._episodes = count
        return made

    def windows(self, length: int, device: torch.device | str = "cpu") -> Windows:
        """All windows of ``length`` steps that lie within one episode."""
        return gather(self.tensors(device), torch.from_numpy(self.starts(length)).to(device), length)

    def state_dict(self) -> dict[str, Any]:
        """All rows, and the episode counter."""
        return {"episodes": self._episodes, **{name: self.column(name).copy() for name in _COLUMNS}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.length = len(state["reward"])
        self._episodes = int(state["episodes"])
        capacity = max(1024, self.length)
        for name in _COLUMNS:
            rows = self._data[name]
            fresh = np.empty((capacity, *rows.shape[1:]), rows.dtype)
            fresh[: self.length] = restoring.array(state[name], name, rows, self.length)
            self._data[name] = fresh


class TooShort(CrlError, ValueError):
    """No episode is as long as a window."""


class WindowSampler:
    """Draws windows: uniformly, from the newest transitions, and from events, by given shares.

    Args:
        buffer: Where to draw from.
        event: Whether each transition is an event, bool [N].
        length: Steps L per window.
        recent: Share drawn from the newest ``recent_window`` transitions.
        recent_window: How many transitions count as newest.
        events: Share drawn from windows that hold an event (uniform while there is none).
        device: Where the tensors live.
    """

    def __init__(
        self,
        buffer: Buffer,
        event: Tensor,
        *,
        length: int,
        recent: float = 0.0,
        recent_window: int = 400,
        events: float = 0.0,
        device: torch.device | str = "cpu",
    ) -> None:
        starts = buffer.starts(length)
        if len(starts) == 0:
            raise TooShort(
                f"no window of {length} steps lies within one episode: "
                "collect longer episodes or set dynamics.rollout lower"
            )
        self._tensors = buffer.tensors(device)
        self._length = length
        self._device = device
        self._pools: list[tuple[float, Tensor]] = [(1.0 - recent - events, torch.from_numpy(starts))]
        newest = starts[starts >= len(buffer) - recent_window]
        self._pools.append((recent, torch.from_numpy(newest if len(newest) else starts)))
        flags = event.cpu().numpy()
        hits = flags[starts]
        for step in range(1, length):
            hits = hits | flags[starts + step]
        eventful = starts[hits]
        self._pools.append((events, torch.from_numpy(eventful if len(eventful) else starts)))

    def draw(self, count: int, generator: torch.Generator) -> Windows:
        """Draw ``count`` windows with replacement."""
        parts, left = [], count
        for i, (share, pool) in enumerate(self._pools):
            size = left if i + 1 == len(self._pools) else min(left, round(share * count))
            if i + 1 < len(self._pools) or share > 0 or size > 0:
                parts.append(pool[torch.randint(len(pool), (size,), generator=generator)])
            left -= size
        return gather(self._tensors, torch.cat(parts).to(self._device), self._length)
