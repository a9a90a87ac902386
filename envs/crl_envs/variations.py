"""Varies the body of a MuJoCo environment of anyone, by path: ``body.pole.mass``, ``actuator.slide.gear``."""

from __future__ import annotations

from typing import Any

import gymnasium
import mujoco
import numpy as np

VARIED = {
    "body": ("mass",),
    "joint": ("damping", "armature", "frictionloss", "stiffness"),
    "geom": ("friction",),
    "actuator": ("gear",),
    "option": ("gravity", "wind", "density", "viscosity"),
}
"""What can be varied of every kind of part: quantities that the compiled model holds by themselves."""


def vary(env: gymnasium.Env[Any, Any], path: str, value: float | list[float]) -> None:
    """Change a quantity of the compiled model in place, and what MuJoCo derives from it.

    Args:
        env: An environment that keeps its compiled model as ``model``, as Gymnasium's do.
        path: ``KIND.NAME.QUANTITY``, or ``option.QUANTITY``; the names are those of the MJCF file.
        value: A number, or one number per element. A number alone sets the first element of several (the sliding
            friction, the gear of the first axis), and of ``gravity`` the vertical one. A body's inertia follows its
            mass.

    Raises:
        ValueError: There is no such part, or the quantity can't be varied; the message lists what can.
    """
    model = env.get_wrapper_attr("model") if env.has_wrapper_attr("model") else None
    if not isinstance(model, mujoco.MjModel):
        raise ValueError(f"{path} can't be varied: {env.unwrapped} keeps no MuJoCo model")
    kind, _, rest = path.partition(".")
    name, _, quantity = rest.rpartition(".")
    if quantity not in VARIED.get(kind, ()):
        listed = ", ".join(f"{part}{'' if part == 'option' else '.NAME'}.{'|'.join(of)}" for part, of in VARIED.items())
        raise ValueError(f"{path} can't be varied; what can: {listed}")
    if kind == "option":
        _set_option(model, quantity, value)
    else:
        try:
            part = getattr(model, kind)(name)
        except KeyError as error:
            raise ValueError(f"{path}: the model has no {kind} {name!r}: {str(error).strip(chr(34))}") from error
        if quantity == "mass":
            part.inertia[:] *= float(np.asarray(value).reshape(-1)[0]) / part.mass[0]
        _assign(getattr(part, quantity), value, 0)
    mujoco.mj_setConst(model, env.get_wrapper_attr("data"))


def _set_option(model: Any, quantity: str, value: Any) -> None:
    if quantity in ("gravity", "wind"):
        _assign(getattr(model.opt, quantity), value, 2 if quantity == "gravity" else 0)
    else:
        setattr(model.opt, quantity, float(value))


def _assign(array: Any, value: Any, at: int) -> None:
    values = np.asarray(value, dtype=float).reshape(-1)
    if len(values) not in (1, array.size):
        raise ValueError(f"{len(values)} numbers for a quantity of {array.size}: give one, or {array.size}")
    if len(values) == 1:
        array.reshape(-1)[at] = values[0]
    else:
        array.reshape(-1)[:] = values
