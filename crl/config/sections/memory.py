"""Settings of a memory of regimes and of its loop of belief (:mod:`crl.memory`), and of lives."""

from __future__ import annotations

from dataclasses import dataclass, field

from crl.config.ranges import BATCH, COUNT, NOT_NEGATIVE, POSITIVE, SHARE, WHOLE, WIDTH, Range, setting

LEARNERS = ("inline", "process")
"""Where a memory may be learned."""
KINDS = ("contexts", "networks", "heads", "hypercrl")
"""Kinds of memory."""
STEPS = "informative control steps"


@dataclass
class BeliefConfig:
    """The loop of belief. Transitions are counted if they are informative: their command did something."""

    window: int = setting(40, "Newest transitions that are kept for recall.", COUNT, unit=STEPS)
    open_after: int = setting(6, "Transitions of an unknown regime after which one is opened.", COUNT, unit=STEPS)
    withheld: int = setting(2, "Newest transitions that are not learned from.", Range(0, most=1e6), unit=STEPS)
    provisional: int = setting(
        15, "Transitions after which a regime that explains what it sees is kept.", COUNT, unit=STEPS
    )
    hopeless: int = setting(60, "Transitions after which one that does not is dropped.", COUNT, unit=STEPS)
    recent: int = setting(8, "Newest transitions that an error is averaged over.", Range(1, most=64), unit=STEPS)
    gain: float = setting(0.7, "Share of the bridge's error below which a learned regime takes over.", SHARE)
    learned: int = setting(512, "Transitions of the present visit that are learned from.", COUNT, unit=STEPS)
    near: float = setting(
        4.0,
        "A regime that explains a window but for commands at which it was never seen may leave so many times as much.",
        POSITIVE,
    )
    forgiven: float | None = setting(
        None,
        (
            "The regime in force may err by so much more where it was never seen, as a share of the effect of a "
            "command; ``None``: without a limit. A body that reads much is nearly always somewhere new, and would "
            "keep a regime through others."
        ),
        NOT_NEGATIVE,
    )
    again: int = setting(8, "Transitions of a visit after which a kept regime is learned on.", COUNT, unit=STEPS)
    good: float = setting(1.0, "Mean squared residual up to which a kept regime is not learned on.", NOT_NEGATIVE)


@dataclass
class MemoryConfig:
    """A memory of regimes (``refiner=lifelong``)."""

    kind: str = setting(
        "networks",
        (
            "``contexts``: the nominal model under remembered contexts; ``networks``: a network per regime, under its "
            "context; ``heads``: a last layer per regime, solved for, under its context; ``hypercrl``: one "
            "hypernetwork with an embedding per regime, under its context."
        ),
        choices=KINDS,
    )
    most: int = setting(64, "Greatest number of regimes, the nominal one among them.", Range(2, most=1e5))
    hidden: list[int] = setting([48, 48], "Hidden layers of the network whose weights regimes have.", WIDTH)
    curved: float = setting(
        3.0,
        (
            "Factor on the first layer's initial weights. A network that has only learned a body whose changes go "
            "with its commands is all but linear in them; wider first weights keep features that bend, from which "
            "kinks are learned."
        ),
        POSITIVE,
    )
    resolution: float = setting(
        0.02,
        "Residuals below this share of the deviation of the changes do not matter: the least common unit.",
        POSITIVE,
    )
    base_steps: int = setting(3000, "Gradient steps on the nominal body, in the closing session.", COUNT)
    steps: int = setting(4, "Learning steps per control step.", Range(0, most=1e4))
    learner: str = setting(
        "inline",
        (
            "``inline``: learning steps are taken in the process that decides, after each decision; ``process``: by a "
            "process beside it, at a lower priority, in lives and on robots (missions in simulation stay inline). "
            "Results then depend on the computer, and a life that goes on is not the same to the bit."
        ),
        choices=LEARNERS,
    )
    lr: float = setting(1e-2, "Learning rate of a network (``networks``).", POSITIVE)
    spread: float = setting(
        0.15, "Deviation by which a regime's last layer is expected to differ (``heads``).", POSITIVE
    )
    inputs: int = setting(
        0,
        "Transitions kept of a regime, from which its last layer is solved for again (``heads``); 0: the layer itself.",
        WHOLE,
    )
    halved: bool = setting(
        False,
        (
            "Round the last layer of a regime that was left, and the inputs at which it was seen, to numbers of 16 "
            "bits (``heads``). A few transitions always are."
        ),
    )
    gathered: bool = setting(
        False,
        (
            "A context is identified from all transitions of a regime, visit by visit, and tells which regimes are one "
            "(``contexts``); ``false``: from the newest transitions of a visit. For bodies that say little of a "
            "channel for long, such as a vehicle that mostly drives straight."
        ),
    )
    lr_hyper: float = setting(1e-3, "Learning rate of the hypernetwork and of its embeddings (``hypercrl``).", POSITIVE)
    batch: int = setting(64, "Transitions per learning step.", BATCH)
    beta: float = setting(5.0, "Weight of what protects the other regimes (``hypercrl``).", NOT_NEGATIVE)
    embedding: int = setting(10, "Size of an embedding (``hypercrl``).", WIDTH)
    belief: BeliefConfig = field(default_factory=BeliefConfig)


@dataclass
class LifeConfig:
    """A life: one uninterrupted stream in which the body changes unannounced (``crl live``)."""

    steps: int | None = setting(
        None, "Control steps that are lived after training, in place of missions; ``None``: no life.", COUNT
    )
    regimes: int | None = setting(
        None,
        "Number of regimes of the life, the nominal one among them; ``None``: as many as the sequence says.",
        COUNT,
    )
    drift: float = setting(
        0.0,
        (
            "Share of a vehicle's regimes (the nominal one not counted) that drift from one of the others to another "
            "in every visit."
        ),
        SHARE,
    )
    combine: float = setting(0.0, "Share of a vehicle's regimes that combine two of the others.", SHARE)
    labels: str = setting(
        "none",
        (
            "``none``: nobody tells when a regime begins, or which one; ``told``: a memory is told at every step, and "
            "has only to learn (``refiner=lifelong``)."
        ),
        choices=("none", "told"),
    )
    run: str | None = setting(
        None,
        (
            "A finished run of the same body: the life begins with what it learned, and with its memory if the "
            "refiner and its settings are the same. ``None``: the nominal body is learned first."
        ),
    )
    memory: str | None = setting(
        None, "Folder of a memory (``RUN/memory``) that the life begins with; ``None``: its own."
    )
