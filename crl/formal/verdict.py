"""Verdicts and their witnesses."""

from __future__ import annotations

from dataclasses import dataclass, field

from crl.formal.interface import History
from crl.formal.learning_rule import LearningRule


@dataclass(frozen=True)
class Settled:
    """After ``history``, a shortest such, the agent acts as the basis element ``element`` for ever."""

    history: History
    element: int


@dataclass(frozen=True)
class Departure:
    """After ``history`` the agent acts otherwise than the basis element ``element``."""

    history: History
    element: int


@dataclass(frozen=True)
class Lasso:
    """The realizable path ``prefix, cycle, cycle, ...`` along which the agent never settles.

    Why not: from where the cycle begins, every basis element has a departure, a history that begins with the prefix.
    Whoever returns there for ever can always still depart.

    Attributes:
        prefix: History until the cycle begins.
        cycle: What repeats, at least one step.
        departures: One per basis element.
    """

    prefix: History
    cycle: History
    departures: tuple[Departure, ...]


@dataclass(frozen=True)
class Unmatched:
    """After ``history``, a shortest such, no basis element acts as the agent with the index ``agent`` does."""

    history: History
    agent: int


@dataclass(frozen=True)
class Rules:
    """For every agent a learning rule that acts as the agent does after every history.

    A rule whose table would be too large to keep is ``None``.
    """

    rules: tuple[LearningRule | None, ...]


Witness = Settled | Departure | Lasso | Unmatched | Rules


@dataclass(frozen=True)
class Verdict:
    """A decided question. Its truth value is the answer.

    Attributes:
        claim: The question.
        holds: The answer.
        witness: What shows it.
        states: Product states that were decided on.
        edges: Edges between them.
        settled_states: Of these states, those in which the agent is settled.
        within: If the agent always settles: the number of steps after which it surely has; ``None``: unknown, or it
            does not.
    """

    claim: str
    holds: bool
    witness: Witness = field(repr=False)
    states: int
    edges: int
    settled_states: int = 0
    within: int | None = None

    def __bool__(self) -> bool:
        return self.holds
