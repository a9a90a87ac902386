"""Signs of lost plasticity in the critic of an algorithm of Stable-Baselines3; see :mod:`crl.dynamics.plasticity`."""

from __future__ import annotations

import torch
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from torch import Tensor, nn

from crl.dynamics.plasticity import Plasticity, state_of


def critic_plasticity(model: OffPolicyAlgorithm, observation: Tensor, action: Tensor) -> Plasticity | None:
    """State of the first critic's hidden layers.

    Args:
        model: The algorithm.
        observation: Network inputs, [N, F].
        action: Actions in [-1, 1], [N, A].

    Returns:
        The state; ``None`` for an algorithm whose critics are not layered networks with hidden units, and where an
        activation is not finite.
    """
    networks = getattr(getattr(model, "critic", None), "q_networks", None)
    if not networks or not isinstance(networks[0], nn.Sequential):
        return None
    hidden: list[Tensor] = []
    with torch.no_grad():
        values = torch.cat([observation, action], dim=1)
        for layer in networks[0]:
            values = layer(values)
            if not isinstance(layer, nn.Linear):
                hidden.append(values.unsqueeze(0))
    return state_of(hidden) if hidden else None
