"""Every setting of a run: its dataclasses, what each may be, who reads it, and how a configuration is composed.

``from crl.config import Config`` gives the dataclasses. :mod:`crl.config.asking.composing` composes and checks them.
"""

from crl.config.schema import (
    BudgetConfig,
    CheckpointConfig,
    Config,
    DataConfig,
    EnvConfig,
    EvaluationConfig,
    MonitorConfig,
)
from crl.config.sections.flow import FlowConfig
from crl.config.sections.methods import (
    AgentConfig,
    ContinualConfig,
    DynamicsConfig,
    ExplorationConfig,
    HypernetworkConfig,
    LearningConfig,
    PlannerConfig,
)
from crl.config.sections.missions import BodyConfig, MissionConfig, RefinerConfig

__all__ = [
    "AgentConfig",
    "BodyConfig",
    "BudgetConfig",
    "CheckpointConfig",
    "Config",
    "ContinualConfig",
    "DataConfig",
    "DynamicsConfig",
    "EnvConfig",
    "EvaluationConfig",
    "ExplorationConfig",
    "FlowConfig",
    "HypernetworkConfig",
    "LearningConfig",
    "MissionConfig",
    "MonitorConfig",
    "PlannerConfig",
    "RefinerConfig",
]
