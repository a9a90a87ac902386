"""Agents by configuration."""

from __future__ import annotations

import torch

from crl.agents.mpc import MPCAgent
from crl.config import Config
from crl.errors import SettingsError
from crl.types import TaskSpec


def device_of(name: str) -> torch.device:
    """The device that a setting names; ``auto`` takes CUDA where there is one.

    Raises:
        SettingsError: CUDA was asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise SettingsError("device=cuda, but PyTorch finds no CUDA device", "use device=auto or device=cpu")
    return torch.device("cuda" if available and name in ("auto", "cuda") else "cpu")


def make_agent(config: Config, task: TaskSpec) -> MPCAgent:
    """The agent that a configuration describes, for the structure of a task's observation and action."""
    return MPCAgent(config, task.observation, task.action, device_of(config.device))
