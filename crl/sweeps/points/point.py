"""One point of a sweep: a run, by its name and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crl.config.fingerprints import WITHOUT_EFFECT


@dataclass(frozen=True)
class Point:
    """A run of a sweep.

    Attributes:
        name: Name of its run folder, unique in the sweep.
        settings: What the user set, as ``key=value``, one value each.
        fingerprint: Fingerprint of the composed settings (:func:`crl.config.asking.composing.fingerprint`).
        budget: Environment steps it may cost.
        threads: PyTorch threads of its process.
        earlier: Fingerprints that earlier versions gave these settings.
    """

    name: str
    settings: tuple[str, ...]
    fingerprint: str
    budget: int
    threads: int
    earlier: tuple[str, ...] = ()

    def is_of(self, fingerprint: str | None) -> bool:
        """Whether a run with a fingerprint has this point's settings."""
        return fingerprint in (self.fingerprint, *self.earlier)

    def to_plain(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "name": self.name,
            "settings": list(self.settings),
            "fingerprint": self.fingerprint,
            "budget": self.budget,
            "threads": self.threads,
            "earlier": list(self.earlier),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Point:
        """What :meth:`to_plain` gave.

        Raises:
            KeyError: An entry is missing.
        """
        return cls(
            name=str(plain["name"]),
            settings=tuple(str(item) for item in plain["settings"]),
            fingerprint=str(plain["fingerprint"]),
            budget=int(plain["budget"]),
            threads=int(plain["threads"]),
            earlier=tuple(str(item) for item in plain.get("earlier", ())),
        )


def identity(points: Sequence[Point]) -> list[list[str]]:
    """What two sweeps share that are the same: the settings of their points that decide results, in no order."""
    return sorted(deciding(point.settings) for point in points)


def deciding(settings: Sequence[str]) -> list[str]:
    """Those of the settings that decide a run's result, sorted."""
    return sorted(item for item in settings if item.partition("=")[0].partition(".")[0] not in WITHOUT_EFFECT)
