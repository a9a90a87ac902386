"""Settings of what learns task sequences: model, gradient steps, retention, agents, planner and exploration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from crl.config.ranges import (
    ACTIVATIONS,
    BATCH,
    CEILING,
    COUNT,
    EXPONENT,
    FEW,
    NOT_NEGATIVE,
    POSITIVE,
    ROWS,
    SHARE,
    WHOLE,
    WIDTH,
    Range,
    setting,
)


@dataclass
class HypernetworkConfig:
    """Task-conditional hypernetwork (von Oswald et al. 2020)."""

    kind: str = setting(
        "full",
        "``full``: one linear head for all weights; ``chunked``: one small network, applied per chunk.",
        choices=("full", "chunked"),
    )
    embedding: int = setting(10, "Size of a task embedding.", WIDTH)
    hidden: list[int] = setting([50, 50], "Widths of the hypernetwork's hidden layers.", WIDTH)
    activation: str = setting("elu", "Activation of the hypernetwork.", choices=ACTIVATIONS)
    init: str = setting(
        "base",
        "``base``: an ordinary network in the head's bias, small head weights; ``xavier``: as published.",
        choices=("base", "xavier"),
    )
    head_scale: float = setting(
        0.1,
        "Deviation of the head's contribution at the start, as a share of the ordinary initial weights (``base``).",
        NOT_NEGATIVE,
    )
    chunk: int = setting(2000, "Weights per chunk (``chunked``).", ROWS)
    chunk_embedding: int = setting(10, "Size of a chunk embedding (``chunked``).", WIDTH)


@dataclass
class DynamicsConfig:
    """The generated dynamics model."""

    hidden: list[int] = setting([128, 128], "Widths of the model's hidden layers.", WIDTH)
    activation: str = setting("silu", "Activation of the model.", choices=ACTIVATIONS)
    ensemble: int = setting(1, "Members E; the planner uses their mean.", FEW)
    out_var: bool = setting(
        False, "Predict a log-variance per dimension (Gaussian head) and train with the likelihood."
    )
    loss: str = setting("mse", "``mse`` or ``smooth_l1``; ignored with ``out_var``.", choices=("mse", "smooth_l1"))
    rollout: int = setting(1, "Steps over which the training loss unrolls the model.", FEW)
    kernel: str = setting(
        "auto",
        "What unrolls the model for planners. ``auto``: the compiled kernel, where it was built and the model is on "
        "the CPU, else PyTorch; ``torch``: always PyTorch. The two differ by float32's rounding.",
        choices=("auto", "torch"),
    )
    precision: str = setting(
        "float32",
        "Precision in which planners multiply in the model's hidden layers. ``bfloat16``: weights and what they read "
        "are rounded to it; sums, activations, and the first and the last layer stay in float32. Learning does not "
        "change.",
        choices=("float32", "bfloat16"),
    )
    hypernetwork: HypernetworkConfig = field(default_factory=HypernetworkConfig)


@dataclass
class LearningConfig:
    """How gradient steps are spent."""

    lr: float = setting(1e-3, "Learning rate of the network, or of the hypernetwork.", POSITIVE)
    lr_embedding: float = setting(1e-3, "Learning rate of the current task's embedding.", POSITIVE)
    lr_final: float = setting(
        0.1, "Share of the learning rate that is left at the end of the closing session.", Range(0, 1, above=True)
    )
    lr_decay: float = setting(
        1.0,
        (
            "Factor by which the learning rates, and the weight of new data in the normalisers, fall from one "
            "learning session of a run to the next; below 1 the step size vanishes, and the agent settles."
        ),
        Range(0, 1),
    )
    batch: int = setting(256, "Transitions per gradient step and ensemble member.", BATCH)
    clip: float = setting(5.0, "Largest gradient norm.", CEILING)
    initial_steps: int = setting(600, "Gradient steps after the random episodes.", WHOLE)
    steps_per_env_step: float = setting(
        1.0, "Gradient steps per environment step, spent after every episode.", NOT_NEGATIVE
    )
    every: int = setting(
        0,
        (
            "Learn every so many environment steps inside a training episode as well, once the random episodes are "
            "over: for long episodes. 0 learns between episodes only."
        ),
        WHOLE,
        unit="environment steps",
    )
    value_discount: float = setting(
        0.0,
        (
            "Discount per environment step of a learned value of the states in which plans end, which is added to "
            "their return: for tasks that a plan's horizon is too short for, as where surviving is all that is "
            "rewarded. 0: plans end where their horizon does."
        ),
        Range(0, 0.9999),
    )
    values: int = setting(
        1,
        (
            "Networks that learn the value (``value_discount``); a state is worth what the least of them says. With "
            "several, states that were seldom seen are worth less, since the networks differ there."
        ),
        FEW,
    )
    value_caution: float = setting(
        0.0,
        (
            "Weight with which the value (``value_discount``) of states far and wide around those seen is pulled down "
            "to the worst there is, so that plans keep to states that are known to be good. 0: not at all."
        ),
        NOT_NEGATIVE,
    )
    final_steps: int = setting(
        1500, "Gradient steps of the closing session of a task, with falling learning rate.", WHOLE
    )
    recent: float = setting(
        0.0,
        (
            "Share of the rows of all members drawn from the newest ``recent_window`` transitions. Rows are dealt "
            "to the members in order: uniform ones to the first, events to the last (see decision 007)."
        ),
        SHARE,
    )
    recent_window: int = setting(400, "Newest transitions that ``recent`` draws from.", ROWS)
    events: float = setting(
        0.0, "Share of the rows of all members drawn from windows in which an event field changed.", SHARE
    )
    average: float = setting(
        0.0,
        "Decay per gradient step of the averaged weights used for planning; 0 plans on the raw weights.",
        Range(0, 0.999999),
    )


@dataclass
class ContinualConfig:
    """Retention strategy."""

    name: str = setting(
        "hypercrl",
        "What keeps earlier tasks: a strategy of this package (docs/reference/strategies.md) or of a plug-in, or "
        "several put together, as in ``[ewc,coreset]``.",
    )
    parts: list[str] = setting(
        [],
        (
            "Generator and parts of a strategy of this package, in its YAML file alone. Strategies are put together by "
            "name: ``continual=[ewc,coreset]``."
        ),
    )
    beta: float = setting(0.05, "Strength of the output regulariser (HyperCRL).", NOT_NEGATIVE)
    lookahead: bool = setting(
        False, "Regularise at the parameters that the task step would give (published; costs 40 %, no measured gain)."
    )
    protect: int = setting(
        0,
        (
            "Earlier tasks, drawn at random, that each learning step protects (HyperCRL): a step then costs the "
            "same however many there are. 0: all of them."
        ),
        WHOLE,
    )
    heads: str = setting(
        "task",
        (
            "``task``: every task has a last layer of its own; ``shared``: one for all (strategies of one network "
            "but finetune and finetune_heads)."
        ),
        choices=("task", "shared"),
    )
    ewc_lambda: float = setting(100.0, "Strength of the penalty (ewc).", NOT_NEGATIVE)
    si_c: float = setting(1.0, "Strength of the penalty (si).", NOT_NEGATIVE)
    fisher_rows: int = setting(
        512,
        (
            "Transitions on which a finished task's importances or directions are measured (ewc, mas, "
            "hypercrl_ewc, gradient_projection)."
        ),
        ROWS,
    )
    memory: int = setting(100, "Windows of transitions kept per finished task (memories, agem).", ROWS)
    replay_weight: float = setting(1.0, "Weight of the loss on a batch of an earlier task (memories).", NOT_NEGATIVE)
    energy: float = setting(
        0.9999, "Share of the squared length of a layer's inputs that is protected (gradient_projection).", SHARE
    )
    labels: str = setting(
        "told",
        (
            "What the agent is told of tasks while it learns: which one it is (``told``), that another one may begin "
            "(``boundaries``), or ``none``. It infers the rest from what its models predict, and gives labels itself."
        ),
        choices=("told", "boundaries", "none"),
    )
    revisits: bool = setting(
        True, "Whether a strategy may look at transitions of finished tasks again. If not, one that does is refused."
    )
    start: str = setting(
        "fresh",
        (
            "What a new task starts from once it has transitions: ``fresh``, as the strategy itself says; ``nearest``, "
            "what was learned of the task whose model predicts them best (its embedding, head or copy); ``recalled``, "
            "as nearest, and models of known tasks act, without random episodes, until the new one predicts as well."
        ),
        choices=("fresh", "nearest", "recalled"),
    )
    like: int | None = setting(
        None,
        "Index of the learned task that new tasks start from, in place of the nearest (start: nearest, recalled).",
        WHOLE,
    )
    options: dict[str, Any] = setting({}, "Options of the parts of a strategy, or of a plug-in.")


@dataclass
class AgentConfig:
    """Who acts and learns. All settings but the name belong to agents that learn without a model, or to ``frozen``."""

    name: str = setting(
        "mpc",
        (
            "``mpc`` (plans on a learned model, see ``dynamics``, ``continual`` and ``planner``), ``random``, "
            "``frozen``, or ``sb3_`` and an off-policy algorithm of Stable-Baselines3, as in ``sb3_sac``."
        ),
    )
    run: str | None = setting(None, "Folder of the run that is played without learning (``frozen``).")
    hidden: list[int] = setting([256, 256], "Hidden layers of policy and critics (``sb3_*``, as all below).", WIDTH)
    lr: float = setting(3e-4, "Learning rate of policy, critics and entropy coefficient.", POSITIVE)
    batch: int = setting(256, "Transitions per gradient step.", BATCH)
    gamma: float = setting(0.99, "Discount per step.", SHARE)
    tau: float = setting(
        0.005, "Share of the critics that the target critics take over per gradient step.", Range(0, 1, above=True)
    )
    noise: float = setting(
        0.0,
        (
            "Deviation of the normal noise on actions of training episodes, as a share of half the action range; "
            "for algorithms whose policy is deterministic."
        ),
        NOT_NEGATIVE,
        unit="half ranges",
    )
    reward_scale: float = setting(1.0, "Factor on the rewards that the critics learn.", POSITIVE)
    buffer: int = setting(1_000_000, "Most transitions that are kept; the oldest go first.", ROWS)
    keep_buffer: bool = setting(
        False, "Keep the transitions of earlier tasks and go on learning from them, instead of emptying the buffer."
    )
    renew_entropy: bool = setting(
        True, "Start the learned entropy coefficient afresh with each task, so that the policy explores it."
    )
    options: dict[str, Any] = setting(
        {}, "Further arguments of the algorithm's constructor, such as ``policy_delay``; options of a plug-in agent."
    )


@dataclass
class PlannerConfig:
    """Sampling planner (MPC)."""

    name: str = setting("icem", "``icem``, ``cem``, ``mppi``, ``random_shooting``, or a plug-in's.")
    samples: int = setting(64, "Action sequences K in the first round.", Range(1, most=1e7))
    horizon: int = setting(20, "Steps H ahead.", Range(1, most=1e5), unit="planned steps")
    rounds: int = setting(2, "Refits per decision.", Range(1, most=1e6))
    elites: int = setting(8, "Best sequences that a refit takes (iCEM, CEM).", Range(1, most=1e7))
    keep: int = setting(3, "Elites kept between rounds and shifted between decisions (iCEM).", Range(0, most=1e7))
    decay: float = setting(1.25, "Factor by which the number of samples falls from round to round (iCEM).", Range(1))
    std: float = setting(0.5, "Initial deviation, as a share of half the action range.", POSITIVE, unit="half ranges")
    scales: int = setting(
        1,
        (
            "Scales of the noise (iCEM): sequences are drawn in turn with ``std``, a quarter of it, a sixteenth, and "
            "so on. Above 1 for strong motors, with which most sequences of large actions fail."
        ),
        Range(1, most=8),
    )
    beta: float = setting(2.0, "Exponent of the coloured noise's spectrum (iCEM).", EXPONENT)
    momentum: float = setting(
        0.1, "Share of the old mean and deviation kept at a refit (iCEM, CEM).", Range(0, 0.999999)
    )
    temperature: float = setting(
        0.1, "Temperature of the exponential weights, in deviations of the returns (MPPI).", POSITIVE
    )
    smoothing: float = setting(0.7, "Correlation between successive samples (MPPI).", Range(0, 0.999999))
    shift: float = setting(1.0, "Share of a planned step that passes from one decision to the next (MPPI).", SHARE)
    pessimism: float = setting(
        0.0,
        (
            "Standard deviations k of the members' returns by which a plan is worth less than their mean: above "
            "0, plans are made where the members of the ensemble agree. 0 plans on the members' mean prediction, "
            "and so do training episodes always, which are to find out what the members do not know (agent "
            "``mpc``)."
        ),
        NOT_NEGATIVE,
    )
    deadline: float = setting(
        0.0,
        (
            "Seconds that a plan may take: then the best one so far is executed. What is planned depends on the "
            "computer's speed then, so that a run can't be repeated to the bit. 0: as long as it takes."
        ),
        Range(0, most=3600),
        unit="s",
    )


@dataclass
class ExplorationConfig:
    """Noise on the planned action in training episodes, beside the random episodes of the task's prior."""

    random_episodes: int = setting(1, "Random episodes at the start of a task, by its exploration prior.", COUNT)
    noise: float = setting(
        0.0,
        "Deviation of the coloured noise added to planned actions, as a share of half the action range.",
        NOT_NEGATIVE,
        unit="half ranges",
    )
    noise_beta: float = setting(1.5, "Exponent of that noise's spectrum, 1 / f**beta; 0 is white.", EXPONENT)
    every: int = setting(4, "Every n-th training episode is played without noise.", COUNT)
    handover: float = setting(
        0.0,
        (
            "Share of planned training episodes, while none succeeds, in which the last phase of the task's prior "
            "takes over from the planner at a random step (first return, then explore: Ecoffet et al. 2021); it "
            "falls to 0 with success."
        ),
        SHARE,
    )
