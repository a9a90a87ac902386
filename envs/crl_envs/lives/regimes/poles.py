"""Regimes of a cart with a pole: length and mass of the pole, and the gain of the motor; and how such a body moves.

The pole is a uniform rod of length l and mass m on a cart of mass M, hinged at its end; the angle a is 0 upright and
grows as the pole leans towards +x. Lagrange's equations with the force F on the cart:

    (M + m) x'' + (m l / 2) (a'' cos a - a'^2 sin a) = F
    (m l / 2) x'' cos a + (m l^2 / 3) a'' = (m g l / 2) sin a
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from crl_envs.lives.regimes.apart import drawn_apart

GRAVITY = 9.81
"""m/s2."""
CART_MASS = 10.0
"""kg."""
FORCE = 300.0
"""Force of the nominal motor at full command (N)."""
LENGTHS, MASSES, GAINS = (0.4, 1.2), (2.0, 8.0), (0.5, 1.5)
"""Ranges of lengths (m), of masses (kg) and of sizes of gains."""
TURNED = 0.3
"""Probability that a drawn motor turns the other way round."""


@dataclass(frozen=True)
class PoleRegime:
    """One body.

    Attributes:
        name: Name, for evaluators.
        length: Length of the pole (m).
        mass: Its mass (kg).
        gain: Force of the motor as a share of the nominal one; negative: it turns the other way round.
    """

    name: str = "nominal"
    length: float = 0.6
    mass: float = 4.7
    gain: float = 1.0


NOMINAL = PoleRegime()


def draw_poles(count: int, rng: np.random.Generator) -> list[PoleRegime]:
    """Different regimes: the nominal one, and ``count`` - 1 with drawn length, mass and gain.

    Args:
        count: Number of regimes, at least 1.
        rng: Source.
    """

    def draw(number: int) -> PoleRegime:
        length, mass, gain = (_log_uniform(rng, *ends) for ends in (LENGTHS, MASSES, GAINS))
        gain = -gain if rng.random() < TURNED else gain
        name = f"{number}_length_{length:.2f}_mass_{mass:.1f}_gain_{gain:.2f}"
        return PoleRegime(name, length, mass, gain)

    return drawn_apart(NOMINAL, count, draw, _distance)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(math.exp(rng.uniform(math.log(low), math.log(high))))


def _distance(one: PoleRegime, other: PoleRegime) -> float:
    """Of the logarithms of length, of size of gain, and of a tenth of the mass; with turned signs it is infinite."""
    if one.gain * other.gain < 0:
        return math.inf
    return math.hypot(
        math.log(one.length / other.length),
        math.log(one.gain / other.gain),
        0.1 * math.log(one.mass / other.mass),
    )


def step_pole(state: Any, command: Any, regime: PoleRegime, period: float) -> Any:
    """States [..., 4] after a control period (s) of constant commands [...], by one step of RK4; any array library.

    Args:
        state: Position of the cart (m), angle (rad, not wrapped), and their velocities (m/s, rad/s).
        command: Commands of the motor, -1..1.
        regime: The body.
        period: Control period.
    """
    force = FORCE * regime.gain * command
    first = _derivative(state, force, regime)
    second = _derivative(state + 0.5 * period * first, force, regime)
    third = _derivative(state + 0.5 * period * second, force, regime)
    fourth = _derivative(state + period * third, force, regime)
    return state + period / 6 * (first + 2 * second + 2 * third + fourth)


def _derivative(state: Any, force: Any, regime: PoleRegime) -> Any:
    xp = array_namespace(state)
    angle, velocity, rate = state[..., 1], state[..., 2], state[..., 3]
    sine, cosine = xp.sin(angle), xp.cos(angle)
    mass, length = regime.mass, regime.length
    pull = force + 0.5 * mass * length * rate**2 * sine
    acceleration = (pull - 0.75 * mass * GRAVITY * sine * cosine) / (CART_MASS + mass - 0.75 * mass * cosine**2)
    turning = 1.5 / length * (GRAVITY * sine - acceleration * cosine)
    return xp.stack([velocity, rate, acceleration, turning], axis=-1)
