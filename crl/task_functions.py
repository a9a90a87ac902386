"""The functions of a task (reward, success, terminated), whose results are looked at before anyone computes with them.

They come from anyone's environment. A planner that gets ``None``, a text or one number for a thousand imagined states
fails deep inside, or not at all; here the message says which function of which environment gave what.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj, is_torch_array

from crl.errors import CrlError, raised

MEND = (
    "write it with operators, `...` indexing and array_api_compat.array_namespace, so that it takes numpy arrays and "
    "torch tensors with any number of leading dimensions; `crl check env=...` tries it"
)


class TaskFunctionFailed(CrlError, RuntimeError):
    """A function of a task raised, or gave what can't be computed with."""


@dataclass(frozen=True)
class TaskFunction:
    """A function of observations [..., S] (and actions) to numbers or truths [...].

    Attributes:
        name: ``reward``, ``success`` or ``terminated``.
        where: The environment, for messages.
        function: What is called.
    """

    name: str
    where: str
    function: Callable[..., Any]

    def __call__(self, *arrays: Any) -> Any:
        """The function's value.

        Raises:
            TaskFunctionFailed: It raised, or its value has another shape than the observations without their last
                dimension, or is no array of the observations' kind.
        """
        try:
            value = self.function(*arrays)
        except Exception as error:
            raise TaskFunctionFailed(f"{self._what(arrays)} raised {raised(error)}", MEND) from error
        shape = tuple(arrays[-1].shape[:-1])
        if isinstance(value, int | float | np.generic) and not shape:
            return value
        if not is_array_api_obj(value) or is_torch_array(value) != is_torch_array(arrays[-1]):
            text = f" {value!r:.60}" if value is None or isinstance(value, str | int | float) else ""
            kind = "" if value is None else f"{type(value).__module__}.{type(value).__name__}".removeprefix("builtins.")
            raise TaskFunctionFailed(f"{self._what(arrays)} gave {kind}{text}".replace("  ", " "), MEND)
        if tuple(value.shape) != shape:
            raise TaskFunctionFailed(
                f"{self._what(arrays)} has the shape {tuple(value.shape)}, not {shape}",
                MEND,
            )
        return value

    def _what(self, arrays: Any) -> str:
        kind = "torch tensors" if is_torch_array(arrays[-1]) else "numpy arrays"
        return f"{self.name}() of {self.where}, asked with {kind} of observations {tuple(arrays[-1].shape)},"
