"""Settings of missions: the model of a moving body, regime identification, the flow, the refiner; with units."""

from __future__ import annotations

from dataclasses import dataclass

from crl.config.declared.components import FOLLOWING
from crl.config.ranges import CEILING, COUNT, FEW, NOT_NEGATIVE, POSITIVE, ROWS, SHARE, Range, setting


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
            "dynamics; ``context``: nothing does, and the planner's model reads the identified context. ``l1``, "
            "``indi``: classical adaptive control subtracts an estimated, filtered offset. "
            "``lifelong``: regimes are remembered, recalled and learned (``memory``). ``oracle``: told what the body "
            "makes of its commands, which no robot is."
        ),
        choices=("none", *FOLLOWING, "l1", "indi", "lifelong", "oracle"),
    )
    identifier: str = setting(
        "structured",
        (
            "``structured``; ``learned`` (a network around an affine trend); ``unstructured`` (networks alone, trained "
            "on bodies that are not linear); or ``published`` (one action and its error, as published)."
        ),
        choices=("structured", "learned", "unstructured", "published"),
    )
    clipped: bool = setting(
        True,
        "Keep to the action box, as a real robot must; false allows commands beyond it, to compare with the paper.",
    )
    online: bool = setting(True, "Learn the planner's model at every step of a mission.")
    randomised: bool = setting(
        False, "Learn from bodies with random regimes instead of the nominal one (domain randomisation)."
    )
    filter: float = setting(
        3.0, "Time constant of the low-pass filter of ``l1`` and ``indi``.", POSITIVE, unit="control steps"
    )
    limit: float = setting(
        1.0,
        "Largest refined command, as a share of what the command may be. Below 1 it keeps out of commands that do less "
        "the larger they are, as in a stall. For refiners that look for regimes; a probing command may be larger.",
        Range(0, 1, above=True),
    )
    authority: bool = setting(True, "Tell the planner the range of actions that can still be attained.")

    @property
    def identifies(self) -> bool:
        """Whether the refiner looks for regimes, and so needs an identifier and a calibration."""
        return self.kind in FOLLOWING

    @property
    def contextual(self) -> bool:
        """Whether the planner's model reads the identified context."""
        return self.kind == "context"


@dataclass
class MissionConfig:
    """Which missions a run flies after it has learned the nominal body."""

    waypoints: str | None = setting(
        None, "Map that ships, or path of a CSV file with x,y[,z] or of QGroundControl's; ``None``: the sequence's own."
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
