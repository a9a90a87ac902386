"""Continual learning agents and continual RL problems, by the definitions of the paper.

* A **continual learning agent**, relative to a basis in an environment: the basis generates it, but it never reaches
  the basis.
* A **continual RL problem** (e, v, Lambda, Lambda_B): the basis is a part of Lambda and generates it, and every agent
  that maximises v over Lambda never reaches the basis. Lambda is finite here, so its best agents are found by
  evaluating them all. Elements of the basis that are not among the given agents are added to them: a basis that is
  better than every learner settles the question, whether or not somebody thought of naming it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from numpy.typing import ArrayLike

from crl.formal.agent import AgentBasis, FiniteAgent
from crl.formal.environment import FiniteEnvironment
from crl.formal.errors import FormalError
from crl.formal.generation import generates
from crl.formal.interface import unique_names
from crl.formal.limits import Limits
from crl.formal.reaches import Reach, never_reaches, reach
from crl.formal.values import Criterion, Value, value
from crl.formal.verdict import Verdict, Witness


@dataclass(frozen=True)
class ProblemVerdict:
    """Whether (e, v, Lambda, Lambda_B) is a continual RL problem, and why. Its truth value is the answer.

    Attributes:
        holds: The answer.
        reason: The answer in a sentence.
        witness: If the basis does not generate Lambda, the history that shows it; if a best agent settles, where; else
            the lasso of the first best agent.
        agents: Names of the agents of Lambda: those that were given, then the elements of the basis that were not.
        given: How many of them were given.
        values: Their values.
        best: Indices of those that maximise the value.
        generated: Whether the basis generates Lambda.
        reached: What every best agent reaches, in the order of ``best``.
    """

    holds: bool
    reason: str
    witness: Witness = field(repr=False)
    agents: tuple[str, ...]
    given: int
    values: tuple[Value, ...]
    best: tuple[int, ...]
    generated: Verdict
    reached: tuple[Reach, ...] = field(repr=False)

    def __bool__(self) -> bool:
        return self.holds


def is_continual_learner(
    agent: FiniteAgent,
    basis: AgentBasis | Iterable[FiniteAgent],
    environment: FiniteEnvironment,
    limits: Limits | None = None,
) -> Verdict:
    """Whether an agent is a continual learning agent, relative to a basis in an environment.

    The witness is a lasso if it is; else the history after which no element acts as the agent does, or the one after
    which the agent is settled.

    Raises:
        FormalError: The machines do not fit together.
        TooLarge: A product exceeds the limits.
    """
    basis = basis if isinstance(basis, AgentBasis) else AgentBasis(basis)
    environment.interface.require(basis.interface, f"the basis of {basis[0].name!r}")
    made = generates(basis, agent, limits=limits)
    decisive = never_reaches(agent, basis, environment, limits) if made else made
    return Verdict(
        "is a continual learner", decisive.holds, decisive.witness, decisive.states, decisive.edges,
        decisive.settled_states,
    )  # fmt: skip


def is_continual_rl_problem(
    environment: FiniteEnvironment,
    rewards: ArrayLike,
    criterion: Criterion,
    agents: Iterable[FiniteAgent],
    basis: AgentBasis | Iterable[FiniteAgent],
    *,
    tolerance: float = 1e-9,
    limits: Limits | None = None,
) -> ProblemVerdict:
    """Whether (e, v, Lambda, Lambda_B) is a continual RL problem.

    Args:
        environment: The environment e.
        rewards: Rewards r(o, a) [O, A], or [O].
        criterion: What v is.
        agents: The finite set Lambda. Elements of the basis may be left out: they belong to it all the same.
        basis: The basis Lambda_B.
        tolerance: Agents count as best whose value is at most this much less than the largest.
        limits: Sizes to stay within.

    Raises:
        FormalError: The parts do not fit together.
        TooLarge: A product exceeds the limits.
    """
    basis = basis if isinstance(basis, AgentBasis) else AgentBasis(basis)
    given = tuple(agents)
    if not given:
        raise FormalError("an empty set of agents", "name at least one agent")
    if not tolerance >= 0:
        raise FormalError(f"a tolerance of {tolerance}", "it must be zero or more")
    unique_names("agent", (agent.name for agent in given))
    made = generates(basis, given, limits=limits)
    left_out = tuple(element for element in basis if not any(element.same_as(agent) for agent in given))
    everyone = (*given, *left_out)
    values = tuple(value(agent, environment, rewards, criterion, limits) for agent in everyone)
    largest = max(v.number for v in values)
    best = tuple(i for i, v in enumerate(values) if v.number >= largest - tolerance)
    reached = tuple(reach(everyone[i], basis, environment, limits) for i in best)
    taken = {agent.name for agent in given}
    named = (f"{each.name} (of the basis)" if each.name in taken else each.name for each in left_out)
    names = (*(agent.name for agent in given), *named)
    settles = next((k for k, r in enumerate(reached) if not r.never), None)
    listed = ", ".join(names[i] for i in best)
    if not made:
        reason, witness = "the basis does not generate every agent", made.witness
    elif settles is not None:
        reason, witness = (
            f"{names[best[settles]]} is best and sometimes reaches the basis",
            reached[settles].never.witness,
        )
    else:
        reason, witness = f"no best agent ({listed}) ever reaches the basis", reached[0].never.witness
    holds = bool(made) and settles is None
    return ProblemVerdict(holds, reason, witness, names, len(given), values, best, made, reached)
