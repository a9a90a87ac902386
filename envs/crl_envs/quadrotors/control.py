"""The quadrotor's inner loops: body rates at 500 Hz, attitude, and velocity at 100 Hz.

The structure is that of PX4: velocity PID -> acceleration -> thrust vector within a tilt limit -> attitude P on the
reduced attitude (the direction of thrust first, yaw apart) -> body-rate PI -> mixer that gives up yaw before thrust and
thrust before roll and pitch. All is plain arithmetic on Python numbers: on three elements numpy is slower.
"""

from __future__ import annotations

import math
from typing import Any

from crl_envs.quadrotors.model import GRAVITY, INERTIA, MASS, MOTOR_THRUST, OFFSET, PLACES, SPINS, TIME_STEP, YAW_ARM

RATE_P = (16.0, 16.0, 8.0)
"""1/s: angular acceleration per error of rate; the motors' lag of 30 ms leaves 60 degrees of phase."""
RATE_I = (20.0, 20.0, 5.0)
"""1/s2."""
RATE_I_LIMIT = (50.0, 50.0, 8.0)
"""rad/s2: a rotor at half its thrust takes 12 at hover."""
ATTITUDE_P = 6.5
"""1/s."""
YAW_P = 2.8
"""1/s."""
RATE_LIMIT = (3.8, 3.8, 3.5)
"""Rates that the attitude loop may ask for (rad/s)."""
VELOCITY_EVERY = 5
"""Rate-loop steps per step of the velocity loop."""
VELOCITY_P = (1.8, 1.8, 4.0)
"""1/s."""
VELOCITY_I = (0.4, 0.4, 2.0)
"""1/s2."""
VELOCITY_D = (0.2, 0.2, 0.0)
"""1: acceleration asked for per acceleration seen."""
VELOCITY_I_LIMIT = (4.0, 4.0, 8.0)
"""m/s2."""
D_FILTER = 0.3
"""Share of the newest value in the filtered acceleration (5 Hz)."""
TILT_LIMIT = math.radians(45)
THRUST_RANGE = (0.1, 2.0)
"""What the velocity loop may ask for, in weights of the nominal body."""

_PERIOD = TIME_STEP * VELOCITY_EVERY
_WEIGHT = MASS * GRAVITY
_SLOPE = math.tan(TILT_LIMIT)
_ROLL = [y / (4 * OFFSET**2) for _, y in PLACES]
_PITCH = [-x / (4 * OFFSET**2) for x, _ in PLACES]
_YAW = [spin / (4 * YAW_ARM) for spin in SPINS]


def mix(thrust: float, roll: float, pitch: float, yaw: float) -> list[float]:
    """Thrusts of the four motors (N) for a collective thrust (N) and torques (N m), within what motors can do.

    Roll and pitch come first (scaled down together if they don't fit), then the collective thrust, then yaw.
    """
    parts = [roll * a + pitch * b for a, b in zip(_ROLL, _PITCH, strict=True)]
    low, high = min(parts), max(parts)
    if high - low > MOTOR_THRUST:
        scale = MOTOR_THRUST / (high - low)
        parts = [part * scale for part in parts]
        low, high = low * scale, high * scale
    base = min(max(thrust / 4, -low), MOTOR_THRUST - high)
    forces = [base + part for part in parts]
    turn = [yaw * share for share in _YAW]
    fit = 1.0
    for force, part in zip(forces, turn, strict=True):
        room = MOTOR_THRUST - force if part > 0 else force
        if abs(part) > room:
            fit = min(fit, max(room, 0.0) / abs(part))
    # Rounding may leave 1e-16 N outside.
    return [min(max(force + fit * part, 0.0), MOTOR_THRUST) for force, part in zip(forces, turn, strict=True)]


class RateLoop:
    """Body-rate PI at 500 Hz."""

    def __init__(self) -> None:
        self.integral = [0.0, 0.0, 0.0]

    def step(self, thrust: float, wanted: Any, rates: Any) -> list[float]:
        """Motor thrusts (N) for a collective thrust (N) and rates wanted and measured (rad/s)."""
        torques = []
        for i in range(3):
            error = wanted[i] - rates[i]
            limit = RATE_I_LIMIT[i]
            self.integral[i] = min(max(self.integral[i] + RATE_I[i] * TIME_STEP * error, -limit), limit)
            torques.append(INERTIA[i] * (RATE_P[i] * error + self.integral[i]))
        return mix(thrust, *torques)


class VelocityLoop:
    """Velocity PID at 100 Hz and attitude P at 500 Hz: asks for a collective thrust and body rates.

    Velocities are in axes of the heading: x ahead and level, y to the left, z up.
    """

    def __init__(self, yaw: float = 0.0) -> None:
        self.tick = 0
        self.yaw = yaw
        self.integral = [0.0, 0.0, 0.0]
        self.last = [0.0, 0.0, 0.0]
        self.slope = [0.0, 0.0, 0.0]
        self.force = [0.0, 0.0, GRAVITY]  # thrust wanted, in axes of the heading wanted (m/s2)

    def step(self, wanted: Any, yaw_rate: float, velocity: Any, up: Any, yaw: float) -> tuple[float, list[float]]:
        """Collective thrust (N) and body rates (rad/s).

        Args:
            wanted: Velocity set-point (m/s), [3].
            yaw_rate: Set-point (rad/s).
            velocity: Measured (m/s), [3].
            up: The vertical in axes of the body, unit vector [3].
            yaw: Measured (rad).
        """
        if self.tick % VELOCITY_EVERY == 0:
            self._velocity(wanted, velocity)
        self.tick += 1
        self.yaw = math.remainder(self.yaw + yaw_rate * TIME_STEP, math.tau)
        return self._attitude(yaw_rate, up, yaw)

    def _velocity(self, wanted: Any, velocity: Any) -> None:
        asked = []
        errors = []
        for i in range(3):
            if self.tick == 0:
                self.last[i] = velocity[i]
            self.slope[i] += D_FILTER * ((velocity[i] - self.last[i]) / _PERIOD - self.slope[i])
            self.last[i] = velocity[i]
            errors.append(wanted[i] - velocity[i])
            asked.append(VELOCITY_P[i] * errors[i] + self.integral[i] - VELOCITY_D[i] * self.slope[i])
        # Height first: the thrust's vertical part within its range, then as much to the side as the tilt allows.
        vertical = min(max(asked[2] + GRAVITY, THRUST_RANGE[0] * GRAVITY), THRUST_RANGE[1] * GRAVITY)
        most = min(vertical * _SLOPE, math.sqrt(max((THRUST_RANGE[1] * GRAVITY) ** 2 - vertical**2, 0.0)))
        side = math.hypot(asked[0], asked[1])
        scale = min(1.0, most / side) if side > 0 else 1.0
        self.force = [asked[0] * scale, asked[1] * scale, vertical]
        held = (scale < 1, scale < 1, vertical != asked[2] + GRAVITY)
        for i in range(3):
            # An integral that would push further against a limit stays (anti-windup).
            if not (held[i] and errors[i] * asked[i] > 0):
                limit = VELOCITY_I_LIMIT[i]
                self.integral[i] = min(max(self.integral[i] + VELOCITY_I[i] * _PERIOD * errors[i], -limit), limit)

    def _attitude(self, yaw_rate: float, up: Any, yaw: float) -> tuple[float, list[float]]:
        x, y, z = self.force
        size = math.sqrt(x * x + y * y + z * z)
        ux, uy, uz = up
        # The heading in axes of the body: body x without its vertical part.
        flat = math.sqrt(max(1 - ux * ux, 1e-12))
        ax, ay, az = flat, -ux * uy / flat, -ux * uz / flat
        # left = up x ahead
        lx, ly, lz = uy * az - uz * ay, uz * ax - ux * az, ux * ay - uy * ax
        # Thrust direction wanted, from axes of the heading to those of the body.
        dx, dy, dz = ((x * a + y * b + z * c) / size for a, b, c in ((ax, lx, ux), (ay, ly, uy), (az, lz, uz)))
        # Reduced attitude error: the shortest turn that takes body z to the wanted direction, axis z x d = (-dy, dx).
        sine = math.hypot(dx, dy)
        turn = math.atan2(sine, dz)
        factor = ATTITUDE_P * (turn / sine if sine > 1e-9 else 1.0)
        about_up = yaw_rate + YAW_P * math.remainder(self.yaw - yaw, math.tau)
        rates = [-dy * factor + about_up * ux, dx * factor + about_up * uy, about_up * uz]
        rates = [min(max(rate, -limit), limit) for rate, limit in zip(rates, RATE_LIMIT, strict=True)]
        # Full thrust along the wanted direction only: less while the body still points elsewhere.
        return MASS * size * max(dz, 0.3), rates

    def get_state(self) -> list[float]:
        """Everything that decides what the loop does next."""
        return [float(self.tick), self.yaw, *self.integral, *self.last, *self.slope, *self.force]

    def set_state(self, state: Any) -> None:
        """Restore what :meth:`get_state` returned."""
        values = [float(value) for value in state]
        self.tick, self.yaw = int(values[0]), values[1]
        self.integral, self.last, self.slope, self.force = (values[i : i + 3] for i in (2, 5, 8, 11))
