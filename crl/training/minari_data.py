"""Minari datasets (https://minari.farama.org) as transitions to learn from; needs the extra ``minari``.

A Minari dataset knows no names and no units. So it is taken only if it was made in the very environment that learns
from it: then its fields, units, ranges and rate are those of the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from crl.errors import CrlError

PREFIX = "minari:"


class MinariData:
    """Reads ``minari:NAME``, NAME being that of a dataset on this computer."""

    @staticmethod
    def fits(source: str) -> bool:
        """Whether a source is a Minari dataset."""
        return source.startswith(PREFIX)

    @staticmethod
    def read(
        source: str, env: str, options: Mapping[str, Any], robot: str | None = None, odom: str = "odom"
    ) -> dict[str, Any]:
        """Transitions of a dataset; see :meth:`crl_robots.demonstrations.BagData.read`.

        Raises:
            CrlError: Minari or the dataset is missing, or it was made in another environment.
        """
        del odom
        if robot is not None:
            raise CrlError("data.robot describes the robot of a bag", "leave it out for a Minari dataset")
        name = source.removeprefix(PREFIX)
        dataset = _load(name)
        _check_environment(source, getattr(dataset, "env_spec", None), env, options)
        segments, messages = [], 0
        for episode in dataset.iterate_episodes():
            seen, done = np.asarray(episode.observations), np.asarray(episode.actions)
            messages += len(seen)
            segments.append((seen.astype(np.float32), done.astype(np.float32)))
        return {
            "observation": None,  # all three as in the environment
            "action": None,
            "period": None,
            "segments": segments,
            "messages": messages,
            "left_out": {},
        }


def _load(name: str) -> Any:
    try:
        import minari
    except ImportError as error:
        raise CrlError(
            "Minari datasets need the package minari", "install it: pip install 'crl[minari]'; bags need none of it"
        ) from error
    try:
        return minari.load_dataset(name)
    except Exception as error:  # its storages have several families of errors
        raise CrlError(
            f"the Minari dataset {name!r} can't be loaded: {error}", f"download it first: minari download {name}"
        ) from error


def _check_environment(source: str, spec: Any, env: str, options: Mapping[str, Any]) -> None:
    made = None if spec is None else (spec.id, {k: v for k, v in spec.kwargs.items() if k != "render_mode"})
    # A module may be named before the id.
    if made is None or made[0] != env.rpartition(":")[2] or made[1] != dict(options):
        was = "an environment that it does not name" if made is None else f"{made[0]} with {made[1]}"
        raise CrlError(
            f"{source} was made in {was}, the task is {env} with {dict(options)}",
            "a dataset knows no units: learn from it in the environment that it was made in",
        )
