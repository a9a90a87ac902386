"""``crl.strategy``: a retention strategy on regression tasks of one's own, without robots and environments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from crl.api.given import arrays, numbers, whole
from crl.api.overrides import overrides
from crl.config import Config
from crl.config.asking.composing import compose
from crl.continual.composing import make_strategy
from crl.continual.strategy import Loss
from crl.dynamics.model import deal
from crl.dynamics.network import TargetNetwork
from crl.dynamics.normaliser import Normaliser
from crl.dynamics.windows import Windows
from crl.errors import CrlError
from crl.seeding import torch_generator
from crl.types import Array

LEAST = 1e-6


def strategy(
    name: str = "hypercrl",
    *,
    inputs: int,
    outputs: int,
    hidden: Sequence[int] | int = (64, 64),
    seed: int = 0,
    settings: dict[str, Any] | None = None,
) -> TaskRegression:
    """A retention strategy that learns functions y = f_t(x), one task after another.

    Args:
        name: Strategy, as in ``continual=``.
        inputs: Size of x.
        outputs: Size of y.
        hidden: Hidden layers of the network that learns a task.
        seed: Seed of all randomness.
        settings: Other settings, by dotted key: ``{"continual.beta": 0.1, "learning.lr": 3e-3}``.

    Raises:
        SettingsError: A setting is unknown or out of range.
        ValueError: ``inputs`` or ``outputs`` is no whole number of at least 1.
    """
    sizes = whole("inputs", inputs, least=1), whole("outputs", outputs, least=1)
    layers = hidden if isinstance(hidden, int) else list(hidden)  # one layer may be a number, as in a setting
    given = {"continual": name, "dynamics.hidden": layers, "seed": seed, **(settings or {})}
    return TaskRegression(compose(overrides(given)), *sizes)


class TaskRegression:
    """Learns regression tasks in sequence under a retention strategy. Made by :func:`strategy`.

    Args:
        config: Settings of ``dynamics``, ``learning`` and ``continual``.
        inputs: Size of x.
        outputs: Size of y.
    """

    def __init__(self, config: Config, inputs: int, outputs: int) -> None:
        self.config = config
        dynamics = config.dynamics
        self._sizes = inputs, outputs
        network = TargetNetwork(
            inputs, dynamics.hidden, outputs, activation=dynamics.activation, ensemble=dynamics.ensemble
        )
        self.strategy = make_strategy(config, network, torch_generator(config.seed, "strategy"))
        self.strategy.evaluator = self
        self._normalisers: dict[int, tuple[Normaliser, Normaliser]] = {}
        self._batches = torch_generator(config.seed, "batches")
        self._current: int | None = None
        self._rows: Windows | None = None

    @property
    def tasks(self) -> list[int]:
        """Tasks that were begun, in their order."""
        return list(self._normalisers)

    def fit(self, task: SupportsIndex, data: tuple[NDArray[Any], NDArray[Any]], steps: SupportsIndex = 1000) -> float:
        """Learn a task; when another one begins, this one counts as finished.

        Args:
            task: Number of the task. One that was learned before goes on with what it had.
            data: x [N, inputs] and y [N, outputs].
            steps: Gradient steps, each on ``learning.batch`` rows; the rate falls to ``learning.lr_final`` of itself.

        Returns:
            Mean squared error over the data after learning, in the units of y.

        Raises:
            ValueError: The data have another shape, or hold a number that is not finite; or ``task`` or ``steps`` is
                no whole number, or negative. Nothing was begun then.
        """
        x, y = self._checked(data)
        number, count = whole("task", task), whole("steps", steps)
        if number != self._current:
            self.finish()
            self._begin(number, x, y)
        rows = Windows(x, x.new_empty(1, len(x), 0), y.unsqueeze(0))
        self._rows = rows
        members = self.strategy.network_of(number).ensemble
        final = self.config.learning.lr_final
        for step in range(count):
            self.strategy.scale_lr(1 - (1 - final) * step / count)
            drawn = rows.draw(self.config.learning.batch * members, self._batches)
            self.strategy.step(self._loss(number, drawn))
        return float(np.square(self.predict(number, x.numpy()) - y.numpy()).mean())

    def finish(self) -> None:
        """Finish the current task: from now on it is protected."""
        if self._current is not None and self._rows is not None:
            self.strategy.end_task(self._rows)
        self._current = self._rows = None

    def predict(self, task: SupportsIndex, x: NDArray[Any]) -> Array:
        """Predictions [N, outputs] of a task for x [N, inputs] (mean over the ensemble).

        Raises:
            CrlError: The task was not learned.
            ValueError: x has another shape or is no numbers, or the task is no whole number.
        """
        number = whole("task", task)
        if number not in self._normalisers:
            raise CrlError(f"task {number} was not learned", f"learned so far: {self.tasks or 'none'}")
        of_x, of_y = self._normalisers[number]
        given = torch.from_numpy(numbers("x", x))
        if given.ndim != 2 or given.shape[1] != self._sizes[0]:
            raise ValueError(f"x is (N, {self._sizes[0]}), not {tuple(given.shape)}")
        read = (given - of_x.mean) / of_x.std
        with torch.inference_mode():
            out = self.strategy.network_of(number).forward(self.strategy.weights(number), read.unsqueeze(0))
            found: Array = (out.mean(dim=0) * of_y.std + of_y.mean).numpy()
        return found

    # ------------------------------------------------------------------ what strategies ask for
    @property
    def sizes(self) -> tuple[int, int]:
        """Sizes of an observation (x) and of an action (none)."""
        return self._sizes[0], 0

    def loss(self, task: int, weights: Tensor, rows: Windows) -> Tensor:
        """Mean loss of weights [P] on rows of a task; see :class:`crl.continual.strategy.LossEvaluator`."""
        return self._loss(task, rows)(weights)

    def inputs(self, task: int, rows: Windows) -> Tensor:
        """What the network reads, normalised, [N, inputs]."""
        of_x, _ = self._normalisers[task]
        return (rows.observation - of_x.mean) / of_x.std

    def targets(self, task: int, rows: Windows) -> Tensor:
        """What the network should say, normalised, [N, outputs]."""
        _, of_y = self._normalisers[task]
        return (rows.next_observations[0] - of_y.mean) / of_y.std

    def _loss(self, task: int, rows: Windows) -> Loss:
        network = self.strategy.network_of(task)
        read, target = self.inputs(task, rows), self.targets(task, rows)
        judge: Callable[[Tensor, Tensor], Tensor] = functional.mse_loss
        if self.config.dynamics.loss == "smooth_l1":
            judge = functional.smooth_l1_loss

        def loss(weights: Tensor) -> Tensor:
            out = network.forward(weights, deal(read, network.ensemble))
            return judge(out, deal(target, network.ensemble))

        return loss

    def _begin(self, task: int, x: Tensor, y: Tensor) -> None:
        self._current = task
        if task not in self._normalisers:
            of_x, of_y = (Normaliser(torch.full((size,), LEAST)) for size in self._sizes)
            for normaliser, rows in ((of_x, x), (of_y, y)):
                normaliser.update(rows)
                normaliser.freeze()
            self._normalisers[task] = of_x, of_y
        self.strategy.begin_task(task)

    def _checked(self, data: tuple[NDArray[Any], NDArray[Any]]) -> tuple[Tensor, Tensor]:
        x, y = arrays(("x", "y"), data)
        inputs, outputs = self._sizes
        if x.ndim != 2 or y.ndim != 2 or x.shape[1] != inputs or y.shape != (len(x), outputs) or not len(x):
            raise ValueError(
                f"data are x (N, {inputs}) and y (N, {outputs}) with N >= 1, not {tuple(x.shape)} and {tuple(y.shape)}"
            )
        if not bool(torch.isfinite(x).all() and torch.isfinite(y).all()):
            raise ValueError("the data hold a number that is not finite: leave such rows out")
        return x, y
