"""One thing that was looked at, how it is, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

State = Literal["ok", "absent", "warning", "broken"]


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes:
        subject: Group that it belongs to, such as ``rendering``.
        name: What was looked at, such as ``EGL``.
        state: ``ok``; ``absent`` (optional, and not there); ``warning`` (works, but not as it should, or something
            optional fails); ``broken``.
        said: What was seen: a version, a path, an error.
        hint: How to put it right; ``None`` where nothing is to be done.
        needed: Whether ``crl train`` needs it; where such a thing is broken, nothing can be learned.
    """

    subject: str
    name: str
    state: State
    said: str
    hint: str | None = None
    needed: bool = False

    @property
    def stops_training(self) -> bool:
        """Whether ``crl train`` can't work because of this."""
        return self.needed and self.state == "broken"

    def plain(self) -> dict[str, Any]:
        """As a dictionary for JSON."""
        return {
            "subject": self.subject,
            "name": self.name,
            "state": self.state,
            "said": self.said,
            "hint": self.hint,
            "needed": self.needed,
        }
