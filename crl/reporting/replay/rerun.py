"""``crl replay --rerun``: an episode as a recording of Rerun (.rrd), to be looked at with its viewer."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crl.errors import CrlError
from crl.reporting.replay.drawing.fields import map_axes
from crl.reporting.replay.recorded_episode import Moment, RecordedEpisode
from crl.types import WIDTH, Array


def write_rerun(episodes: Sequence[RecordedEpisode], path: Path) -> Path:
    """Write episodes as one recording: pictures, fields, actions, model errors, plans and maps along ``step`` and time.

    Args:
        episodes: Episodes; each gets a branch of its own, named by its run.
        path: The .rrd to write.

    Raises:
        CrlError: The package ``rerun-sdk`` is not installed, or the file can't be written.
    """
    rerun = _rerun()
    beside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        recording = rerun.RecordingStream("crl", recording_id=f"{episodes[0].title} {episodes[0].spec.name}")
        recording.save(str(beside))
        for number, recorded in enumerate(episodes):
            _log(rerun, recording, recorded, _branch(recorded, number))
        recording.flush()
        recording.disconnect()
        beside.replace(path)
    except (OSError, RuntimeError) as error:
        raise CrlError(f"{path} can't be written: {error}", "name another file with --rerun") from error
    return path


def _rerun() -> Any:
    try:
        return importlib.import_module("rerun")
    except ImportError as error:
        raise CrlError(
            f"--rerun needs the package rerun-sdk, which is not installed ({error})", "pip install 'rerun-sdk>=0.24'"
        ) from error


def _branch(recorded: RecordedEpisode, number: int) -> str:
    name = "".join(c if c.isalnum() or c in "_-" else "_" for c in recorded.title.split()[0])
    return f"{number}_{name}" if number else name


def _log(rerun: Any, recording: Any, recorded: RecordedEpisode, branch: str) -> None:
    errors = recorded.errors()
    axes = map_axes(recorded)
    if axes is not None and recorded.waypoints is not None:
        points = _upright(recorded.waypoints[:, :2])
        recording.log(f"{branch}/map/waypoints", rerun.Points2D(points, radii=0.1), static=True)
        recording.log(f"{branch}/map/route", rerun.LineStrips2D([points]), static=True)
    for index, moment in enumerate(recorded.moments):
        recording.set_time("step", sequence=index)
        recording.set_time("time", duration=index * recorded.spec.control_period)
        if moment.jpeg is not None:
            image = rerun.EncodedImage(contents=moment.jpeg, media_type="image/jpeg")
            recording.log(f"{branch}/picture", image)
        for name, value in _numbers(recorded, moment, float(errors[index])):
            recording.log(f"{branch}/{name}", rerun.Scalars(value))
        if axes is not None:
            _log_map(rerun, recording, recorded, index, branch, axes)


def _numbers(recorded: RecordedEpisode, moment: Moment, error: float) -> Iterator[tuple[str, float]]:
    """Names and values of everything that is a number at a step."""
    for field, at in zip(recorded.spec.observation.fields, recorded.spec.observation.offsets(), strict=True):
        for part in range(WIDTH[field.kind]):
            name = field.name if WIDTH[field.kind] == 1 else f"{field.name}_{part}"
            yield f"observation/{name}", float(moment.observation[at + part])
            if moment.expected is not None:
                yield f"predicted/{name}", float(moment.expected[at + part])
    actions = {"planned": moment.decision.planned, "refined": moment.decision.action}
    if moment.transition is not None:
        actions["executed"] = moment.transition.executed
        yield "reward", moment.transition.reward
    for kind, action in actions.items():
        for name, value in zip(recorded.spec.action.names, action, strict=True):
            yield f"action/{name}/{kind}", float(value)
    if np.isfinite(error):
        yield "model_error", error
    if moment.imagination is not None:
        yield "predicted_return", moment.imagination.value


def _log_map(
    rerun: Any, recording: Any, recorded: RecordedEpisode, index: int, branch: str, axes: tuple[int, int]
) -> None:
    moment = recorded.moments[index]
    places = list(axes)
    path = np.stack([m.observation[places] for m in recorded.moments[: index + 1]])
    recording.log(f"{branch}/map/robot", rerun.Points2D(_upright(path[-1:]), radii=0.2))
    if len(path) > 1:
        recording.log(f"{branch}/map/path", rerun.LineStrips2D([_upright(path[-200:])]))
    if moment.imagination is not None:
        chosen = _upright(moment.imagination.chosen[:, places])
        others = [_upright(other[:, places]) for other in moment.imagination.others]
        recording.log(f"{branch}/map/imagined", rerun.LineStrips2D([chosen, *others]))


def _upright(points: Array | np.ndarray[Any, np.dtype[np.float64]]) -> Array:
    """Points [N, 2] as Rerun shows them: its second axis points down."""
    return np.asarray(points * [1.0, -1.0], dtype=np.float32)
