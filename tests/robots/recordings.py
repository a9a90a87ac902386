"""Bags of simulated drives for tests, written by the recorder as a robot's would be."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crl.noise import coloured_noise
from crl.safety.wall import SafetyWall
from crl_robots import Reading, load_spec
from crl_robots.drivers.sim import SimRobot
from crl_robots.recordings.recorder import Recorder, definitions
from crl_robots.recordings.ros_messages import ODOMETRY, TWIST_STAMPED
from tests.robots.test_bags import START, command, odometry


@dataclass
class Ride:
    """What happened: readings, and the command that was in force before each."""

    readings: list[Reading]
    commands: list[list[float]]


def ride(robot: str, steps: int, seed: int = 0, **options: Any) -> Ride:
    """Drive a simulated body at random through the safety wall, with four commands per control period."""
    spec = load_spec(robot)
    body = SimRobot(spec, lockstep=True, seed=seed, **options)
    body.connect()
    noise = coloured_noise(1.0, steps, spec.limits.size, np.random.default_rng(seed))
    wanted = np.clip(noise * 0.6, -1, 1) * np.array(spec.limits.high)
    wall = SafetyWall(spec.wall_settings(), clock=body.clock)
    made = Ride([], [])
    in_force = list(spec.limits.safe)
    for action in wanted:
        reading = body.read()
        assert reading is not None
        made.readings.append(reading)
        made.commands.append(in_force)
        assert wall.observe(reading.situation()) is None
        wall.propose(action)
        sent = wall.command()
        body.command(sent)
        in_force = sent.action.tolist()
    body.close()
    return made


def record(
    folder: Path,
    ride: Ride,
    *,
    frame: str = "odom",
    topics: tuple[str, str] = ("/ugv1/odom", "/ugv1/cmd_vel"),
    copies: tuple[str, ...] = (),
) -> Path:
    """Write a drive down: each command just after the reading that it answers, odometry on further topics, too."""
    recorder = Recorder(folder, "drive", definitions())
    for number, reading in enumerate(ride.readings):
        time = START + round(reading.source * 1e9)
        for topic in (topics[0], *copies):
            recorder.record(topic, ODOMETRY, odometry(reading, time, frame), time)
        if number + 1 < len(ride.readings):
            recorder.record(topics[1], TWIST_STAMPED, command(ride.commands[number + 1], time), time + 10**6)
    recorder.close()
    return folder
