"""A problem (e, v, Lambda, Lambda_B) and all there is to decide on it."""

from __future__ import annotations

from dataclasses import dataclass

from crl.formal.agent import AgentBasis, FiniteAgent
from crl.formal.continual import ProblemVerdict, is_continual_rl_problem
from crl.formal.environment import FiniteEnvironment
from crl.formal.generation import generates
from crl.formal.interface import Floats
from crl.formal.limits import Limits
from crl.formal.reaches import Reach, reach
from crl.formal.values import Criterion
from crl.formal.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Problem:
    """What a file states.

    Attributes:
        environment: The environment e.
        agents: The finite set Lambda.
        basis: The basis Lambda_B.
        rewards: Rewards r(o, a), float64 [O, A]; ``None``: none are stated.
        criterion: What v is; ``None``: no values are asked for.
        tolerance: How much less than the largest a best value may be.
        limits: Sizes to stay within.
    """

    environment: FiniteEnvironment
    agents: tuple[FiniteAgent, ...]
    basis: AgentBasis
    rewards: Floats | None
    criterion: Criterion | None
    tolerance: float
    limits: Limits


@dataclass(frozen=True, eq=False)
class Decision:
    """The verdicts on a problem.

    Attributes:
        generated: Per agent, whether the basis generates it.
        reached: Per agent, whether it sometimes, never, always reaches the basis.
        problem: Whether it is a continual RL problem, with all values; ``None`` if no values are asked for.
    """

    generated: tuple[Verdict, ...]
    reached: tuple[Reach, ...]
    problem: ProblemVerdict | None


def decide(problem: Problem) -> Decision:
    """Decide everything on a problem.

    Raises:
        FormalError: Its parts do not fit together.
        TooLarge: A product exceeds the limits.
    """
    reached = tuple(reach(agent, problem.basis, problem.environment, problem.limits) for agent in problem.agents)
    generated = tuple(generates(problem.basis, agent, limits=problem.limits) for agent in problem.agents)
    verdict = None
    if problem.criterion is not None and problem.rewards is not None:
        verdict = is_continual_rl_problem(
            problem.environment,
            problem.rewards,
            problem.criterion,
            problem.agents,
            problem.basis,
            tolerance=problem.tolerance,
            limits=problem.limits,
        )
    return Decision(generated, reached, verdict)
