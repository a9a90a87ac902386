"""Suites of faults: what changes on a mission, in classes by what can be expected of a robot that corrects.

``published``: the gain pairs of the published protocol. ``A``: correctable; without a correction the mission fails.
``B``: degraded; a correction gets some of the loss back. ``C``: nothing that a correction should touch. ``D``: beyond
what the robot can do; it must stay inside its limits, and say so.
"""

from __future__ import annotations

from typing import Any

from crl_envs.missions.gains import PUBLISHED_GAINS
from crl_envs.missions.naming import fault_name

Suite = tuple[dict[str, Any], ...]
_SLOW = ((2.5, 0.05), (0.1, -1.5))
_FAST = (2.0, 2.0)


def _suite(**classes: list[dict[str, Any]]) -> Suite:
    return tuple(
        {"name": fault_name(fault), "class": name, "fault": fault}
        for name, faults in classes.items()
        for fault in faults
    )


UNICYCLE: Suite = _suite(published=[{}, *({"gain": list(pair)} for pair in PUBLISHED_GAINS)])

_DEFECTS: tuple[dict[str, Any], ...] = (
    {"dead_zone": 0.3},
    {"power": 2},
    {"lag": 0.6},
    {"slip": 0.3},
    {"noise": 0.005},
    {"heading_bias": 0.2},
)
UNICYCLE_NONLINEAR: Suite = _suite(
    A=[
        {"switch": [[-1, 2], [1, -1], [-0.5, 0.5], [-1, -1]], "switch_time": 8},
        {"drift_to": [-1, 1], "drift_time": 60},
        {"drift_to": [1, -1], "drift_time": 60},
        *({"gain": list(sign), **defect} for sign in ((-1, 1), (1, -1)) for defect in _DEFECTS),
    ],
    C=[{}],
)
"""Faults that are no gain: gains that change on the way, and a turned sign with one more defect each."""

HUSKY_NONLINEAR: Suite = _suite(
    A=[{"gain": sign, **defect} for sign in ([-1, 1], [1, -1]) for defect in ({"dead_zone": 0.3}, {"power": 2})],
    B=[{"sides": [-1, 0.6]}, {"sides": [0.6, -1]}],
    C=[{}],
)
"""A turned sign with a dead zone or a power law, and sides that differ in sign and size."""

HUSKY: Suite = _suite(
    A=[
        *({"gain": list(pair)} for pair in PUBLISHED_GAINS if pair not in (*_SLOW, _FAST)),
        {"sides": [-1, 1]},
        {"sides": [1, -1]},
    ],
    B=[{"sides": [0.3, 1]}, {"sides": [0.6, 1]}, {"sides": [1, 0.6]}, {"sides": [0.4, 0.4]}],
    C=[{}, {"friction": 0.4}, {"latency": 0.1}, {"rear_load": 20}, {"payload": 30}, {"gain": list(_FAST)}],
    D=[*({"gain": list(pair)} for pair in _SLOW), {"dead_side": "left"}],
)

RATES: Suite = _suite(
    A=[
        {"rate_gain": [-1, 1, 1]},
        {"rate_gain": [-1, -1, 1]},
        {"axes": 90},
        {"rate_gain": [-0.5, 2, 1]},
        {"rate_gain": [2, -0.5, -1]},
        {"payload": 0.6},
        {"thrust": 0.6},
        {"payload": 0.4, "rate_gain": [-1, 1, 1]},
        {"payload": 0.4, "wind": [4, 0, 0]},
    ],
    B=[
        {"payload": 0.2},
        {"payload": 0.4},
        {"thrust": 0.7},
        {"thrust": 1.6},
        {"rate_gain": [0.15, 0.15, 0.15]},
        {"rate_gain": [0.4, 0.4, 0.4]},
        {"rate_bias": [0.5, 0.3, 0]},
        {"rotors": [0.6, 1, 1, 1]},
    ],
    C=[
        {},
        {"latency": 0.06},
        {"rate_gain": [1, 1, -1]},
        {"rate_gain": [2.5, 2.5, 2.5]},
        {"rotors": [0.75, 1, 1, 1]},
        {"gusts": 4},
    ],
    D=[{"wind": [6, 0, 0]}, {"wind": [9, 0, 0]}, {"rotors": [0.45, 1, 1, 1]}],
)

VELOCITY: Suite = _suite(
    A=[
        {"velocity_gain": [-1, 1, 1]},
        {"velocity_gain": [-1, -1, 1]},
        {"velocity_gain": [1, 1, -1]},
        {"velocity_gain": [-2.5, 1, 1]},
        {"velocity_gain": [-0.5, 2, -1]},
        {"frame": 120},
    ],
    B=[{"frame": 45}, {"velocity_gain": [0.4, 0.4, 0.4]}, {"velocity_bias": [0.8, 0.5, 0]}],
    C=[{}, {"payload": 0.4}, {"wind": [6, 0, 0]}, {"gusts": 4}, {"rotors": [0.75, 1, 1, 1]}, {"latency": 0.06}],
    D=[{"velocity_gain": [0.1, 1, 1]}, {"dead": ["vy"]}],
)

VELOCITY_NONLINEAR: Suite = _suite(
    A=[
        {"velocity_gain": gain, **defect}
        for gain in ([-1, 1, 1], [-1, -1, 1])
        for defect in ({"dead_zone": 0.2}, {"power": 1.5}, {"frame": 30})
    ],
    C=[{}],
)
"""A turned sign with a dead zone, a power law or a turned frame (which couples vx and vy)."""

RATES_NONLINEAR: Suite = _suite(
    A=[
        {"rate_gain": gain, **defect}
        for gain in ([-1, 1, 1], [-1, -1, 1])
        for defect in ({"dead_zone": 0.05}, {"power": 1.3}, {"axes": 30}, {"payload": 0.4})
    ],
    C=[{}],
)
"""A turned rate with a dead zone, a power law, turned axes (which couple roll and pitch) or a load."""
