"""The state of MuJoCo's physics as plain numbers, and back to the bit."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

_STATE = mujoco.mjtState.mjSTATE_INTEGRATION


def saved(model: mujoco.MjModel, data: mujoco.MjData) -> NDArray[np.float64]:
    """All that decides how the physics goes on."""
    physics = np.empty(mujoco.mj_stateSize(model, _STATE))
    mujoco.mj_getState(model, data, physics, _STATE)
    return physics


def restore(model: mujoco.MjModel, data: mujoco.MjData, kept: Any) -> None:
    """Restore what :func:`saved` returned.

    Raises:
        ValueError: It belongs to another model.
    """
    physics = np.array(kept, dtype=np.float64)
    size = mujoco.mj_stateSize(model, _STATE)
    if physics.shape != (size,):
        raise ValueError(f"the state has {physics.size} numbers, this model's has {size}: it is another task's")
    mujoco.mj_resetData(model, data)
    mujoco.mj_setState(model, data, physics, _STATE)
    # Derived quantities follow from the state; computing them moves the solver's warm start, so it is set again.
    mujoco.mj_forward(model, data)
    mujoco.mj_setState(model, data, physics, _STATE)
