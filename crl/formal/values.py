"""Values v(lambda, e) of finite pairs: discounted and average reward, by sparse linear algebra.

The pairs of environment state and agent memory form a finite Markov chain with transition matrix P, expected reward r
and initial distribution d:

* discounted: d v with (I - gamma P) v = r, that is the expected sum of gamma^t r_t, t = 0, 1, ... (not normalised);
* average: sum over the recurrent classes C of P(absorbed in C) * (stationary distribution of C) r (Puterman, *Markov
  Decision Processes*, 1994, appendix A.4). One solve gives the absorption probabilities of all classes; their
  stationary distributions are found together, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.sparse import csgraph

from crl.formal.agent import FiniteAgent
from crl.formal.environment import FiniteEnvironment
from crl.formal.errors import FormalError, TooLarge
from crl.formal.following import follow
from crl.formal.graph import LabelledGraph
from crl.formal.interface import Floats
from crl.formal.limits import Limits
from crl.formal.linear import solve, stationary
from crl.formal.product import tables
from crl.formal.rewards import reward_table


@dataclass(frozen=True)
class Discounted:
    """The expected discounted sum of rewards, gamma in [0, 1)."""

    gamma: float

    def __post_init__(self) -> None:
        if not 0 <= self.gamma < 1:
            raise FormalError(f"a discount of {self.gamma}", "it must be at least 0 and less than 1")

    def __str__(self) -> str:
        return f"discounted reward, gamma = {self.gamma:g}"


@dataclass(frozen=True)
class AverageReward:
    """The expected reward per step in the long run."""

    def __str__(self) -> str:
        return "average reward"


Criterion = Discounted | AverageReward


@dataclass(frozen=True)
class Value:
    """An exact value, up to floating point.

    Attributes:
        number: v(lambda, e), from the empty history.
        error: Discounted: a bound on the error, from the residual of the solve. Average: the largest residual of the
            equations, relative to the rewards.
        states: Pairs of environment state and agent memory.
    """

    number: float
    error: float
    states: int

    def __float__(self) -> float:
        return self.number


def value(
    agent: FiniteAgent,
    environment: FiniteEnvironment,
    rewards: ArrayLike,
    criterion: Criterion,
    limits: Limits | None = None,
) -> Value:
    """The performance v(lambda, e) of an agent in an environment.

    Args:
        agent: The agent.
        environment: Where it acts.
        rewards: Rewards r(o, a) [O, A] of an observation after an action, or [O].
        criterion: What is maximised.
        limits: Sizes to stay within.

    Raises:
        FormalError: The agent or the rewards do not fit the environment, or the value is too large to be computed.
        TooLarge: There are more pairs of state and memory than ``limits.value_states``.
    """
    limits = limits or Limits()
    interface = environment.interface
    interface.require(agent.interface, f"agent {agent.name!r}")
    table = reward_table(interface, rewards)
    chain, reward, start = _chain(agent, environment, table, limits)
    scale = max(float(np.abs(table).max()), 1e-300)
    states = len(reward)
    if isinstance(criterion, Discounted):
        values, residual = solve(criterion.gamma * chain, reward)
        found = Value(float(start @ values), residual / (1 - criterion.gamma), states)
    else:
        occupied, residual = _long_run(chain, start)
        found = Value(float(occupied @ reward), residual / scale, states)
    if not (math.isfinite(found.number) and math.isfinite(found.error)):
        raise FormalError(
            f"the value of agent {agent.name!r} is too large for floating point: rewards go up to {scale:g}",
            "state the rewards in larger units, such as 1 for the largest",
        )
    return found


def _chain(
    agent: FiniteAgent, environment: FiniteEnvironment, rewards: Floats, limits: Limits
) -> tuple[sparse.csr_array, Floats, Floats]:
    """Transition matrix [N, N], expected reward [N] and initial distribution [N] of the pairs (state, memory)."""
    observations = len(environment.interface.observations)
    start = np.flatnonzero(environment.initial > 0)
    branches = LabelledGraph(environment.first, environment.label, environment.target, start)
    room = Limits(states=limits.value_states, edges=limits.edges)
    try:
        pairs = follow(branches, tables(agent), agent.initial, observations, allowed=agent.policy > 0, limits=room)
    except TooLarge as error:
        raise TooLarge(
            f"the value of agent {agent.name!r}: {error.message}",
            "use smaller machines, or raise the limit (value_states: ..., edges: ...)",
        ) from error
    graph = pairs.graph
    action, observation = np.divmod(graph.label, observations)
    source = graph.sources()
    weight = environment.probability[pairs.edge] * agent.policy[pairs.memory[source], action]
    chain = sparse.coo_array((weight, (source, graph.target)), shape=(graph.nodes, graph.nodes)).tocsr()
    reward = np.bincount(source, weights=weight * rewards[observation, action], minlength=graph.nodes)
    initial = np.zeros(graph.nodes)
    initial[graph.roots] = environment.initial[pairs.node[graph.roots]]
    return chain, reward.astype(np.float64), initial


def _long_run(chain: sparse.csr_array, start: Floats) -> tuple[Floats, float]:
    """Share of time spent in each state in the long run [N], and the residual of what was solved."""
    count, component = csgraph.connected_components(chain, directed=True, connection="strong")
    source, target = chain.nonzero()
    recurrent = np.ones(count, dtype=bool)
    recurrent[component[source[component[source] != component[target]]]] = False
    passing = np.flatnonzero(~recurrent[component])
    staying = np.flatnonzero(recurrent[component])
    # Expected visits to the transient states, hence the probability of being absorbed at each recurrent one.
    arrived, worst = start.copy(), 0.0
    if len(passing):
        rows = chain[passing]
        inner = rows[:, passing]
        visits, worst = solve(inner.T.tocsr(), start[passing])
        arrived = arrived + visits @ rows
    absorbed = np.bincount(component[staying], weights=arrived[staying], minlength=count)
    _, classes = np.unique(component[staying], return_inverse=True)
    shares = np.zeros(len(start))
    shares[staying], residual = stationary(chain[staying][:, staying].T.tocsr(), classes)
    shares *= absorbed[component]
    return shares, max(worst, residual)
