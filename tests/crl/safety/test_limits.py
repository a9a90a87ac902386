"""Settings that make no sense are refused, with the name of the entry."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from crl.safety.limits import SafetyError
from crl.safety.settings import Landing
from tests.crl.safety.robots import AIR, GROUND


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"low": (-1.0,)}, "different lengths"),
        ({"low": (1.0, -1.0)}, "low of speed is 1 and high is 1"),
        ({"high": (1.0, math.inf)}, "high of turn_rate is inf"),
        ({"acceleration": (0.0, 1.0)}, "acceleration of speed is 0"),
        ({"jerk": (1.0, math.nan)}, "jerk of turn_rate is nan"),
        ({"safe": (2.0, 0.0)}, r"the safe action of speed is 2, outside -0\.7\.\.1"),
    ],
)
def test_impossible_limits(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SafetyError, match=message):
        replace(GROUND.limits, **change)


@pytest.mark.parametrize(
    ("settings", "change", "message"),
    [
        (GROUND, {"limits": AIR.limits}, "the action of a body of kind 'ground' is vx"),
        (GROUND, {"body": "water"}, "there is no body 'water'"),
        (GROUND, {"period": 0.0}, r"the period is 0\.0"),
        (GROUND, {"decision_timeout": 0.01}, "at least one period"),
        (GROUND, {"tilt": math.nan}, "tilt limit"),
        (GROUND, {"landing": Landing(1.0, 0.5)}, "leave landing out"),
        (AIR, {"landing": Landing(1.0, 3.0)}, "landing speed is 3"),
        (AIR, {"landing": Landing(math.nan, 0.5)}, "landing begins"),
        (GROUND, {"limits": replace(GROUND.limits, low=(0.1, -1.0), safe=(0.1, 0.0))}, "speed cannot be 0"),
        (GROUND, {"limits": replace(GROUND.limits, low=(-0.7, 0.1), safe=(0.0, 0.1))}, "turn_rate cannot be 0"),
        (GROUND, {"limits": replace(GROUND.limits, safe=(0.5, 0.0))}, r"the safe action of speed is 0\.5 m/s"),
        (GROUND, {"limits": replace(GROUND.limits, safe=(0.0, 0.5))}, r"the safe action of turn_rate is 0\.5 rad/s"),
        (AIR, {"limits": replace(AIR.limits, safe=(0.0, 0.0, -0.1, 0.0))}, r"the safe action of vz is -0\.1 m/s"),
    ],
)
def test_impossible_settings(settings: Any, change: dict[str, Any], message: str) -> None:
    # Types are checked while the tests run: a wrong body is refused by that check already.
    with pytest.raises(Exception, match="water" if "body" in change else message):
        replace(settings, **change)
