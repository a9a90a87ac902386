"""Agents by configuration."""

from __future__ import annotations

import torch

from crl.agents.base import Agent
from crl.config import Config
from crl.errors import SettingsError
from crl.plugins import load_maker
from crl.types import TaskSpec

GROUP = "crl.agents"


def device_of(name: str) -> torch.device:
    """The device that a setting names; ``auto`` takes CUDA where there is one.

    Raises:
        SettingsError: CUDA was asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise SettingsError("device=cuda, but PyTorch finds no CUDA device", "use device=auto or device=cpu")
    return torch.device("cuda" if available and name in ("auto", "cuda") else "cpu")


def make_agent(config: Config, task: TaskSpec) -> Agent:
    """The agent that a configuration names: an entry point of ``crl.agents``, or ``package.module:Name``.

    It is a class or a function of (config, observation, action, device), as
    :func:`crl.agents.planning_making.planning_agent` is.

    Args:
        config: The run's settings.
        task: Any task of the sequence: they share the structure of observation and action.

    Raises:
        PluginError: There is no such agent, or it can't be loaded.
    """
    device = device_of(config.device)
    agent: Agent = load_maker(GROUP, config.agent.name, "agent")(config, task.observation, task.action, device)
    return agent
