"""``crl replay BAG``: a recording of a robot as an episode, to be drawn like those of a run.

Who reads recordings is found by the entry point group ``crl.recordings``, so that this package knows no robot. A reader
has ``fits(path)``, ``salvage(path, out)`` and ``read(path, robot, odom, cmd_vel)``; what that returns is in
:meth:`crl_robots.ride.BagRecording.read`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from crl.errors import CrlError
from crl.plugins import entry_points
from crl.reporting.replay.recorded_episode import Moment, RecordedEpisode
from crl.types import Decision, TaskSpec, Transition
from crl.validation import task_spec

GROUP = "crl.recordings"


class RecordingReader(Protocol):
    """Reads one kind of recordings."""

    def fits(self, path: Path) -> bool:
        """Whether a path is such a recording."""
        ...

    def read(
        self, path: Path, robot: str | None = None, odom: str = "odom", cmd_vel: str | None = None
    ) -> Mapping[str, Any]:
        """Its content as plain data."""
        ...

    def salvage(self, path: Path, out: Path) -> Sequence[str]:
        """Write what is whole in a damaged recording into a new one, and say what was saved and what was lost."""
        ...


def reader_of(path: Path) -> RecordingReader | None:
    """Who can read a path as a recording; ``None``: nobody, or it is a run's folder."""
    if not path.exists() or (path / "config.yaml").is_file():
        return None
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        reader: RecordingReader = point.load()
        if reader.fits(path):
            return reader
    return None


def film_path(path: Path) -> Path:
    """Where the film of a recording goes: beside a file, into a folder."""
    path = path.resolve()
    return path / f"{path.name}.mp4" if path.is_dir() else path.with_suffix(".mp4")


def episode_of_recording(
    path: Path, reader: RecordingReader, robot: str | None = None, odom: str = "odom", cmd_vel: str | None = None
) -> RecordedEpisode:
    """A recording as an episode.

    What was sent stands for the planned, the refined and the executed action: a recording does not tell them apart.

    Args:
        path: The recording.
        reader: Who reads it.
        robot: Name or file of the robot's description, for its limits, time-outs and frames.
        odom: Topic of the odometry.
        cmd_vel: Topic of the commands; ``None``: the one that goes with the odometry.

    Raises:
        CrlError: It can't be read, or is too short to be shown.
    """
    # Readers of others, from before there was the option, need it only where it is given.
    told = reader.read(path, robot, odom, **({} if cmd_vel is None else {"cmd_vel": cmd_vel}))
    states, commands = np.asarray(told["states"], np.float32), np.asarray(told["commands"], np.float32)
    if len(states) < 2:
        raise CrlError(
            f"{path} lasts less than {told['period']:g} s: there is nothing to be seen", "give a longer recording"
        )
    spec = _spec(told, len(states) - 1)
    name = path.resolve().name
    made = RecordedEpisode(f"{name}  (recorded)", spec, 0, 0, waypoints=told["waypoints"], notes=list(told["notes"]))
    made.recorded = True
    made.success = spec.has_success and told["reached"][-1] >= len(told["waypoints"])
    for index, (before, after) in enumerate(zip(states, states[1:], strict=False)):
        sent, last = commands[index], index + 2 == len(states)
        step = Transition(0, before, sent, sent, sent, 0.0, after, index == 0, last)
        reason, reached = told["reasons"][index], told["reached"][index]
        decision = Decision(sent, sent, reason=reason)
        made.moments.append(Moment(before, decision, transition=step, reached=reached, faulty=reason is not None))
    return made


def _spec(told: Mapping[str, Any], steps: int) -> TaskSpec:
    """A task's description that fits the recording; it has no reward."""
    plain = {
        "name": told["name"],
        "control_period": told["period"],
        "episode_steps": steps,
        "observation": told["state"],
        "action": told["action"],
        "safe_action": told["safe_action"],
        "exploration": {"beta": 0.0, "std": [0.0] * len(told["action"])},
        "has_success": told["waypoints"] is not None,
    }
    return task_spec(plain, 0, lambda before, action, after: 0.0 * after[..., 0], lambda seen: False)
