"""Learning during a mission: the planner's model from the newest transitions, each residual attributed once.

A transition under a context c counts as one of the nominal body under the command that c says it executed. So what the
flow corrects leaves nothing for the model to learn, and the model learns what neither the regime nor the disturbance
explains. While a change may be under way, a transition may belong to either regime: it waits, and is discarded if an
alarm shows that the regime had changed. The optimiser persists, batches are drawn from a bounded buffer of newest
transitions, and a share of every batch is nominal data: the nominal body, which may return at any time, is not
forgotten. (The published implementation takes a fresh Adam step on the newest transition alone.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from crl.config.sections.missions import BodyConfig
from crl.dynamics.rows import Rows
from crl.dynamics.task_model import TaskModel

WAIT = 8
"""Control steps that a transition waits for an alarm."""
LEAST = 16
"""Transitions from which learning begins."""


@runtime_checkable
class Online(Protocol):
    """What learns the planner's model during a mission, in this process or another.

    Attributes:
        weights: Weights [P] that the planner uses.
        steps: Gradient steps of this mission.
    """

    weights: Tensor
    steps: int

    def add(self, inputs: Tensor, command: Tensor, change: Tensor, *, wait: bool) -> None:
        """Take note of one transition; see :meth:`OnlineLearner.add`."""
        ...

    def alarm(self) -> None:
        """Discard the transitions that wait."""
        ...

    def learn(self) -> float | None:
        """One gradient step; returns its loss, or ``None`` while there is nothing to learn from."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What it holds of the present mission, as plain data."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        ...


class OnlineLearner:
    """Owns the weights that the planner uses during a mission.

    Args:
        config: Learning rate, batch, buffer and share of nominal data.
        model: The model; its own weights are where every mission begins, and stay.
        nominal: Nominal rows to rehearse.
        generator: Source of batches.
        clip: Largest gradient norm.
    """

    def __init__(
        self, config: BodyConfig, model: TaskModel, nominal: Rows, generator: torch.Generator, *, clip: float = 5.0
    ) -> None:
        self._config = config
        self._clip = clip
        self._model = model
        # Inputs, command and change of a transition are one row: a batch is then gathered at once.
        self._nominal = torch.cat([nominal.inputs, nominal.action, nominal.change], dim=-1)
        self._parts = [nominal.inputs.shape[-1], nominal.action.shape[-1], nominal.change.shape[-1]]
        self._generator = generator
        self._waiting: list[tuple[Tensor, Tensor, Tensor]] = []
        self._ring = torch.zeros(config.online_buffer, self._nominal.shape[-1])
        self._taken = 0
        self.steps = 0
        self._start()

    def _start(self) -> None:
        self.weights = self._model.weights.detach().clone().requires_grad_(True)
        self._optimiser = torch.optim.Adam([self.weights], lr=self._config.online_lr, fused=True)

    def add(self, inputs: Tensor, command: Tensor, change: Tensor, *, wait: bool) -> None:
        """Take note of one transition: inputs [I], the nominal command [A] it amounts to, and its change [D].

        Args:
            inputs: What the model reads beside the command.
            command: The nominal command that the executed one amounts to under the regime in force.
            change: The change minus what is attributed to a disturbance.
            wait: Whether an alarm may still come that discards it.
        """
        self._waiting.append((inputs, command, change))
        while len(self._waiting) > (WAIT if wait else 0):
            torch.cat(self._waiting.pop(0), out=self._ring[self._taken % len(self._ring)])
            self._taken += 1

    def alarm(self) -> None:
        """The regime had changed: discard the waiting transitions, which belong to no known regime."""
        self._waiting.clear()

    def learn(self) -> float | None:
        """One gradient step; returns its loss, or ``None`` while there is too little to learn from."""
        config, count = self._config, min(self._taken, len(self._ring))
        if count < LEAST:
            return None
        old = min(round(config.nominal * config.online_batch), config.online_batch - 1)  # at least one is new
        newest = self._ring[torch.randint(count, (config.online_batch - old,), generator=self._generator)]
        nominal = self._nominal[torch.randint(len(self._nominal), (old,), generator=self._generator)]
        rows = Rows(*torch.cat([newest, nominal]).split(self._parts, dim=-1))
        loss = self._model.loss(self.weights, rows)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([self.weights], self._clip)
        self._optimiser.step()
        self.steps += 1
        return float(loss.detach())

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimiser, transitions and the generator, as plain data."""
        moments = self._optimiser.state.get(self.weights, {})
        return {
            "weights": self.weights.detach().clone(),
            "moments": {key: value.clone() for key, value in moments.items()},
            "waiting": [list(row) for row in self._waiting],
            "rows": self._ring[: min(self._taken, len(self._ring))].clone(),
            "taken": self._taken,
            "steps": self.steps,
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self._start()
        with torch.no_grad():
            self.weights.copy_(state["weights"])
        if state["moments"]:
            self._optimiser.state[self.weights] = {key: value.clone() for key, value in state["moments"].items()}
        self._waiting = [(row[0].clone(), row[1].clone(), row[2].clone()) for row in state["waiting"]]
        self._ring[: len(state["rows"])] = state["rows"]
        self._taken = int(state["taken"])
        self.steps = int(state["steps"])
        self._generator.set_state(state["generator"])
