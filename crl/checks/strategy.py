"""The checker of retention strategies, on two small regression tasks."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable

import torch
from torch import Tensor

from crl.checks.failure import own_randomness_only, require
from crl.checks.regression import NETWORK, RegressionLossEvaluator, loss_on, rows_of
from crl.checks.states import require_plain, require_same
from crl.config import Config, HypernetworkConfig
from crl.continual.composing import make_strategy
from crl.continual.strategy import Loss, Strategy
from crl.dynamics.network import TargetNetwork

_PHASES = ("before any task", "in a task", "after a task", "in the second task", "in a task that came back")
_STATE = "put everything that decides the future into state_dict, and copies of it"


def check_strategy(
    strategy: str | Callable[[Config, TargetNetwork, torch.Generator], Strategy],
    *,
    config: Config | None = None,
    seed: int = 0,
) -> None:
    """Check what learners, agents and checkpoints take for granted of a retention strategy.

    It learns; reports hold a detached ``task`` loss; weights [P] are detached copies and ending a task leaves them as
    they are, unless it declares ``CHANGES_AT_END``; weights of earlier tasks can be had at any time; a rate of zero
    stands still; a loss that is not finite moves nothing; the generator alone decides; from every phase of its life,
    a strategy restored from ``state_dict`` has the same future to the bit, and the state holds only what a checkpoint
    can.

    Args:
        strategy: Name of an installed strategy, or what makes one from settings, target network and generator.
        config: Settings; by default small ones, with averaged weights.
        seed: Seed of the trials.

    Raises:
        CheckFailed: A promise is broken.
    """
    given = copy.deepcopy(config) if config is not None else _small()
    where = (
        f"strategy {strategy!r}" if isinstance(strategy, str) else f"strategy {getattr(strategy, '__name__', strategy)}"
    )
    make = functools.partial(_make, strategy, given)
    with own_randomness_only(where):
        _check_learning(make, seed, where)
        _check_rate(functools.partial(_make, strategy, given, average=0.0), seed, where)
        _check_bad_losses(make, seed, where)
        require_plain(_lived(make, seed, _PHASES[-1]).state_dict(), where)
        require_same(
            _lived(make, seed, _PHASES[-1]).state_dict(),
            _lived(make, seed, _PHASES[-1]).state_dict(),
            f"{where}: equal generators and data lead to different states",
            "draw every random number from the generator that it is given",
        )
        for phase in _PHASES:
            _check_restoring(make, seed, phase, f"{where}, {phase}")


def _make(
    strategy: str | Callable[[Config, TargetNetwork, torch.Generator], Strategy],
    config: Config,
    seed: int,
    *,
    average: float | None = None,
) -> Strategy:
    config, generator = copy.deepcopy(config), torch.Generator().manual_seed(seed)
    if average is not None:
        config.learning.average = average
    if isinstance(strategy, str):
        config.continual.name = strategy
        made = make_strategy(config, NETWORK, generator)
    else:
        made = strategy(config, NETWORK, generator)
    made.evaluator = RegressionLossEvaluator(made)
    return made


def _small() -> Config:
    config = Config()
    config.dynamics.hypernetwork = HypernetworkConfig(embedding=3, hidden=[6], chunk=20)
    config.learning.lr = config.learning.lr_embedding = 1e-2
    config.learning.average = 0.9
    return config


def _loss(strategy: Strategy, task: int, step: int = 0) -> Loss:
    return loss_on(strategy, task, rows_of(task, step))


def _steps(strategy: Strategy, task: int, start: int, count: int) -> None:
    for step in range(start, start + count):
        strategy.step(_loss(strategy, task, step))


def _lived(make: Callable[[int], Strategy], seed: int, phase: str) -> Strategy:
    """A strategy whose life went on to a phase."""
    strategy = make(seed)
    for now in _PHASES[1 : _PHASES.index(phase) + 1]:
        if now == "in a task":
            strategy.begin_task(0)
            _steps(strategy, 0, 0, 7)
        elif now == "after a task":
            strategy.end_task(rows_of(0, count=64))
        elif now == "in the second task":
            strategy.begin_task(1)
            _steps(strategy, 1, 0, 8)
        else:
            strategy.end_task(rows_of(1, count=64))
            strategy.begin_task(0)
            _steps(strategy, 0, 20, 6)
    return strategy


def _check_learning(make: Callable[[int], Strategy], seed: int, where: str) -> None:
    strategy = make(seed)
    strategy.begin_task(0)
    before = float(_loss(strategy, 0, 999)(_weights(strategy, 0, where)))
    _steps(strategy, 0, 0, 150)
    after = float(_loss(strategy, 0, 999)(_weights(strategy, 0, where)))
    require(after < 0.7 * before, f"{where}: 150 steps bring the loss from {before:.3g} to {after:.3g} only")
    report = strategy.step(_loss(strategy, 0))
    require("task" in report, f"{where}: step reports {sorted(report)}, and no 'task' loss")
    for name, value in report.items():
        require(
            value.ndim == 0 and not value.requires_grad,
            f"{where}: step reports {name!r} as a tensor of shape {tuple(value.shape)} "
            f"{'with' if value.requires_grad else 'without'} gradient, not as a detached scalar",
        )
    weights = _weights(strategy, 0, where)
    kept = weights.clone()
    strategy.end_task(rows_of(0, count=64))
    require(
        strategy.CHANGES_AT_END or torch.allclose(_weights(strategy, 0, where), kept, atol=1e-6),
        f"{where}: end_task changes the weights of the task that it ends",
    )
    strategy.begin_task(1)
    _steps(strategy, 1, 0, 10)
    require(torch.equal(weights, kept), f"{where}: weights() gives a view of what moves", "return a detached copy")
    for task in (0, 1):
        _weights(strategy, task, where)
    require(strategy.storage().bytes_per_task >= 0, f"{where}: storage() tells a negative number of bytes")


def _check_rate(make: Callable[[int], Strategy], seed: int, where: str) -> None:
    strategy = _lived(make, seed, "in the second task")
    before = strategy.weights(1).clone()
    strategy.scale_lr(0.0)
    _steps(strategy, 1, 40, 3)
    require(
        torch.equal(strategy.weights(1), before),
        f"{where}: moves though the learning rate is scaled to zero",
        "honour scale_lr in every optimiser",
    )


def _check_bad_losses(make: Callable[[int], Strategy], seed: int, where: str) -> None:
    for bad in (math.nan, math.inf):
        one, other = (_lived(make, seed, "in the second task") for _ in range(2))
        for _ in range(6):
            one.step(lambda weights, bad=bad: (weights * bad).sum())  # type: ignore[misc]
        for task in (0, 1):
            require(
                bool(torch.isfinite(_weights(one, task, where)).all()),
                f"{where}: a loss of {bad} leaves weights of task {task} that are not finite",
                "skip a step whose gradient is not finite, as crl.continual.optimiser.Adam does",
            )
        for strategy in (one, other):
            strategy.end_task(rows_of(1, count=64))
            strategy.begin_task(2)
            _steps(strategy, 2, 0, 100)
        losses = [float(_loss(strategy, 2, 999)(strategy.weights(2))) for strategy in (one, other)]
        require(
            losses[0] < 1.5 * losses[1] + 0.1,
            f"{where}: after a loss of {bad} it learns the next task to {losses[0]:.3g}, otherwise to {losses[1]:.3g}",
        )


def _check_restoring(make: Callable[[int], Strategy], seed: int, phase: str, where: str) -> None:
    original = _lived(make, seed, phase)
    state = original.state_dict()
    require_plain(state, where)
    kept = copy.deepcopy(state)
    future = _future(original, phase)
    require_same(state, kept, f"{where}: the saved state changes when the strategy goes on", _STATE)
    restored = make(seed + 1)
    restored.load_state_dict(state)
    require_same(restored.state_dict(), kept, f"{where}: load_state_dict(state_dict()) gives another state", _STATE)
    again = _future(restored, phase)
    require_same(again, future, f"{where}: a restored strategy has another future", _STATE)


def _future(strategy: Strategy, phase: str) -> list[Tensor]:
    outputs = []
    if phase.startswith("in"):
        task = 1 if "second" in phase else 0
        _steps(strategy, task, 40, 6)
        outputs.append(strategy.weights(task))
        strategy.end_task(rows_of(task, count=64))
    for task in (2, 0):
        strategy.begin_task(task)
        _steps(strategy, task, 60, 6)
        outputs.append(strategy.weights(task))
        strategy.end_task(rows_of(task, count=64))
    return [*outputs, strategy.weights(2), strategy.weights(0)]


def _weights(strategy: Strategy, task: int, where: str) -> Tensor:
    weights = strategy.weights(task)
    size = strategy.network_of(task).size
    require(
        tuple(weights.shape) == (size,) and not weights.requires_grad,
        f"{where}: weights({task}) has the shape {tuple(weights.shape)} "
        f"{'with' if weights.requires_grad else 'without'} gradient, not ({size},) without",
    )
    return weights
