"""A life: an arm lives in an environment whose body changes unannounced, and what it knew and did is counted."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import Any

import gymnasium
import numpy as np

from crl.safety.command_filter import CommandFilter
from crl.training.lives.arms import Arm, median, timed
from crl.types import TaskSpec, Transition

RIGHT = 0.1
"""An expectation is right if it errs by at most this share of the greatest nominal change (root mean square)."""
SETTLED = 3
"""Steps in a row with a right expectation from which a regime counts as in force."""


def live(arm: Arm, env: gymnasium.Env[Any, Any], task: TaskSpec, steps: int, seed: int) -> dict[str, Any]:
    """Live so many steps; returns the record.

    ``waypoints`` per 1,000 steps; ``cross_track`` (mean, m); ``right``: share of steps in which the change expected of
    the executed command was right, before it was seen; ``reward`` per step; ``returns``: for visits of a regime met
    before, steps until the expectation is right three times in a row (median, 90 %), ``returned``: share of them that
    get there; ``false_alarms``: changes of belief in visits longer known than 15 steps, that left a right expectation;
    ``crashes``; ``ms``: median CPU time of decisions, and of seeing and learning; per regime ``by_regime``.
    """
    described: Any = env.unwrapped
    wall = CommandFilter(task.action, task.safe_action)
    observation, info = env.reset(seed=seed)
    arm.begin(task)
    full = task.control_period * np.array([task.action.high[0], task.action.high[0], task.action.high[1]])
    rows: dict[int, list[tuple[float, bool, float]]] = defaultdict(list)
    visits: list[list[bool]] = []
    met: list[bool] = []
    seen: set[int] = set()
    timeline: list[tuple[int, int, int | None, str]] = []
    visit, first, false_alarms = -1, True, 0
    before: int | None = None
    for step in range(steps):
        if arm.is_told:
            arm.tell(described.effect)
        action = timed(arm, "decide", partial(arm.act, observation))
        executed = wall(action).action
        expected = arm.predict(observation, executed)
        after, reward, terminated, truncated, info = env.step(executed)
        done = info["effect"] * task.control_period
        error = (expected.numpy() - np.array([done[0], 0.0, done[1]])) / full
        right = bool(np.sqrt(np.square(error).mean()) <= RIGHT)
        regime = int(info["regime"])
        if not visits or regime != timeline[-1][1]:
            visit += 1
            visits.append([])
            met.append(regime in seen)
            seen.add(regime)
        visits[-1].append(right)
        rows[regime].append((float(reward), right, float(info["cross_track"])))
        ended = bool(terminated or truncated)
        transition = Transition(
            task.index, observation, action, action, executed, float(reward), after, first, ended, bool(terminated)
        )
        timed(arm, "learn", partial(arm.observe, transition))
        now = arm.known()
        if now[0] != before and len(visits[-1]) > 15 and all(visits[-1][-4:-1]):
            false_alarms += 1
        before = now[0]
        timeline.append((step, regime, *now))
        observation, first = after, ended
        if ended:
            observation, _ = env.reset()
    delays = [_delay(right) for right, again in zip(visits, met, strict=True) if again and len(right) > SETTLED]
    found = [delay for delay in delays if delay is not None]
    every = [row for part in rows.values() for row in part]
    return {
        "steps": steps,
        "seed": seed,
        "waypoints": 1000 * int(info["reached"]) / steps,
        "cross_track": float(np.mean([beside for _, _, beside in every])),
        "right": float(np.mean([right for _, right, _ in every])),
        "reward": float(np.mean([reward for reward, _, _ in every])),
        "visits": visit + 1,
        "returns": {"median": median(found), "p90": float(np.percentile(found, 90)) if found else 0.0},
        "returned": len(found) / max(1, len(delays)),
        "false_alarms": false_alarms,
        "crashes": int(info["crashes"]),
        "ms": {phase: median(values) for phase, values in arm.milliseconds.items()},
        "by_regime": {
            described.regimes[regime].name: {
                "steps": len(part),
                "reward": float(np.mean([reward for reward, _, _ in part])),
                "right": float(np.mean([right for _, right, _ in part])),
            }
            for regime, part in sorted(rows.items())
        },
        **arm.summary(),
        "timeline": timeline,
    }


def _delay(right: list[bool]) -> float | None:
    """Steps of a visit until the expectation is right three times in a row; ``None``: it never is."""
    for step in range(len(right) - SETTLED + 1):
        if all(right[step : step + SETTLED]):
            return float(step)
    return None
