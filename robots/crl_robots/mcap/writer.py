"""A new MCAP file, record by record."""

from __future__ import annotations

import os
from pathlib import Path

from crl_robots.errors import RobotError
from crl_robots.mcap import records


class RecordFile:
    """One MCAP file that is being written.

    Every record is handed to the operating system whole before :meth:`put` returns: a process that is killed then
    loses nothing that was written. Only the power of the machine can, for what :meth:`sync` has not put on the disk.

    Args:
        path: File to make; it must not exist.
        profile: Profile of the file.

    Raises:
        RobotError: The file can't be made.
    """

    def __init__(self, path: Path, profile: str = "ros2") -> None:
        self.path = path
        self.size = 0
        """Bytes written."""
        try:
            # Not buffered: a buffer would die with the process.
            self._file = path.open("xb", buffering=0)
        except OSError as error:
            raise RobotError(f"the bag {path} can't be made: {error.strerror}", "choose another place") from error
        self.put(records.header(profile))

    def put(self, data: bytes) -> None:
        """Append records: all of them or, after an error, none.

        Raises:
            RobotError: The disk is full or gone. What was written before stays whole.
        """
        try:
            done = 0
            while done < len(data):
                done += self._file.write(data[done:]) or 0
        except OSError as error:
            self._file.truncate(self.size)
            self._file.seek(self.size)
            raise RobotError(
                f"the bag {self.path} can't be written on: {error.strerror}",
                "make room on the disk; everything recorded so far is whole",
            ) from error
        self.size += len(data)

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file properly. A second call does nothing."""
        if self._file.closed:
            return
        try:
            self.put(records.ENDING)
            self.sync()
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close the file and remove it."""
        self._file.close()
        self.path.unlink(missing_ok=True)
