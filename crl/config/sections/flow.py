"""Settings of action flow matching, grouped by the part that reads them; with units."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from crl.config.ranges import BATCH, COUNT, NOT_NEGATIVE, POSITIVE, SHARE, WIDTH, Range, setting


@dataclass
class IdentificationConfig:
    """How a regime is identified from a window of transitions, by a known structure of channels."""

    structure: str = setting(
        "gains",
        "Known channel structure: ``gains``, ``gains_bias``, ``matrix`` or ``affine``.",
        choices=("gains", "gains_bias", "matrix", "affine"),
    )
    measured: list[str] = setting(
        [],
        (
            "For every element of the action the field of the observation that measures what it asks for (the "
            "body rate of a rate command), or an empty name; slow responses are then told from gains and biases. "
            "Empty: none is."
        ),
    )
    relative_error: float = setting(
        0.05,
        "Deviation of the model's error off nominal, as a share of the regime's effect (the structured identifier).",
        NOT_NEGATIVE,
    )
    prior_gain: float = setting(2.0, "Deviation of a gain from its nominal value that is expected a priori.", POSITIVE)
    prior_coupling: float = setting(
        0.5,
        "The same for what one channel does to another (in half ranges per half range).",
        POSITIVE,
        unit="half ranges per half range",
    )
    prior_bias: float = setting(0.3, "The same for a bias, in half ranges.", POSITIVE, unit="half ranges")
    prior_response: float = setting(
        0.5,
        "The same for a slow response, as a share of what is missing between a command and its measurement.",
        POSITIVE,
    )
    penalty_coupling: float = setting(
        6.0,
        (
            "What a coupling has to be worth to be believed in, in units of half the logarithm of the data's "
            "number; a gain has to be worth 2. Cheap couplings find turned axes sooner, and explain by them what "
            "is none (late commands)."
        ),
        POSITIVE,
    )


@dataclass
class TrackingConfig:
    """When a regime is believed in, and how far it is acted upon. Lengths are in control steps."""

    window: int = setting(
        15, "Executed transitions that a regime is identified from, at most.", Range(2, most=1e6), unit="control steps"
    )
    memory: int = setting(
        0,
        "Transitions that a regime is remembered by beside its window, for contexts of a known structure; 0: none.",
        Range(0, most=1e6),
        unit="control steps",
    )
    delays: int = setting(
        4,
        "Greatest delay of commands (control steps) that is told from a regime; 0: none is.",
        Range(0, most=1e4),
        unit="control steps",
    )
    evidence: int = setting(
        2,
        (
            "Transitions that must contradict the regime in force before it is given up, however large the "
            "contradiction."
        ),
        Range(1, most=1e6),
        unit="control steps",
    )
    false_alarms: float = setting(
        1e-5,
        "False alarms per nominal step that the threshold is computed for; the promise is 1e-4.",
        Range(0, 0.1, above=True),
        unit="1 per control step",
    )
    margin: float = setting(
        3.0,
        (
            "A threshold of the mean square is at least so many times its greatest level over the calibration. "
            "More than 3 for bodies with manoeuvres that the model hardly knows."
        ),
        POSITIVE,
    )
    min_confidence: float = setting(0.05, "Confidence from which a regime is acted upon.", SHARE)
    max_correction: float = setting(
        2.0,
        "Greatest change of an action by the refiner per element, in half ranges (times ``box_scale``).",
        Range(0, most=1e30),
        unit="half ranges",
    )
    care: bool = setting(
        False,
        (
            "Plan in half the range of every element while nothing explains what the body does, as long as there "
            "is trust that something will: for a body that a hard turn can roll over. What is ``measured`` is "
            "planned so anyway."
        ),
    )


@dataclass
class SimulationConfig:
    """Regimes that are simulated to train the velocity field and the learned identifier."""

    gain_low: float = setting(0.04, "Smallest magnitude of simulated gains (log-uniform, sign drawn).", POSITIVE)
    gain_high: float = setting(4.0, "Greatest magnitude of simulated gains.", POSITIVE)
    bias: float = setting(0.4, "Greatest simulated bias, in half ranges.", NOT_NEGATIVE, unit="half ranges")


@dataclass
class FieldConfig:
    """The velocity field, the pairs that it is trained on, and its training."""

    hidden: list[int] = setting([128, 128, 128], "Hidden layers of the velocity field.", WIDTH)
    regimes: int = setting(2048, "Simulated regimes in the training set.", BATCH)
    actions: int = setting(32, "Planned actions per simulated regime.", BATCH)
    updates: int = setting(4000, "Gradient steps of the velocity field.", COUNT)
    batch: int = setting(512, "Pairs per gradient step.", BATCH)
    lr: float = setting(2e-3, "Learning rate at the start; it falls to zero along a half cosine.", POSITIVE)
    noise: float = setting(0.05, "Deviation of the noise on x_t, in flow coordinates.", NOT_NEGATIVE)
    objective: str = setting(
        "matching",
        (
            "``matching``: flow matching. ``regression``: the same network learns the corrected action itself, by "
            "squared error, and one step gives it."
        ),
        choices=("matching", "regression"),
    )
    guess: bool = setting(True, "Whether the correction begins at the inverse command of the context.")
    box_scale: float = setting(
        1.0,
        (
            "Size of the box that refined actions live in, relative to the action box. 1: a real robot. Above 1: "
            "commands beyond the limits are learned and given (to compare with the published, unclipped setting)."
        ),
        Range(1),
    )


@dataclass
class EncoderConfig:
    """The learned identifier and its training; its learning rate is that of the velocity field."""

    relative_error: float = setting(0.2, "The same for the learned identifier.", NOT_NEGATIVE)
    context: int = setting(16, "Size C of a learned context.", WIDTH)
    hidden: list[int] = setting([96, 96], "Hidden layers of the set encoder's two parts and of its decoder.", WIDTH)
    updates: int = setting(4000, "Gradient steps of the learned identifier.", COUNT)
    batch: int = setting(128, "Regimes per gradient step of the learned identifier.", BATCH)


@dataclass
class IntegrationConfig:
    """How the velocity field is integrated."""

    solver: str = setting(
        "midpoint",
        "``midpoint``, ``euler`` or ``rk4`` on a fixed grid, or ``dopri5`` (adaptive).",
        choices=("midpoint", "euler", "rk4", "dopri5"),
    )
    steps: int = setting(4, "Steps of the fixed grid.", Range(1, most=1e6))
    tolerance: float = setting(1e-4, "Relative and absolute tolerance of an adaptive solver.", POSITIVE)


@dataclass
class FlowConfig:
    """Everything that can be set about action flow matching, by the part that reads it."""

    identification: IdentificationConfig = dataclasses.field(default_factory=IdentificationConfig)
    tracking: TrackingConfig = dataclasses.field(default_factory=TrackingConfig)
    simulation: SimulationConfig = dataclasses.field(default_factory=SimulationConfig)
    field: FieldConfig = dataclasses.field(default_factory=FieldConfig)
    encoder: EncoderConfig = dataclasses.field(default_factory=EncoderConfig)
    integration: IntegrationConfig = dataclasses.field(default_factory=IntegrationConfig)
