"""The replay buffer that algorithms of Stable-Baselines3 sample from here.

Three things differ from theirs: batches come from a generator that is handed in and not from numpy's global one; rows
know their task, so that what is kept and read of earlier tasks is counted; and observations are stored as they were
and made into network inputs when they are drawn, so that all rows follow the newest normaliser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize
from torch import Tensor

from crl import restoring
from crl.types import Transition

COLUMNS = ("observation", "action", "next_observation", "reward", "task", "terminated")
_CAPACITY = 1024


class Replay(ReplayBuffer):
    """Transitions of one task or of all, the oldest overwritten first.

    Args:
        observation: Size S of an observation.
        action: Size A of an action.
        limit: Most rows that are kept.
        encode: Makes observations [B, S] into network inputs [B, F].
        device: Where batches go.
    """

    def __init__(
        self,
        observation: int,
        action: int,
        limit: int,
        encode: Callable[[Tensor], Tensor],
        device: torch.device | str = "cpu",
    ) -> None:
        box = spaces.Box(-np.inf, np.inf, (observation,), np.float32)
        super().__init__(1, box, spaces.Box(-1.0, 1.0, (action,), np.float32), device)
        self.limit = limit
        self.generator = np.random.default_rng(0)
        """Where the next batches come from; set before each learning session."""
        self.old_rows_read = 0
        """Rows of other tasks than the newest row's that were drawn so far."""
        self._encode = encode
        self._data: dict[str, NDArray[Any]] = {
            "observation": np.empty((_CAPACITY, observation), np.float32),
            "action": np.empty((_CAPACITY, action), np.float32),
            "next_observation": np.empty((_CAPACITY, observation), np.float32),
            "reward": np.empty(_CAPACITY, np.float32),
            "task": np.empty(_CAPACITY, np.int64),
            "terminated": np.empty(_CAPACITY, np.bool_),
        }
        self._length = 0
        self._next = 0

    def __len__(self) -> int:
        return self._length

    def size(self) -> int:
        """Number of rows."""
        return self._length

    def reset(self) -> None:
        """Forget all rows."""
        self._length = self._next = 0

    def put(self, transition: Transition, action: NDArray[np.float32], reward: float) -> None:
        """Keep a transition, with its executed action scaled to [-1, 1] and its scaled reward."""
        if self._next == len(self._data["task"]) and self._next < self.limit:
            self._data = {name: np.concatenate([rows, np.empty_like(rows)]) for name, rows in self._data.items()}
        after, ended = transition.next_observation, transition.terminated
        row = (transition.observation, action, after, reward, transition.task, ended)
        for name, value in zip(COLUMNS, row, strict=True):
            self._data[name][self._next] = value
        self._length = max(self._length, self._next + 1)
        self._next = (self._next + 1) % self.limit

    def newest(self, count: int, column: str = "observation") -> NDArray[Any]:
        """A column of the newest ``count`` rows, [count, ...], oldest first."""
        return self._data[column][np.arange(self._next - count, self._next) % self.limit]

    def sample(self, batch_size: int, env: VecNormalize | None = None) -> ReplayBufferSamples:
        """Draw rows with replacement, uniformly.

        ``dones`` is 1 where the environment terminated the episode: nothing comes after, and the target is the reward
        alone. It is 0 where an episode was cut off, at its time limit or after a success: what would have come has a
        value.
        """
        del env
        index = self.generator.integers(self._length, size=batch_size)
        task = self._data["task"]
        self.old_rows_read += int((task[index] != task[(self._next - 1) % self.limit]).sum())
        observation, action, after, reward = (
            torch.from_numpy(self._data[name][index]).to(self.device) for name in COLUMNS[:4]
        )
        ended = torch.from_numpy(self._data["terminated"][index].astype(np.float32)).to(self.device)
        return ReplayBufferSamples(
            self._encode(observation),
            action,
            self._encode(after),
            ended.unsqueeze(1),
            reward.unsqueeze(1),
        )

    def bytes_of_others(self, task: int) -> int:
        """Bytes of the rows of all tasks but one."""
        width = sum(rows.nbytes // len(rows) for rows in self._data.values())
        return width * int((self._data["task"][: self._length] != task).sum())

    def state_dict(self) -> dict[str, Any]:
        """All rows, where the next one goes, and the count of old rows read."""
        rows = {name: self._data[name][: self._length].copy() for name in COLUMNS}
        return {**rows, "next": self._next, "old_rows_read": self.old_rows_read}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned; without ``terminated`` (version 0.1) no row is."""
        state = {"terminated": np.zeros(len(state["task"]), np.bool_), **state}
        self._length, self._next = len(state["task"]), int(state["next"])
        self.old_rows_read = int(state["old_rows_read"])
        capacity = max(_CAPACITY, self._length)
        for name in COLUMNS:
            fresh = np.empty((capacity, *self._data[name].shape[1:]), self._data[name].dtype)
            fresh[: self._length] = restoring.array(state[name], name, self._data[name], self._length)
            self._data[name] = fresh
