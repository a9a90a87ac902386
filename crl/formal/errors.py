"""Errors of the formal room: each names the entry and the hint."""

from __future__ import annotations

from crl.errors import CrlError


class FormalError(CrlError, ValueError):
    """A machine, a problem or its file does not make sense."""


class TooLarge(FormalError):
    """Deciding would take more states, edges or memory than the stated limits allow."""
