"""What is wrong if something can't be exported."""

from __future__ import annotations

from crl.errors import CrlError


class ExportError(CrlError, ValueError):
    """Something can't be exported so; the hint says what to do."""
