"""Every setting of a run, typed, with its default, unit and source. The only place with defaults.

``configs/`` holds per-sequence overrides and profiles; :mod:`crl.config.composing` composes and validates them.
Nothing below the runner sees an OmegaConf object.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crl.config.agents import kind_of
from crl.config.missions import BodyConfig, FlowConfig, MissionConfig, RefinerConfig


@dataclass
class HypernetworkConfig:
    """Task-conditional hypernetwork (von Oswald et al. 2020)."""

    kind: str = "full"
    """``full``: one linear head for all weights; ``chunked``: one small network, applied per chunk."""
    embedding: int = 10
    """Size of a task embedding."""
    hidden: list[int] = field(default_factory=lambda: [50, 50])
    """Widths of the hypernetwork's hidden layers."""
    activation: str = "elu"
    """Activation of the hypernetwork."""
    init: str = "base"
    """``base``: an ordinary network in the head's bias, small head weights; ``xavier``: as published."""
    head_scale: float = 0.1
    """Deviation of the head's contribution at the start, as a share of the ordinary initial weights (``base``)."""
    chunk: int = 2000
    """Weights per chunk (``chunked``)."""
    chunk_embedding: int = 10
    """Size of a chunk embedding (``chunked``)."""


@dataclass
class DynamicsConfig:
    """The generated dynamics model."""

    hidden: list[int] = field(default_factory=lambda: [128, 128])
    """Widths of the model's hidden layers."""
    activation: str = "silu"
    """Activation of the model."""
    ensemble: int = 1
    """Members E; the planner uses their mean."""
    out_var: bool = False
    """Predict a log-variance per dimension (Gaussian head) and train with the likelihood."""
    loss: str = "mse"
    """``mse`` or ``smooth_l1``; ignored with ``out_var``."""
    rollout: int = 1
    """Steps over which the training loss unrolls the model."""
    hypernetwork: HypernetworkConfig = field(default_factory=HypernetworkConfig)


@dataclass
class LearningConfig:
    """How gradient steps are spent."""

    lr: float = 1e-3
    """Learning rate of the network, or of the hypernetwork."""
    lr_embedding: float = 1e-3
    """Learning rate of the current task's embedding."""
    lr_final: float = 0.1
    """Share of the learning rate that is left at the end of the closing session."""
    lr_decay: float = 1.0
    """Factor by which the learning rates, and the weight of new data in the normalisers, fall from one learning session
    of a run to the next; below 1 the step size vanishes, and the agent settles."""
    batch: int = 256
    """Transitions per gradient step and ensemble member."""
    clip: float = 5.0
    """Largest gradient norm."""
    initial_steps: int = 600
    """Gradient steps after the random episodes."""
    steps_per_env_step: float = 1.0
    """Gradient steps per environment step, spent after every episode."""
    final_steps: int = 1500
    """Gradient steps of the closing session of a task, with falling learning rate."""
    recent: float = 0.0
    """Share of the rows of all members drawn from the newest ``recent_window`` transitions. Rows are dealt to the
    members in order: uniform ones to the first, events to the last (see decision 007)."""
    recent_window: int = 400
    """Newest transitions that ``recent`` draws from."""
    events: float = 0.0
    """Share of the rows of all members drawn from windows in which an event field changed."""
    average: float = 0.0
    """Decay per gradient step of the averaged weights used for planning; 0 plans on the raw weights."""


@dataclass
class ContinualConfig:
    """Retention strategy."""

    name: str = "hypercrl"
    """What keeps earlier tasks: a strategy of this package (docs/reference/strategies.md) or of a plug-in."""
    beta: float = 0.05
    """Strength of the output regulariser (HyperCRL)."""
    lookahead: bool = False
    """Regularise at the parameters that the task step would give (published; costs 40 %, no measured gain)."""
    protect: int = 0
    """Earlier tasks, drawn at random, that each learning step protects (HyperCRL): a step then costs the same however
    many there are. 0: all of them."""
    heads: str = "task"
    """``task``: every task has a last layer of its own; ``shared``: one for all (ewc, si, coreset, multitask,
    gradient_projection)."""
    ewc_lambda: float = 100.0
    """Strength of the penalty (ewc)."""
    si_c: float = 1.0
    """Strength of the penalty (si)."""
    fisher_rows: int = 512
    """Transitions on which a finished task's importances or directions are measured (ewc, hypercrl_ewc,
    gradient_projection)."""
    memory: int = 100
    """Windows of transitions kept per finished task (coreset, hypercrl_replay)."""
    replay_weight: float = 1.0
    """Weight of the loss on a batch of an earlier task (coreset, multitask, hypercrl_replay)."""
    energy: float = 0.9999
    """Share of the squared length of a layer's inputs that is protected (gradient_projection)."""
    options: dict[str, Any] = field(default_factory=dict)
    """Options of a plug-in strategy."""


@dataclass
class AgentConfig:
    """Who acts and learns. All settings but the name belong to agents that learn without a model, or to ``frozen``."""

    name: str = "mpc"
    """``mpc`` (plans on a learned model, see ``dynamics``, ``continual`` and ``planner``), ``random``, ``frozen``, or
    ``sb3_`` and an off-policy algorithm of Stable-Baselines3, as in ``sb3_sac``."""
    run: str | None = None
    """Folder of the run that is played without learning (``frozen``)."""
    hidden: list[int] = field(default_factory=lambda: [256, 256])
    """Hidden layers of policy and critics (``sb3_*``, as all below)."""
    lr: float = 3e-4
    """Learning rate of policy, critics and entropy coefficient."""
    batch: int = 256
    """Transitions per gradient step."""
    gamma: float = 0.99
    """Discount per step."""
    tau: float = 0.005
    """Share of the critics that the target critics take over per gradient step."""
    noise: float = 0.0
    """Deviation of the normal noise on actions of training episodes, as a share of half the action range; for
    algorithms whose policy is deterministic."""
    reward_scale: float = 1.0
    """Factor on the rewards that the critics learn."""
    buffer: int = 1_000_000
    """Most transitions that are kept; the oldest go first."""
    keep_buffer: bool = False
    """Keep the transitions of earlier tasks and go on learning from them, instead of emptying the buffer."""
    renew_entropy: bool = True
    """Start the learned entropy coefficient afresh with each task, so that the policy explores it."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the algorithm's constructor, such as ``policy_delay``; options of a plug-in agent."""


@dataclass
class PlannerConfig:
    """Sampling planner (MPC)."""

    name: str = "icem"
    """``icem``, ``cem``, ``mppi``, ``random_shooting``, or a plug-in's."""
    samples: int = 64
    """Action sequences K in the first round."""
    horizon: int = 20
    """Steps H ahead."""
    rounds: int = 2
    """Refits per decision."""
    elites: int = 8
    """Best sequences that a refit takes (iCEM, CEM)."""
    keep: int = 3
    """Elites kept between rounds and shifted between decisions (iCEM)."""
    decay: float = 1.25
    """Factor by which the number of samples falls from round to round (iCEM)."""
    std: float = 0.5
    """Initial deviation, as a share of half the action range."""
    beta: float = 2.0
    """Exponent of the coloured noise's spectrum (iCEM)."""
    momentum: float = 0.1
    """Share of the old mean and deviation kept at a refit (iCEM, CEM)."""
    temperature: float = 0.1
    """Temperature of the exponential weights, in deviations of the returns (MPPI)."""
    smoothing: float = 0.7
    """Correlation between successive samples (MPPI)."""
    shift: float = 1.0
    """Share of a planned step that passes from one decision to the next (MPPI)."""
    pessimism: float = 0.0
    """Standard deviations k of the members' returns by which a plan is worth less than their mean: above 0, plans are
    made where the members of the ensemble agree. 0 plans on the members' mean prediction, and so do training episodes
    always, which are to find out what the members do not know (agent ``mpc``)."""


@dataclass
class ExplorationConfig:
    """Noise on the planned action in training episodes, beside the random episodes of the task's prior."""

    random_episodes: int = 1
    """Random episodes at the start of a task, by its exploration prior."""
    noise: float = 0.0
    """Deviation of the coloured noise added to planned actions, as a share of half the action range."""
    noise_beta: float = 1.5
    """Exponent of that noise's spectrum, 1 / f**beta; 0 is white."""
    every: int = 4
    """Every n-th training episode is played without noise."""
    handover: float = 0.0
    """Share of planned training episodes, while none succeeds, in which the last phase of the task's prior takes over
    from the planner at a random step (first return, then explore: Ecoffet et al. 2021); it falls to 0 with success."""


@dataclass
class BudgetConfig:
    """What a task may cost, and when it is finished early."""

    steps: list[int] = field(default_factory=lambda: [2000])
    """Environment steps per task, validation included; a single number serves all. The last training episode is cut
    where they end; a validation episode, which must be whole, begins only if there are steps for it."""
    mastery: bool = False
    """Finish a task early once it is mastered."""
    mastery_window: int = 10
    """Training episodes looked at."""
    mastery_successes: int = 8
    """Successes among them that start a validation."""
    mastery_steps: int = 0
    """Least environment steps of a task before a validation: what is learned from little seldom is robust."""
    validation_episodes: int = 10
    """Episodes of a validation (seeds of their own, never those reported)."""
    validation_successes: int = 9
    """Successes that confirm mastery."""
    validation_stop: bool = False
    """End a validation at the failure that leaves too few episodes to confirm mastery. Snapshots then compare by their
    successes up to there."""
    carry: bool = False
    """What a task leaves of its steps may be spent by the tasks after it."""
    after_success: int = -1
    """End a training episode this many steps after its success; -1 plays it to its end."""


@dataclass
class EvaluationConfig:
    """Evaluation on paired seeds, without noise and without learning."""

    episodes: int = 10
    """Episodes of a task just learned, and of every task after the last one."""
    episodes_between: int = 5
    """Episodes of the other tasks seen so far, after each task before the last; 0 skips them."""
    seed: int = 90_000
    """Seeds of evaluation episodes start here; they are the same for every strategy and training seed."""


@dataclass
class MonitorConfig:
    """The reach monitor: whether the agent still changes what it does (:mod:`crl.agents.monitor`)."""

    probes: int = 8
    """Observations per task on which decisions are compared after every learning session; 0 switches it off."""
    window: int = 2000
    """Environment steps without change that count as settled."""
    tolerance: float = 1e-3
    """Change of decisions, in units of half the action range, that counts as none."""


@dataclass
class CheckpointConfig:
    """When the run is written to disk."""

    seconds: float = 30.0
    """Least time between two checkpoints (s); 0 writes one after every episode."""
    keep: int = 2
    """Checkpoints kept."""


@dataclass
class DataConfig:
    """Recorded data that the first task learns from before anything else (:mod:`crl.training.data.recorded`)."""

    source: str | None = None
    """A bag (a .mcap or .db3 file, or a folder of bags), or ``minari:NAME``; ``None``: none. Short: ``data=...``."""
    robot: str | None = None
    """Name or file of the description of a bag's robot; ``None``: the robot that the environment simulates."""
    odom: str = "odom"
    """Topic of a bag's odometry, in full or as it ends; ``odom`` also takes the only one, whatever its name."""
    cmd_vel: str | None = None
    """Topic of a bag's commands; ``None``: ``cmd_vel`` beside the odometry or around it, or the only one."""
    only: bool = False
    """Learn the first task from the recorded data alone, without an environment step."""


@dataclass
class EnvConfig:
    """The task sequence."""

    name: str = "cartpole_length"
    """A registered sequence, or ``package.module:attribute`` for a user's own."""
    tasks: list[int] | None = None
    """Order of the tasks by index; ``None`` plays each once. Cycles and repeats are allowed."""


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
    data: DataConfig = field(default_factory=DataConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    profile: str = "quick"
    """Name of the profile that was composed."""
    seed: int = 0
    """Seed of all randomness of the run."""
    device: str = "auto"
    """``auto`` (CUDA where there is one), ``cpu`` or ``cuda``."""
    threads: int = 1
    """PyTorch threads; small matrices get slower with more."""
    run_dir: str = "runs"
    """Folder that holds the runs."""
    name: str | None = None
    """Name of the run's folder; ``None`` makes one from sequence, strategy, seed and time."""
    resume: bool = False
    """Continue the newest unfinished run with the same settings instead of starting a new one."""
    check: bool = True
    """Try the environments for some seconds before anything is learned (what ``crl check`` says in full)."""
    videos: bool = True
    """Record an mp4 of each task at the end."""
    callbacks: list[str] = field(default_factory=list)
    """Who is told of the run while it goes on, beside TensorBoard: ``mlflow``, ``wandb`` or a plug-in's."""

    @property
    def method(self) -> str:
        """What tables group runs by: the refiner of missions, the retention strategy, or else the agent's name."""
        return kind_of(self).method(self.agent.name, self.continual.name, self.refiner.name)
