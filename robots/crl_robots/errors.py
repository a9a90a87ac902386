"""The error of robot descriptions and drivers."""

from __future__ import annotations

from crl.errors import CrlError


class RobotError(CrlError):
    """A description, a driver's option or a message is impossible; the message says what, where and how to fix it."""
