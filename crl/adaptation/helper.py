"""What an adaptation has done by a process of its own; this one needs none."""

from __future__ import annotations


class Helper:
    """Nothing is done elsewhere.

    Attributes:
        alive: Whether it does its work.
        pid: Process id, dead or alive; ``None``: there was no process.
    """

    alive: bool = True
    pid: int | None = None

    def start(self) -> None:
        """Have the work done by a process, which is started unless it is there already.

        Raises:
            CrlError: The work can't be done elsewhere, or there is nothing to do it on yet.
        """

    def news(self) -> list[str]:
        """What went wrong since this was asked last, in sentences."""
        return []

    def close(self) -> None:
        """End the process; a second call does nothing."""
