"""Episodes as a Minari dataset (https://minari.farama.org).

Its actions are those that were sent. What was planned and refined is in the ``infos`` of each step, with a row of NaN
at first, because an episode's infos begin with those of ``reset``. Units, ranges and seeds are in the dataset's
metadata.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.spaces import Box

from crl.exporting.extra import ExportError
from crl.training.data.episode import Episode, describe
from crl.training.data.extra import library
from crl.training.data.minari import ABOUT
from crl.training.files.disk_errors import disk_error
from crl.types import Array, as_array


def needed() -> Any:
    """The library that writes the format.

    Raises:
        CrlError: It is missing.
    """
    return library("minari", "minari", "minari")


def write(episodes: Sequence[Episode], name: str, env: EnvSpec | None, description: str) -> None:
    """Write a dataset to Minari's folder (``MINARI_DATASETS_PATH``).

    Args:
        episodes: Episodes of one task.
        name: Name of the dataset, such as ``mine/slides-v0``.
        env: The environment; ``crl train data=minari:NAME`` takes a dataset only of its own. ``None``: it has no name.
        description: What the data are.

    Raises:
        ExportError: Minari is missing, refuses the name, or has such a dataset.
    """
    minari = needed()
    collector = library("minari.data_collector", "minari", "minari")
    storage = library("minari.storage.datasets_root_dir", "minari", "minari")
    task = episodes[0].task
    buffers = [collector.EpisodeBuffer(id=i, seed=each.seed, **_columns(each)) for i, each in enumerate(episodes)]
    fields = task.observation.size
    place = storage.get_dataset_path(name)
    there = place.exists()
    try:
        made = minari.create_dataset_from_buffers(
            name,
            buffers,
            env=env,
            observation_space=Box(-np.inf, np.inf, (fields,), np.float32),
            action_space=Box(as_array(task.action.low), as_array(task.action.high), dtype=np.float32),
            algorithm_name="crl",
            description=description,
        )
        made.storage.update_metadata({ABOUT: json.dumps(describe(task, episodes))})
    except BaseException as error:
        if not there:
            shutil.rmtree(place, ignore_errors=True)
        if disk_error(error) is not None or not isinstance(error, ValueError | OSError):
            raise
        raise ExportError(
            f"Minari does not take the dataset {name!r}: {error}",
            "give another name with --out, such as mine/slides-v0, or remove the old one: minari delete NAME",
        ) from error


def _columns(episode: Episode) -> Mapping[str, Any]:
    last = np.zeros(len(episode), bool)
    last[-1] = True
    return {
        "observations": episode.observations,
        "actions": episode.sent,
        "rewards": list(episode.rewards),
        "terminations": list(last & episode.terminated),
        "truncations": list(last & (not episode.terminated)),
        "infos": {"planned": _begun(episode.planned), "refined": _begun(episode.refined)},
    }


def _begun(rows: Array) -> Array:
    """Rows [T + 1, A] with one of NaN before them."""
    return np.concatenate([np.full_like(rows[:1], np.nan), rows])
