"""Options of recorded data that only bags have."""

from __future__ import annotations

from crl.errors import CrlError


def refuse_robot(kind: str, robot: str | None, cmd_vel: str | None) -> None:
    """Refuse what describes the robot of a bag.

    Args:
        kind: What the data are, for the message.
        robot: ``data.robot``.
        cmd_vel: ``data.cmd_vel``.

    Raises:
        CrlError: One of them is given.
    """
    for key, value in (("robot", robot), ("cmd_vel", cmd_vel)):
        if value is not None:
            raise CrlError(f"data.{key} describes the robot of a bag", f"leave it out for {kind}")
