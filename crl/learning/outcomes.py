"""What follows from states and is learned beside the dynamics: rewards, ends of episodes, and the value of states.

Rewards and ends are learned for tasks that give none as functions (``TaskSpec.learned``), values
(:mod:`crl.learning.value`) where ``learning.value_discount`` asks for them.

One small network per task maps (features of the observation, action, features of the next observation) to the
normalised reward and to the log-odds that the episode ends there. A finished task keeps its network as it is, so
nothing is forgotten; memory grows with the tasks, and counts as kept. Before a learning session the network is asked
for the transitions that it has not seen yet: the error is of predictions, not of a fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl import restoring
from crl.config import LearningConfig
from crl.continual.optimiser import Adam
from crl.dynamics.buffer import Buffer
from crl.dynamics.features import Features
from crl.learning.small_network import deviation, draw, empty, forward
from crl.learning.value import Steps, Value
from crl.seeding import torch_generator
from crl.types import Reward, TaskSpec, Terminated, Transition

RARE = 20.0
"""Largest weight of an end among transitions that mostly are none."""


@dataclass
class OutcomeModel:
    """The network of one task.

    Attributes:
        parameters: Weights and biases by name.
        inputs: Mean and deviation of the inputs, each [N].
        reward: Mean and deviation of the rewards seen, and the least and the greatest of them, [4]. Predictions keep
            to that range.
        ends: Whether an end was ever seen.
        error: Root mean square error of predicted rewards of new transitions, over their deviation; ``None`` before.
        missed: Share of new transitions whose end, or whose going on, was predicted wrongly; ``None`` before.
    """

    parameters: dict[str, Tensor]
    inputs: Tensor
    reward: Tensor
    ends: bool = False
    error: float | None = None
    missed: float | None = None

    def __call__(self, inputs: Tensor) -> Tensor:
        """Normalised reward and log-odds of an end, [..., 2], of inputs [..., N]."""
        return forward(self.parameters, (inputs - self.inputs[0]) / self.inputs[1])


@dataclass
class _Session:
    """What a task's learning needs between its sessions: moments of the optimiser, counters, and ends of episodes."""

    optimiser: Adam | None = None
    of_value: Adam | None = None
    sessions: int = 0
    seen: int = 0
    ended: list[bool] = field(default_factory=list)


class Outcomes:
    """Learns what tasks do not give as functions, and gives planners the functions.

    Args:
        config: Batch, rate and clip.
        features: What a model reads of an observation.
        action: Size A of an action.
        seed: The run's seed.
        device: Where tensors live.
    """

    def __init__(
        self, config: LearningConfig, features: Features, action: int, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        self._config = config
        self._features = features
        self._size = 2 * features.features + action
        self._seed = seed
        self._device = torch.device(device)
        self._models: dict[int, OutcomeModel] = {}
        self._values: dict[int, Value] = {}
        self._task: int | None = None
        self._now = _Session()

    # ------------------------------------------------------------------ tasks
    def begin_task(self, task: int) -> None:
        """Learn another task from now on."""
        self._task, self._now = task, _Session()

    def observe(self, transition: Transition) -> None:
        """Note whether a transition of the current task ended its episode; the rest is in the buffer."""
        self._now.ended.append(transition.terminated)

    def reward(self, task: TaskSpec) -> Reward:
        """The task's reward function, or the learned one; before there is any, every step counts 0."""
        if "reward" not in task.learned:
            return task.reward
        model = self._models.get(task.index)

        def learned(observation: Tensor, action: Tensor, after: Tensor) -> Tensor:
            if model is None:
                return torch.zeros_like(after[..., 0])
            mean, std, least, most = model.reward
            found = model(self._inputs(observation, action, after))[..., 0] * std + mean
            return torch.clamp(found, least, most)

        return learned

    def terminated(self, task: TaskSpec) -> Terminated | None:
        """The task's function of ends, or the learned one; ``None`` while no end was seen.

        The network reads a whole transition and the function only an observation: it is asked as if the body had stood
        still there without an action.
        """
        if "terminated" not in task.learned:
            return task.terminated
        model = self._models.get(task.index)
        if model is None or not model.ends:
            return None

        def learned(observation: Tensor) -> Tensor:
            idle = torch.zeros((), device=observation.device).expand(*observation.shape[:-1], self._action)
            return model(self._inputs(observation, idle, observation))[..., 1] > 0

        return learned

    def wanted(self, task: TaskSpec) -> bool:
        """Whether there is anything to learn of a task."""
        return bool(task.learned) or self._config.value_discount > 0

    def worth(self, task: TaskSpec) -> Callable[[Tensor], Tensor] | None:
        """The learned value [...] of observations [..., S]; ``None`` while there is none."""
        value = self._values.get(task.index)
        return None if value is None else lambda observation: value(self._features.encode(observation))

    @property
    def _action(self) -> int:
        return self._size - 2 * self._features.features

    def knows(self, task: int) -> bool:
        """Whether it has learned outcomes of a task."""
        return task in self._models or task in self._values

    def has_outcomes(self, task: int) -> bool:
        """Whether it has learned the reward or the ends of a task."""
        return task in self._models

    def errors(self, task: int) -> dict[str, float]:
        """``reward_error`` and ``end_error`` of a task (see :class:`OutcomeModel`), as far as they are known."""
        model = self._models.get(task)
        if model is None:
            return {}
        found = {"reward_error": model.error, "end_error": model.missed if model.ends else None}
        return {name: value for name, value in found.items() if value is not None}

    def kept_bytes(self) -> int:
        """Bytes of the networks of all tasks."""
        networks = [model.parameters for model in self._models.values()]
        networks += [value.parameters for value in self._values.values()]
        return sum(p.numel() * p.element_size() for network in networks for p in network.values())

    # ------------------------------------------------------------------ learning
    def learn(self, task: int, buffer: Buffer, steps: int, *, outcomes: bool = True) -> dict[str, float]:
        """Spend gradient steps on the current task's transitions; returns the errors on those that were new.

        Args:
            task: The current task.
            buffer: All its transitions of this visit.
            steps: Gradient steps.
            outcomes: Whether the task has rewards or ends to learn.
        """
        now = self._now
        if steps <= 0 or not len(buffer):
            return {}
        reward = torch.from_numpy(buffer.column("reward")).to(self._device)
        ended = torch.tensor(now.ended[: len(buffer)], device=self._device)
        if self._config.value_discount > 0:
            self._learn_value(task, buffer, reward, ended, steps)
        if outcomes:
            self._learn_outcomes(task, buffer, reward, ended, steps)
        now.sessions += 1
        return self.errors(task)

    def _learn_value(self, task: int, buffer: Buffer, reward: Tensor, ended: Tensor, steps: int) -> None:
        now, config = self._now, self._config
        if task not in self._values:
            self._values[task] = self._no_value()
            self._values[task].start(torch_generator(self._seed, "value_start", task))
        value = self._values[task]
        now.of_value = now.of_value or Adam(value.parameters, config.lr, config.clip)
        observation, _, after = buffer.tensors(self._device)
        rows = Steps(self._features.encode(observation), reward, self._features.encode(after), ended)
        value.fit(rows, steps, config.batch, now.of_value, torch_generator(self._seed, "value", task, now.sessions))

    def _no_value(self) -> Value:
        config = self._config
        return Value(self._features.features, config.value_discount, self._device, config.values, config.value_caution)

    def _learn_outcomes(self, task: int, buffer: Buffer, reward: Tensor, ended: Tensor, steps: int) -> None:
        now = self._now
        observation, action, after = buffer.tensors(self._device)
        inputs = self._inputs(observation, action, after)
        known = task in self._models
        model = self._models[task] if known else self._new(task)
        if known and now.seen < len(buffer):
            self._judge(model, inputs[now.seen :], reward[now.seen :], ended[now.seen :])
        now.seen = len(buffer)
        self._scale(model, inputs, reward)
        model.ends = model.ends or bool(ended.any())
        if model.ends:  # the function of ends sees only where a step led: see terminated()
            standing = self._inputs(after, torch.zeros_like(action), after)
            inputs, reward, ended = torch.cat([inputs, standing]), torch.cat([reward, reward]), ended.repeat(2)
        self._fit(model, task, (inputs, reward, ended), steps, len(buffer))

    def _fit(self, model: OutcomeModel, task: int, rows: tuple[Tensor, Tensor, Tensor], steps: int, real: int) -> None:
        """Adam on the squared error of rewards (of the first ``real`` rows) and the cross-entropy of ends."""
        inputs, reward, ended = rows
        now, generator = self._now, torch_generator(self._seed, "outcomes", task, self._now.sessions)
        now.optimiser = now.optimiser or Adam(model.parameters, self._config.lr, self._config.clip)
        target = (reward - model.reward[0]) / model.reward[1]
        count = ended.sum().clamp_min(1)
        weight = ((len(ended) - count) / count).clamp(1.0, RARE)
        for parameter in model.parameters.values():
            parameter.requires_grad_()
        for _ in range(steps):
            index = torch.randint(len(inputs), (self._config.batch,), generator=generator).to(self._device)
            found = model(inputs[index])
            counts = (index < real).float()
            loss = (counts * (found[:, 0] - target[index]).square()).sum() / counts.sum().clamp_min(1)
            if model.ends:
                loss = loss + torch.nn.functional.binary_cross_entropy_with_logits(
                    found[:, 1], ended[index].float(), pos_weight=weight
                )
            now.optimiser.zero()
            loss.backward()
            now.optimiser.step()
        for parameter in model.parameters.values():
            parameter.requires_grad_(False)
            parameter.grad = None

    def _judge(self, model: OutcomeModel, inputs: Tensor, reward: Tensor, ended: Tensor) -> None:
        found = model(inputs)
        mean, std, least, most = model.reward
        apart = torch.clamp(found[:, 0] * std + mean, least, most) - reward
        model.error = float(apart.square().mean().sqrt() / std)
        model.missed = float(((found[:, 1] > 0) != ended).float().mean()) if model.ends else None

    def _scale(self, model: OutcomeModel, inputs: Tensor, reward: Tensor) -> None:
        """Normalise by all transitions of this visit; the range of rewards only grows."""
        model.inputs = torch.stack([inputs.mean(dim=0), deviation(inputs)])
        spread = reward.std(correction=0)
        least, most = torch.minimum(model.reward[2], reward.min()), torch.maximum(model.reward[3], reward.max())
        spread = torch.where(spread < 1e-6, torch.ones_like(spread), spread)
        model.reward = torch.stack([reward.mean(), spread, least, most])

    def _new(self, task: int) -> OutcomeModel:
        generator = torch_generator(self._seed, "outcomes_start", task)
        self._models[task] = self._empty()
        draw(self._models[task].parameters, generator)
        return self._models[task]

    def _empty(self) -> OutcomeModel:
        parameters = empty(self._size, 2, self._device)
        normalisers = torch.tensor([0.0, 1.0, torch.inf, -torch.inf], device=self._device)
        return OutcomeModel(parameters, torch.zeros(2, self._size, device=self._device), normalisers)

    def _inputs(self, observation: Tensor, action: Tensor, after: Tensor) -> Tensor:
        """[..., 2 F + A]; actions [K, H, A] serve every member of an ensemble [E, K, H, S]."""
        action = action.expand(*after.shape[:-1], action.shape[-1])
        return torch.cat([self._features.encode(observation), action, self._features.encode(after)], dim=-1)

    # ------------------------------------------------------------------ persistence
    def state_dict(self) -> dict[str, Any]:
        """Networks, errors, moments and counters; nothing where nothing is learned."""
        if not self._models and not self._values and not self._now.ended:
            return {}
        now = self._now
        return {
            "models": {
                task: {
                    "parameters": {name: value.clone() for name, value in model.parameters.items()},
                    "inputs": model.inputs.clone(),
                    "reward": model.reward.clone(),
                    "ends": model.ends,
                    "error": model.error,
                    "missed": model.missed,
                }
                for task, model in self._models.items()
            },
            **({"values": {task: value.state_dict() for task, value in self._values.items()}} if self._values else {}),
            **({"of_value": now.of_value.state_dict()} if now.of_value else {}),
            "task": self._task,
            "optimiser": now.optimiser.state_dict() if now.optimiser else None,
            "sessions": now.sessions,
            "seen": now.seen,
            "ended": np.array(now.ended, bool),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self._models, self._values, self._now = {}, {}, _Session()
        if not state:
            return
        for task, saved in state["models"].items():
            model = self._empty()
            with restoring.part(f"models/{task}"):
                for name, value in model.parameters.items():
                    model.parameters[name] = restoring.tensor(saved["parameters"][name], name, value)
                model.inputs = restoring.tensor(saved["inputs"], "inputs", model.inputs)
                model.reward = restoring.tensor(saved["reward"], "reward", torch.zeros_like(model.reward))
            model.ends, model.error, model.missed = bool(saved["ends"]), saved["error"], saved["missed"]
            self._models[int(task)] = model
        for task, saved in state.get("values", {}).items():
            self._values[int(task)] = self._no_value()
            with restoring.part(f"values/{task}"):
                self._values[int(task)].load_state_dict(saved)
        self._task = state["task"]
        now = self._now
        now.sessions, now.seen = int(state["sessions"]), int(state["seen"])
        now.ended = [bool(flag) for flag in state["ended"]]
        if state["optimiser"] is not None and self._task is not None:
            now.optimiser = Adam(self._models[self._task].parameters, self._config.lr, self._config.clip)
            now.optimiser.load_state_dict(state["optimiser"])
        if state.get("of_value") is not None and self._task is not None:
            now.of_value = Adam(self._values[self._task].parameters, self._config.lr, self._config.clip)
            now.of_value.load_state_dict(state["of_value"])
