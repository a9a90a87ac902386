"""Settings of missions: the model of a moving body, regime identification, the flow, the refiner; with units."""

from __future__ import annotations

from dataclasses import dataclass

from crl.config.ranges import BATCH, CEILING, COUNT, FEW, NOT_NEGATIVE, POSITIVE, ROWS, SHARE, WIDTH, Range, setting


@dataclass
class BodyConfig:
    """How a moving body is modelled (:class:`crl.dynamics.body.Body`), and learned while a mission goes on."""

    stride: int = setting(
        1,
        "Control steps per planned step: the planner's model is of as many steps at once.",
        FEW,
        unit="control steps",
    )
    memory: bool = setting(
        False,
        (
            "Whether the model of one control step reads what the step before changed: it tells of what is not "
            "observed, such as the speeds of rotors or wheels that follow their commands late."
        ),
    )
    online_lr: float = setting(
        3e-4, "Learning rate while a mission goes on; the optimiser persists from step to step.", POSITIVE
    )
    online_batch: int = setting(64, "Transitions per gradient step while a mission goes on.", Range(2, most=1e8))
    online_buffer: int = setting(500, "Newest transitions of the mission that are learned from.", ROWS)
    nominal: float = setting(
        0.5,
        "Share of an online batch drawn from the nominal data, so that the nominal body is not forgotten.",
        Range(0, 0.9),
    )
    disturbance: float = setting(
        0.0,
        (
            "Time (s) over which a constant disturbance on the map (wind) is averaged from what nothing else "
            "explains, for the planner; 0 estimates none."
        ),
        NOT_NEGATIVE,
        unit="s",
    )


@dataclass
class RefinerConfig:
    """What happens to a planned action before it is executed, and whether the model learns during a mission."""

    name: str = setting(
        "off",
        (
            "``off``: a sequence is learned task by task, without missions. The others learn the nominal body, "
            "then fly missions, and differ in what is set below."
        ),
    )
    kind: str = setting(
        "none",
        (
            "``none``: planned actions are executed. While the body is off nominal, ``flow``: a fitted flow "
            "corrects them; ``inverse``: the identified context's analytic inverse does; ``box``: its least- "
            "squares inverse inside the limits; ``replan``: nothing does, and plans are made on the identified "
            "dynamics. ``lifelong``: regimes are remembered, recalled and learned (``memory``). ``oracle``: told what "
            "the body makes of its commands, which no robot is."
        ),
        choices=("none", "flow", "inverse", "box", "replan", "lifelong", "oracle"),
    )
    identifier: str = setting(
        "structured",
        "``structured``, ``learned`` or ``published`` (conditioned on the last action and error, as published).",
        choices=("structured", "learned", "published"),
    )
    clipped: bool = setting(
        True,
        "Keep to the action box, as a real robot must; false allows commands beyond it, to compare with the paper.",
    )
    online: bool = setting(True, "Learn the planner's model at every step of a mission.")
    randomised: bool = setting(
        False, "Learn from bodies with random regimes instead of the nominal one (domain randomisation)."
    )
    authority: bool = setting(True, "Tell the planner the range of actions that can still be attained.")

    @property
    def identifies(self) -> bool:
        """Whether the refiner looks for regimes, and so needs an identifier and a calibration."""
        return self.kind in ("flow", "inverse", "box", "replan")


@dataclass
class MissionConfig:
    """Which missions a run flies after it has learned the nominal body."""

    waypoints: str | None = setting(
        None, "Map that ships, or path of a CSV file with x,y[,z]; ``None``: the sequence's own."
    )
    inject: float = setting(0.15, "Share of the waypoints above which the fault is on.", SHARE)
    remove: float = setting(0.8, "Share of the waypoints above which it is off again.", SHARE)
    seeds: int = setting(1, "Missions per fault.", Range(0, most=1e6))
    steps: int | None = setting(
        None, "Most steps of a mission; ``None``: as the sequence's environment has it.", COUNT, unit="control steps"
    )
    patience: float = setting(
        120.0,
        (
            "Time (s) without a way towards the goal, off nominal, after which a mission is given up: the safe "
            "action from then on."
        ),
        CEILING,
        unit="s",
    )
    departure: float = setting(
        20.0,
        (
            "Time (s) for which the distance to the goal may grow, whatever is believed of the body. After it the "
            "mission is given up, too, and a robot with this agent stops (:mod:`crl.safety.departure`)."
        ),
        CEILING,
        unit="s",
    )


@dataclass
class FlowConfig:
    """Everything that can be set about action flow matching. Lengths of windows are in control steps."""

    structure: str = setting(
        "gains",
        "Known channel structure: ``gains``, ``gains_bias``, ``matrix`` or ``affine``.",
        choices=("gains", "gains_bias", "matrix", "affine"),
    )
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
    relative_error: float = setting(
        0.05,
        "Deviation of the model's error off nominal, as a share of the regime's effect (the structured identifier).",
        NOT_NEGATIVE,
    )
    relative_error_learned: float = setting(0.2, "The same for the learned identifier.", NOT_NEGATIVE)
    prior_gain: float = setting(2.0, "Deviation of a gain from its nominal value that is expected a priori.", POSITIVE)
    prior_coupling: float = setting(
        0.5,
        "The same for what one channel does to another (in half ranges per half range).",
        POSITIVE,
        unit="half ranges per half range",
    )
    prior_bias: float = setting(0.3, "The same for a bias, in half ranges.", POSITIVE, unit="half ranges")
    price_coupling: float = setting(
        6.0,
        (
            "What a coupling has to be worth to be believed in, in units of half the logarithm of the data's "
            "number; a gain has to be worth 2. Cheap couplings find turned axes sooner, and explain by them what "
            "is none (late commands)."
        ),
        POSITIVE,
    )
    measured: list[str] = setting(
        [],
        (
            "For every element of the action the field of the observation that measures what it asks for (the "
            "body rate of a rate command), or an empty name; slow responses are then told from gains and biases. "
            "Empty: none is."
        ),
    )
    prior_response: float = setting(
        0.5,
        "The same for a slow response, as a share of what is missing between a command and its measurement.",
        POSITIVE,
    )

    gain_low: float = setting(0.04, "Smallest magnitude of simulated gains (log-uniform, sign drawn).", POSITIVE)
    gain_high: float = setting(4.0, "Greatest magnitude of simulated gains.", POSITIVE)
    bias: float = setting(0.4, "Greatest simulated bias, in half ranges.", NOT_NEGATIVE, unit="half ranges")

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

    context: int = setting(16, "Size C of a learned context.", WIDTH)
    encoder_hidden: list[int] = setting(
        [96, 96], "Hidden layers of the set encoder's two parts and of its decoder.", WIDTH
    )
    encoder_updates: int = setting(4000, "Gradient steps of the learned identifier.", COUNT)
    encoder_batch: int = setting(128, "Regimes per gradient step of the learned identifier.", BATCH)

    solver: str = setting(
        "midpoint",
        "``midpoint``, ``euler`` or ``rk4`` on a fixed grid, or ``dopri5`` (adaptive).",
        choices=("midpoint", "euler", "rk4", "dopri5"),
    )
    solver_steps: int = setting(4, "Steps of the fixed grid.", Range(1, most=1e6))
    solver_tolerance: float = setting(1e-4, "Relative and absolute tolerance of an adaptive solver.", POSITIVE)
    care: bool = setting(
        False,
        (
            "Plan in half the range of every element while nothing explains what the body does, as long as there "
            "is trust that something will: for a body that a hard turn can roll over. What is ``measured`` is "
            "planned so anyway."
        ),
    )
    max_correction: float = setting(
        2.0,
        "Greatest change of an action by the refiner per element, in half ranges (times ``box_scale``).",
        Range(0, most=1e30),
        unit="half ranges",
    )
    min_confidence: float = setting(0.05, "Confidence from which a regime is acted upon.", SHARE)
