"""What was found when a task was tried, good and bad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

State = Literal["good", "note", "warning", "broken"]
"""``good``; ``note``: it works, and something could be better; ``warning``: a promise is broken, and learning goes on
with less; ``broken``: nothing can be learned like this."""


@dataclass(frozen=True)
class Finding:
    """One promise that was looked at.

    Attributes:
        where: The task or the pair of tasks, with the sequence.
        promise: What was looked at, in a word.
        state: How it is.
        said: What was seen.
        hint: How to put it right; ``None`` where nothing is to be done.
    """

    where: str
    promise: str
    state: State
    said: str
    hint: str | None = None

    @property
    def bad(self) -> bool:
        """Whether a promise is broken."""
        return self.state in ("warning", "broken")

    def __str__(self) -> str:
        return f"{self.where}: {self.said}"

    def plain(self) -> dict[str, Any]:
        """As a dictionary for JSON."""
        return {
            "where": self.where,
            "promise": self.promise,
            "state": self.state,
            "said": self.said,
            "hint": self.hint,
        }
