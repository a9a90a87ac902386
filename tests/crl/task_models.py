"""Models of bodies for tests, trained on rows in a second."""

from __future__ import annotations

import torch

from crl.config import DynamicsConfig
from crl.dynamics.body import Body
from crl.dynamics.model import DynamicsModel
from crl.dynamics.rows import Rows
from crl.dynamics.task_model import TaskModel
from crl.types import ActionSpec, ObservationSpec


def task_model(
    body: Body,
    spec: ObservationSpec,
    action: ActionSpec,
    rows: Rows,
    *,
    hidden: tuple[int, ...] = (12, 12),
    ensemble: int = 3,
    seed: int = 0,
) -> TaskModel:
    """A Gaussian ensemble with initial weights, normalised by rows."""
    config = DynamicsConfig(hidden=list(hidden), ensemble=ensemble, out_var=True)
    model = DynamicsModel(config, spec, action, features=body)
    normalisers = model.normalisers()
    normalisers.features.update(rows.inputs)
    normalisers.actions.update(rows.action)
    normalisers.changes.update(rows.change)
    normalisers.freeze()
    return TaskModel(model, model.network.initial(torch.Generator().manual_seed(seed)), normalisers)


def trained(known: TaskModel, rows: Rows, steps: int, *, lr: float = 1e-2, batch: int = 64, seed: int = 1) -> TaskModel:
    """The model after gradient steps on rows, with a falling learning rate."""
    weights = known.weights.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([weights], lr=lr)
    source = torch.Generator().manual_seed(seed)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = lr * 0.02 ** (step / steps)
        loss = known.loss(weights, rows[torch.randint(len(rows), (batch,), generator=source)])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return TaskModel(known.model, weights, known.normalisers, known.network)
