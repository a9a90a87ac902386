"""Makes an off-policy algorithm of Stable-Baselines3 from settings, without an environment and without its loop."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
import stable_baselines3
import torch
from gymnasium import spaces
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from crl.config import AgentConfig
from crl.config.asking.composing import REFUSED
from crl.errors import CrlError
from crl.matching import nearest

PREFIX = "sb3_"


class _Spaces(gymnasium.Env[Any, Any]):
    """All that an algorithm wants to know of an environment when it is made."""

    def __init__(self, features: int, action: int) -> None:
        self.observation_space = spaces.Box(-np.inf, np.inf, (features,), np.float32)
        self.action_space = spaces.Box(-1.0, 1.0, (action,), np.float32)


@contextmanager
def private_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Let code that draws from PyTorch's global generators draw from a seed, and leave those as they were."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def algorithms() -> dict[str, type[OffPolicyAlgorithm]]:
    """The algorithms that serve, by the agent's name."""
    found = {PREFIX + name.lower(): getattr(stable_baselines3, name) for name in stable_baselines3.__all__}
    return {
        name: item
        for name, item in found.items()
        if inspect.isclass(item) and issubclass(item, OffPolicyAlgorithm) and name not in REFUSED
    }


def algorithm(name: str) -> type[OffPolicyAlgorithm]:
    """The algorithm that an agent's name stands for, as ``sb3_sac`` for ``SAC``.

    Raises:
        CrlError: There is none, or it can't serve; the message says why, or names the nearest.
    """
    if name in REFUSED:
        raise CrlError(f"there is no agent {name!r}: {REFUSED[name]}", f"valid: {', '.join(algorithms())}")
    if name not in algorithms():
        raise CrlError(f"Stable-Baselines3 has no algorithm for agent={name}{nearest(name, algorithms())}")
    return algorithms()[name]


def make_model(
    kind: type[OffPolicyAlgorithm], config: AgentConfig, features: int, action: int, device: torch.device, seed: int
) -> OffPolicyAlgorithm:
    """Make an algorithm for network inputs [F] and actions in [-1, 1]^A.

    Args:
        kind: The algorithm.
        config: Its settings.
        features: Number F of network inputs.
        action: Size A.
        device: Where its tensors live.
        seed: Of its initial weights.

    Raises:
        CrlError: One of ``agent.options`` is not an argument of the algorithm, or has a value that it refuses.
    """
    # What all of them share is a setting by another name, or serves a loop that is not used.
    shared = {*inspect.signature(OffPolicyAlgorithm).parameters, "_init_setup_model"}
    free = set(inspect.signature(kind).parameters) - shared
    for option in config.options:
        if option not in free:
            raise CrlError(f"agent.options.{option} is no option of {kind.__name__}{nearest(option, free)}")
    try:
        with private_randomness(seed, device):
            # Without a seed of its own: it would set the global ones.
            model = kind(
                "MlpPolicy",
                _Spaces(features, action),
                learning_rate=config.lr,
                batch_size=config.batch,
                gamma=config.gamma,
                tau=config.tau,
                buffer_size=1,
                policy_kwargs={"net_arch": list(config.hidden)},
                device=device,
                **config.options,
            )
    except (TypeError, ValueError, AssertionError) as error:
        raise CrlError(f"{kind.__name__} refuses agent.options={config.options}: {error}") from error
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model
