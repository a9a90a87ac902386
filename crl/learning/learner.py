"""Learning sessions: gradient steps of a retention strategy on the transitions of the current task."""

from __future__ import annotations

import torch

from crl.config import LearningConfig
from crl.continual.optimiser import Adam
from crl.continual.strategy import Strategy
from crl.dynamics import gaussian
from crl.dynamics.buffer import Buffer, WindowSampler
from crl.dynamics.model import DynamicsModel, Normalisers
from crl.learning.computing import Computing
from crl.types import LearnReport, Told, untold


class Learner:
    """Spends gradient steps.

    Args:
        config: Shares, batch and rates.
        model: The dynamics model.
        strategy: Who owns the parameters.

    Attributes:
        computing: Computes the losses.
    """

    def __init__(self, config: LearningConfig, model: DynamicsModel, strategy: Strategy) -> None:
        self.computing = Computing()
        self._config = config
        self._model = model
        self._strategy = strategy
        self._bounds_optimiser: Adam | None = None

    def session(
        self,
        buffer: Buffer,
        normalisers: Normalisers,
        steps: int,
        task: int,
        generator: torch.Generator,
        *,
        rate: float = 1.0,
        closing: bool = False,
        train_bounds: bool = False,
        told: Told = untold,
    ) -> LearnReport:
        """Take ``steps`` gradient steps.

        Args:
            buffer: Transitions of the current task.
            normalisers: The task's normalisers.
            steps: Gradient steps.
            task: The current task.
            generator: Source of the batches.
            rate: Learning rate of the session, as a share of the configured one.
            closing: Let the learning rate fall linearly to ``lr_final`` of itself over the session.
            train_bounds: Train the Gaussian head's bounds too (first task only).
            told: Is told of every step.

        Returns:
            Steps taken and mean losses. A step whose loss is not finite moves nothing; such steps are left out of
            the means and counted as ``skipped``.
        """
        config, model = self._config, self._model
        if steps <= 0 or len(buffer) == 0:
            return LearnReport()
        observation, _, after = buffer.tensors(model.device)
        sampler = WindowSampler(
            buffer,
            model.is_event(observation, after),
            length=model.config.rollout,
            recent=config.recent,
            recent_window=config.recent_window,
            events=config.events,
            device=model.device,
        )
        bounds = self._start_bounds() if train_bounds and model.bounds is not None else None
        rows = config.batch * model.network.ensemble
        totals: dict[str, torch.Tensor] = {}
        counted = torch.zeros(())
        network = self._strategy.network_of(task)
        for index in range(steps):
            self._strategy.scale_lr(rate * (1 - (1 - config.lr_final) * index / steps if closing else 1.0))
            windows = sampler.draw(rows, generator)

            def loss(weights: torch.Tensor, windows=windows) -> torch.Tensor:  # type: ignore[no-untyped-def]
                value = self.computing.loss(model, weights, normalisers, windows, network)
                return value if bounds is None else value + gaussian.bounds_penalty(bounds)

            terms = self._strategy.step(loss)
            finite = torch.stack([torch.isfinite(value) for value in terms.values()]).all()
            counted = counted + finite.cpu()
            for name, value in terms.items():
                totals[name] = totals.get(name, torch.zeros_like(value)) + torch.where(finite, value, 0.0)
            if bounds is not None and self._bounds_optimiser is not None:
                self._bounds_optimiser.step()
                self._bounds_optimiser.zero()
            told("dynamics", index + 1, steps)
        if bounds is not None:
            model.bounds = bounds.detach()
        kept = int(counted)
        losses = {name: float(total) / kept for name, total in totals.items()} if kept else {}
        if kept < steps:
            losses["skipped"] = float(steps - kept)
        return LearnReport(steps, losses)

    def _start_bounds(self) -> torch.Tensor:
        assert self._model.bounds is not None
        self._model.bounds = self._model.bounds.detach().requires_grad_()
        # The moments start afresh with each session, so that nothing of them has to be saved.
        bounds = {"bounds": self._model.bounds}
        self._bounds_optimiser = Adam(bounds, self._config.lr_embedding, self._config.clip)
        return self._model.bounds
