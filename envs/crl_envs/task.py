"""The contract between an environment and an agent: a task described as plain data.

Every environment of this package publishes ``task``, a JSON-serialisable dictionary, so that a learner can be
built without importing this package. It is looked for along the chain of wrappers, from the outside. The keys:

``name``            task name, unique in its sequence
``control_period``  seconds between two actions
``episode_steps``   actions per episode (truncation)
``observation``     list of fields, in order (see :func:`observation_field`)
``action``          list of elements, in order (see :func:`action_field`)
``safe_action``     the action to take when no decision can be trusted
``exploration``     coloured-noise prior of the random episodes (see :func:`exploration_prior`)
``has_success``     whether success means anything here, true if left out; false: the return alone is the measure
``choice``          whether the elements of the action are things to choose from, of which the largest is chosen, false
                    if left out
``has_terminated``  whether a function says which observations end an episode, false if left out

Up to three functions complete it, written against the array-API standard, so that the environment calls them with
numpy arrays and a planner with torch tensors, over any leading batch shape:

``reward(observation, action, next_observation)``  of every step
``success(observation)``     whether the goal is met; not needed where ``has_success`` is false
``terminated(observation)``  whether the episode ends here for good, with a crash or at its goal; only where
                             ``has_terminated`` is true. A time limit is no such end. An end that the observation does
                             not show (a broken part, a robot on its back) stays out: plans don't see it then.

Two methods are optional, for whoever wants to continue an episode elsewhere; training never does.
``get_episode_state()`` gives everything that decides how the episode goes on, as arrays and plain values, and
``set_episode_state(state)`` restores it, to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

Kind = Literal["linear", "angle", "quaternion"]
Plain = dict[str, Any]


def observation_field(
    name: str,
    unit: str,
    *,
    kind: Kind = "linear",
    low: float = -math.inf,
    high: float = math.inf,
    scale_floor: float = 1e-6,
    event: float | None = None,
    role: str = "state",
) -> Plain:
    """Describe one field of an observation.

    Args:
        name: Field name, for tables and error messages.
        unit: SI unit, ``"1"`` when dimensionless.
        kind: ``linear`` (one element), ``angle`` (one element in rad, wraps at pi) or ``quaternion``
            (four elements w, x, y, z).
        low: Physical lower bound (predictions are clamped to it), ``-inf`` when there is none.
        high: Physical upper bound.
        scale_floor: Smallest deviation by which the field and its change are scaled, so that a field
            that has not moved yet does not get a huge weight.
        event: Change within one step from which a transition counts as an event that a learner should
            see more often (a handle that turns, a door that moves); ``None`` for fields that move always.
        role: What the field is to a body that moves over a map: ``position`` (x[, y[, z]] in axes of the map),
            ``heading`` (about the vertical), ``velocity`` (x, y[, z] in axes of the heading or the body), ``command``
            (the action before), ``goal`` (a point relative to the body, in axes of the map), ``fixed`` (nothing that
            the body moves), or other ``state``. A model of the body alone can be made from these.
    """
    return {
        "name": name,
        "unit": unit,
        "kind": kind,
        "low": low if math.isfinite(low) else None,
        "high": high if math.isfinite(high) else None,
        "scale_floor": scale_floor,
        "event": event,
        "role": role,
    }


def action_field(name: str, unit: str, *, low: float = -1.0, high: float = 1.0, scale: float = 1.0) -> Plain:
    """Describe one element of an action: its range, and ``scale``, its size in ``unit`` at 1.0."""
    return {"name": name, "unit": unit, "low": low, "high": high, "scale": scale}


def exploration_prior(
    *,
    beta: float,
    std: Sequence[float],
    phases: Sequence[Plain] = (),
) -> Plain:
    """Describe the random episodes: coloured noise, after optional scripted phases.

    Args:
        beta: Exponent of the noise's power spectrum, 1 / f**beta.
        std: Deviation of the noise, one per action element.
        phases: Ordered ``{"steps": [low, high], "mean": [A], "std": [A]}``: a phase lasts a number of
            steps drawn uniformly from ``low..high`` (inclusive) and plays ``mean`` + ``std`` x noise.
    """
    return {"beta": beta, "std": list(std), "phases": [dict(phase) for phase in phases]}


def field_size(field: Plain) -> int:
    """Number of observation elements that a field takes."""
    return 4 if field["kind"] == "quaternion" else 1


def observation_space(fields: Sequence[Plain]) -> Box[np.float32]:
    """Gymnasium space of a list of observation fields (float32, unbounded: bounds are soft in simulation)."""
    size = sum(field_size(field) for field in fields)
    return Box(-np.inf, np.inf, shape=(size,), dtype=np.float32)


def action_space(fields: Sequence[Plain]) -> Box[np.float32]:
    """Gymnasium space of a list of action elements (float32)."""
    low: NDArray[np.float32] = np.array([field["low"] for field in fields], dtype=np.float32)
    high: NDArray[np.float32] = np.array([field["high"] for field in fields], dtype=np.float32)
    return Box(low, high, dtype=np.float32)
