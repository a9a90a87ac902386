"""A hypernetwork whose generated weights are given: how finished models are merged, and how a task is taken out of one.

For tasks j = 1..n with target weights w_j, embeddings e_j ~ N(0, 1) and a fresh trunk are drawn. The head is linear in
the trunk's features phi(e_j), so that it is found analytically: with the features Phi [n, hidden], and the initial head
(A_0, b_0), the smallest change that fits is A = A_0 + Phi^+ (W - Phi A_0 - b_0) (least squares of minimum norm). Up to
as many tasks as there are features, the weights are made exactly. No data are needed, and nothing else than the w_j
enters.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from crl.continual.generators.hypercrl import HyperCRL
from crl.dynamics.hypernetwork import FullHypernetwork
from crl.errors import CrlError

TOLERANCE = 1e-3
"""Largest relative error of generated weights."""


def refit(strategy: HyperCRL, targets: Mapping[int, Tensor]) -> float:
    """Make a new strategy generate given weights, as if it had learned their tasks in this order.

    Args:
        strategy: A new one, with a full hypernetwork; it is changed.
        targets: Weights [P] of every task, in the order in which they are taken to have been learned.

    Returns:
        Largest relative error ||h(e_j) - w_j|| / ||w_j||.

    Raises:
        CrlError: There are more tasks than the hypernetwork can make exactly.
        ValueError: It is no new strategy, or its hypernetwork is not a full one.
    """
    if strategy.embeddings or not isinstance(strategy.hypernetwork, FullHypernetwork):
        raise ValueError("weights can be given to a new strategy with a full hypernetwork only")
    for task in targets:
        strategy.begin_task(task)
    embeddings = torch.stack([strategy.embeddings[task].detach() for task in targets])
    wanted = torch.stack(list(targets.values())).to(embeddings)
    parameters = strategy.parameters
    with torch.no_grad():
        features = strategy.hypernetwork.features(parameters, embeddings).double()
        left = wanted.double() - features @ parameters["head.weight"].double() - parameters["head.bias"].double()
        change = torch.linalg.pinv(features) @ left
        parameters["head.weight"].add_(change.to(wanted.dtype))
        made = strategy.hypernetwork.generate(parameters, embeddings)
        error = float(((made - wanted).norm(dim=1) / wanted.norm(dim=1).clamp(min=1e-12)).max())
    if error > TOLERANCE:
        raise CrlError(
            f"a hypernetwork with {features.shape[1]} units in its last hidden layer can't make the weights of "
            f"{len(targets)} tasks: the largest relative error is {error:.2g}",
            "give it more, as in dynamics.hypernetwork.hidden=[50,200]",
        )
    strategy.begin_task(list(targets)[-1])  # what is protected from now on is what is generated now
    return error
