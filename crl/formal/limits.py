"""How large a question may get before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes beyond which :class:`crl.formal.TooLarge` is raised; the defaults keep a decision under about 4 GB.

    Attributes:
        states: Product states of an agent, a basis and an environment.
        edges: Edges between them.
        beliefs: Sets of environment states, where observations do not tell the state.
        value_states: Pairs of environment state and agent memory that a value is computed on.
    """

    states: int = 4_000_000
    edges: int = 16_000_000
    beliefs: int = 100_000
    value_states: int = 200_000
