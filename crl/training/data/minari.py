"""Minari datasets (https://minari.farama.org) as transitions to learn from; needs the extra ``minari``.

A Minari dataset knows no names and no units. So it is taken only if it was made in the very environment that learns
from it: then its fields, units, ranges and rate are those of the task.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from crl.errors import CrlError
from crl.training.data.episode import AGAIN, as_data, described
from crl.training.data.told import refuse_robot

PREFIX = "minari:"
ABOUT = "crl"
"""Key of a dataset's metadata with what ``crl export`` says of it, as JSON."""


class MinariData:
    """Reads ``minari:NAME``, NAME being that of a dataset on this computer."""

    @staticmethod
    def fits(source: str) -> bool:
        """Whether a source is a Minari dataset."""
        return source.startswith(PREFIX)

    @staticmethod
    def read(
        source: str,
        env: str,
        options: Mapping[str, Any],
        robot: str | None = None,
        odom: str = "odom",
        cmd_vel: str | None = None,
    ) -> dict[str, Any]:
        """Transitions of a dataset; see :meth:`crl_robots.recordings.demonstrations.BagData.read`.

        Raises:
            CrlError: Minari or the dataset is missing or damaged, it was made in another environment, or what it holds
                is not an array of numbers per episode.
        """
        del odom
        refuse_robot("a Minari dataset", robot, cmd_vel)
        name = source.removeprefix(PREFIX)
        dataset = _load(name)
        about = dataset.storage.metadata.get(ABOUT)
        told = None if about is None else described(source, str(about))
        # An environment without a name can't be stored; what was exported says enough without it.
        if told is None or dataset.env_spec is not None:
            _check_environment(source, dataset.env_spec, env, options)
        if told is not None:
            return as_data(source, told, [_columns(source, each) for each in _episodes(name, dataset)])
        segments, messages = [], 0
        for episode in _episodes(name, dataset):
            seen = _numbers(source, "observations", episode.observations)
            done = _numbers(source, "actions", episode.actions)
            messages += len(seen)
            segments.append((seen, done))
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


def _episodes(name: str, dataset: Any) -> Iterator[Any]:
    """The episodes of a dataset."""
    episodes = iter(dataset.iterate_episodes())
    while True:
        try:
            episode = next(episodes, None)
        except Exception as error:  # as above
            raise CrlError(
                f"the Minari dataset {name!r} is damaged: {error}", f"download it again: minari download {name}"
            ) from error
        if episode is None:
            return
        yield episode


def _columns(source: str, episode: Any) -> dict[str, Any]:
    """An episode as :meth:`crl.training.data.episode.Episode.columns` gives it; row 0 of its infos is of the reset."""
    try:
        infos = {name: _numbers(source, name, episode.infos[name])[1:] for name in ("planned", "refined")}
        ended = bool(episode.terminations[-1])
    except (KeyError, TypeError, IndexError) as error:
        raise CrlError(f"{source} lacks what was exported with it: {error!r}", AGAIN) from error
    return {
        "observations": _numbers(source, "observations", episode.observations),
        "sent": _numbers(source, "actions", episode.actions),
        "rewards": np.asarray(episode.rewards, np.float64),
        "terminated": ended,
        **infos,
    }


def _numbers(source: str, what: str, values: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """What an episode holds as an array with a row a step."""
    kind = None
    if isinstance(values, Mapping):
        kind = f"a dictionary ({', '.join(map(str, values))})"
    elif isinstance(values, tuple):
        kind = f"a tuple of {len(values)} parts"
    else:
        try:
            array = np.asarray(values)
        except ValueError:  # numpy makes no array of rows of several lengths
            array = np.empty(0, dtype=object)
            kind = "of several lengths"
        if kind is None and array.dtype.kind not in "biuf":
            kind = {"U": "text", "S": "text", "O": "objects"}.get(array.dtype.kind, f"of the type {array.dtype}")
        elif kind is None and not array.ndim:
            kind = "a single number"
    if kind is not None:
        raise CrlError(
            f"the {what} of {source} are {kind}, not rows of numbers",
            "record it in an environment whose observations and actions are flat arrays",
        )
    return array.astype(np.float32)


def _check_environment(source: str, spec: Any, env: str, options: Mapping[str, Any]) -> None:
    if spec is None:
        raise CrlError(
            f"{source} does not say in which environment it was made",
            "record it with an environment that is registered by name (entry_point='module:Class'): Minari can't store "
            "a class itself",
        )
    made = spec.id, _stored({key: value for key, value in spec.kwargs.items() if key != "render_mode"})
    # A module may be named before the id.
    if made != (env.rpartition(":")[2], _stored(options)):
        raise CrlError(
            f"{source} was made in {made[0]} with {made[1]}, the task is {env} with {_stored(options)}",
            "a dataset knows no units: learn from it in the environment that it was made in",
        )


def _stored(options: Mapping[str, Any]) -> Any:
    """Options as a dataset stores them: as JSON, in which a tuple is a list."""
    return json.loads(json.dumps(dict(options), default=_plain))


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else repr(value)
