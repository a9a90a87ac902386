"""The settings of a run as a whole: budget, evaluation, data, sequence, and the sections that stand in other modules.

Defaults stand in these dataclasses alone, here and in :mod:`crl.config.sections`.
``configs/`` holds per-sequence overrides and profiles; :mod:`crl.config.asking.composing` composes and validates them.
Nothing below the runner sees an OmegaConf object.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from crl.config.declared.agents import kind_of
from crl.config.ranges import (
    COUNT,
    NOT_NEGATIVE,
    SEED,
    WHOLE,
    Range,
    setting,
)
from crl.config.sections.flow import FlowConfig
from crl.config.sections.memory import LifeConfig, MemoryConfig
from crl.config.sections.methods import (
    AgentConfig,
    ContinualConfig,
    DynamicsConfig,
    ExplorationConfig,
    LearningConfig,
    PlannerConfig,
)
from crl.config.sections.missions import BodyConfig, MissionConfig, RefinerConfig


@dataclass
class BudgetConfig:
    """What a task may cost, and when it is finished early."""

    steps: list[int] = setting(
        [2000],
        (
            "Environment steps per task, validation included; a single number serves all. The last training "
            "episode is cut where they end; a validation episode, which must be whole, begins only if there are "
            "steps for it."
        ),
        COUNT,
        unit="environment steps",
        longest=1_000_000,
    )
    mastery: bool = setting(False, "Finish a task early once it is mastered.")
    mastery_window: int = setting(10, "Training episodes looked at.", COUNT)
    mastery_successes: int = setting(8, "Successes among them that start a validation.", WHOLE)
    mastery_steps: int = setting(
        0,
        "Least environment steps of a task before a validation: what is learned from little seldom is robust.",
        WHOLE,
        unit="environment steps",
    )
    validation_episodes: int = setting(
        10, "Episodes of a validation (seeds of their own, never those reported).", Range(1, most=1e6)
    )
    validation_successes: int = setting(9, "Successes that confirm mastery.", WHOLE)
    validation_stop: bool = setting(
        False,
        (
            "End a validation at the failure that leaves too few episodes to confirm mastery. Snapshots then "
            "compare by their successes up to there."
        ),
    )
    solved_return: float | None = setting(
        None,
        (
            "Return from which a training or validation episode counts as a success towards mastery, for tasks that "
            "define no success. ``null``: none does."
        ),
        Range(-1e12, 1e12),
    )
    carry: bool = setting(False, "What a task leaves of its steps may be spent by the tasks after it.")
    after_success: int = setting(
        -1, "End a training episode this many steps after its success; -1 plays it to its end.", Range(-1)
    )


@dataclass
class EvaluationConfig:
    """Evaluation on paired seeds, without noise and without learning."""

    episodes: int = setting(
        10, "Episodes of a task just learned, and of every task after the last one.", Range(1, most=1e6)
    )
    episodes_between: int = setting(
        5,
        "Episodes of the other tasks seen so far, after each task before the last; 0 skips them.",
        Range(0, most=1e6),
    )
    tasks: int = setting(
        0,
        (
            "Earlier tasks, drawn at random, that are evaluated after each task, the last one included: evaluation "
            "then costs the same however many tasks there were, and means over all tasks are estimates with intervals. "
            "The same for every strategy and training seed. 0: all of them."
        ),
        WHOLE,
    )
    seed: int = setting(
        90_000,
        "Seeds of evaluation episodes start here; they are the same for every strategy and training seed.",
        SEED,
    )


@dataclass
class MonitorConfig:
    """The reach monitor: whether the agent still changes what it does (:mod:`crl.agents.monitor`)."""

    probes: int = setting(
        8,
        "Observations per task on which decisions are compared after every learning session; 0 switches it off.",
        Range(0, most=1e6),
    )
    window: int = setting(
        2000, "Environment steps without change that count as settled.", COUNT, unit="environment steps"
    )
    tolerance: float = setting(
        1e-3,
        "Change of decisions, in units of half the action range, that counts as none.",
        NOT_NEGATIVE,
        unit="half ranges",
    )


@dataclass
class CheckpointConfig:
    """When the run is written to disk."""

    seconds: float = setting(
        30.0,
        "Least time between two checkpoints (s); 0 writes one after every episode.",
        Range(0, most=1e30),
        unit="s",
    )
    keep: int = setting(2, "Checkpoints kept.", COUNT)


@dataclass
class DataConfig:
    """Recorded data that the first task learns from before anything else (:mod:`crl.training.data.recorded`)."""

    source: str | None = setting(
        None,
        "A bag (a .mcap or .db3 file, or a folder of bags), what `crl export` wrote (an MCAP file, the folder of a "
        "LeRobot dataset), or ``minari:NAME``; ``None``: none. Short: ``data=...``.",
    )
    robot: str | None = setting(
        None, "Name or file of the description of a bag's robot; ``None``: the robot that the environment simulates."
    )
    odom: str = setting(
        "odom",
        "Topic of a bag's odometry, in full or as it ends; ``odom`` also takes the only one, whatever its name.",
    )
    cmd_vel: str | None = setting(
        None, "Topic of a bag's commands; ``None``: ``cmd_vel`` beside the odometry or around it, or the only one."
    )
    only: bool = setting(False, "Learn the first task from the recorded data alone, without an environment step.")


@dataclass
class EnvConfig:
    """The task sequence."""

    name: str = setting(
        "cartpole_length",
        (
            "A registered sequence, ``package.module:attribute`` for a user's own, or ``gym:ID`` for any Gymnasium "
            "environment, whose arguments ``vary`` varies."
        ),
    )
    tasks: list[int] | None = setting(
        None,
        "Order of the tasks by index; ``None`` plays each once. Cycles and repeats are allowed.",
        Range(0, most=1e6),
        longest=1_000_000,
    )


@dataclass
class Config:
    """One run."""

    env: EnvConfig = field(default_factory=EnvConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    dynamics: DynamicsConfig = field(default_factory=DynamicsConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)
    continual: ContinualConfig = field(default_factory=ContinualConfig)
    planner: PlannerConfig = field(default_factory=PlannerConfig)
    exploration: ExplorationConfig = field(default_factory=ExplorationConfig)
    budget: BudgetConfig = field(default_factory=BudgetConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
    refiner: RefinerConfig = field(default_factory=RefinerConfig)
    body: BodyConfig = field(default_factory=BodyConfig)
    flow: FlowConfig = field(default_factory=FlowConfig)
    missions: MissionConfig = field(default_factory=MissionConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    data: DataConfig = field(default_factory=DataConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    profile: str = setting("quick", "Name of the profile that was composed.")
    seed: int = setting(0, "Seed of all randomness of the run.", SEED)
    device: str = setting(
        "auto", "``auto`` (CUDA where there is one), ``cpu`` or ``cuda``.", choices=("auto", "cpu", "cuda")
    )
    threads: int = setting(1, "PyTorch threads; small matrices get slower with more.", Range(1, most=4096))
    run_dir: str = setting("runs", "Folder that holds the runs.")
    name: str | None = setting(
        None, "Name of the run's folder; ``None`` makes one from sequence, strategy, seed and time."
    )
    resume: bool = setting(
        False, "Continue the newest unfinished run with the same settings instead of starting a new one."
    )
    check: bool = setting(
        True, "Try the environments for some seconds before anything is learned (what ``crl check`` says in full)."
    )
    videos: bool = setting(True, "Record an mp4 of each task at the end.")
    callbacks: list[str] = setting(
        [], "Who is told of the run while it goes on, beside TensorBoard: ``mlflow``, ``wandb`` or a plug-in's."
    )

    @property
    def method(self) -> str:
        """What tables group runs by: the refiner of missions, the retention strategy, or else the agent's name."""
        return kind_of(self).method(self.agent.name, self.continual.name, self.refiner.name)
