"""Recording messages as they come: a folder of MCAP files, none of which is lost when the recorder dies."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from crl_robots.errors import RobotError
from crl_robots.mcap.bag_file import BagFile


class Recorder:
    """Writes messages into ``FOLDER/NAME_0000.mcap`` and so on.

    Flush policy: each message is with the operating system before :meth:`record` returns, so that killing the recorder
    loses none; every ``sync`` seconds they are forced to the disk, so that a power cut loses no more than that. When
    the disk is full, or fails otherwise, recording ends with an error, the files stay whole, and :meth:`record` does
    nothing from then on: a recorder must never stop a robot.

    Args:
        folder: Where to; made if it is not there.
        name: Beginning of the files' names.
        definition: Gives the text of a type's definition, see :func:`definitions`.
        most: Size from which a new file is begun (bytes).
        longest: Time after which a new file is begun (s).
        sync: Seconds between two waits for the disk.
        clock: Steady clock (s).

    Raises:
        RobotError: The folder can't be made.
    """

    def __init__(
        self,
        folder: str | Path,
        name: str,
        definition: Callable[[str], str],
        most: int = 256 * 2**20,
        longest: float = 600.0,
        sync: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if most < 1 or not longest > 0 or not sync > 0:
            raise RobotError(f"most = {most}, longest = {longest}, sync = {sync}", "give positive numbers")
        self.folder, self._name, self._definition = Path(folder), name, definition
        self._most, self._longest, self._sync, self._clock = most, longest, sync, clock
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RobotError(f"the folder {folder} can't be made: {error.strerror}", "choose another place") from error
        self._number = 0
        self._bag: BagFile | None = None
        self._begun = self._synced = 0.0
        self.recorded = 0
        """Messages written."""
        self.failure: RobotError | None = None
        """Why recording has ended, if it has; raised once by :meth:`record`."""

    def record(self, topic: str, kind: str, data: bytes, received: int) -> None:
        """Write a message down.

        Args:
            topic: Topic.
            kind: Type, such as ``nav_msgs/msg/Odometry``.
            data: The message in CDR.
            received: When it was received (ns since 1970).

        Raises:
            RobotError: It could not be written; the first time only.
        """
        if self.failure is not None:
            return
        try:
            self._file().write(topic, kind, self._definition(kind), data, received)
            self.recorded += 1
            if self._clock() - self._synced >= self._sync:
                self._file().sync()
                self._synced = self._clock()
        except (RobotError, OSError) as error:
            self.failure = error if isinstance(error, RobotError) else RobotError(f"the bag can't be synced: {error}")
            raise self.failure from error

    def close(self) -> None:
        """Close the file in work; what could not be closed for want of room is read after ``crl salvage``."""
        bag, self._bag = self._bag, None
        if bag is not None:
            bag.close()

    def _file(self) -> BagFile:
        """The file to write on, a new one if the last is full."""
        now = self._clock()
        if self._bag is not None and (self._bag.size >= self._most or now - self._begun >= self._longest):
            self.close()
        if self._bag is None:
            # Never over an older recording.
            while (path := self.folder / f"{self._name}_{self._number:04d}.mcap").exists():
                self._number += 1
            self._bag, self._begun, self._synced = BagFile(path), now, now
        return self._bag


def definitions() -> Callable[[str], str]:
    """Definitions of ROS 2's own message types, for :class:`Recorder`; needs the extra ``bags``.

    Raises:
        RobotError: ``rosbags`` is not installed.
    """
    from crl_robots.recordings.bags import typestore

    store, texts = typestore(), dict[str, str]()

    def text(kind: str) -> str:
        if kind not in texts:
            try:
                texts[kind] = store.generate_msgdef(kind, ros_version=2)[0]
            except Exception as error:
                raise RobotError(f"there is no message type {kind!r}", "record types of ROS 2 itself") from error
        return texts[kind]

    return text
