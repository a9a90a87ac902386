"""Fixed policies: agents that do not learn, the usual elements of a basis."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from crl.formal.agent import AgentBasis, FiniteAgent, big, check_size, without_memory
from crl.formal.errors import FormalError, TooLarge
from crl.formal.interface import Floats, Interface

MAX_POLICIES = 1_000
"""Elements up to which the basis of all reactive policies is built."""


def fixed_policy(
    interface: Interface, action: str | Mapping[str, float] | ArrayLike, name: str | None = None
) -> FiniteAgent:
    """An agent that always acts by one distribution, whatever happens.

    Args:
        interface: Actions and observations.
        action: An action, probabilities by name, or probabilities [A].
        name: Its name; ``always ACTION`` if omitted.
    """
    label = name or (f"always {action}" if isinstance(action, str) else "fixed policy")
    return without_memory(label, interface, _distribution(interface, action, label))


def fixed_policies(interface: Interface) -> AgentBasis:
    """The basis of the agents that always take the same action."""
    return AgentBasis(fixed_policy(interface, action) for action in interface.actions)


def reactive_policy(
    interface: Interface,
    actions: Mapping[str, str | Mapping[str, float]] | ArrayLike,
    first: str | Mapping[str, float] | ArrayLike | None = None,
    name: str = "reactive policy",
) -> FiniteAgent:
    """An agent that acts by the last observation (a stationary policy where observations tell the state).

    Args:
        interface: Actions and observations.
        actions: For every observation an action or probabilities by name; or probabilities [O, A].
        first: How it acts before any observation: an action, probabilities by name, or [A]; all actions alike if
            omitted.
        name: Its name.
    """
    count = len(interface.observations)
    check_size(name, interface, count + 1)
    policy = np.empty((count + 1, len(interface.actions)))
    if isinstance(actions, Mapping):
        for observation in actions:
            interface.observation(observation)
        for index, observation in enumerate(interface.observations):
            if observation not in actions:
                raise FormalError(
                    f"agent {name!r}: no action for observation {observation!r}", "list every observation"
                )
            policy[index] = _distribution(interface, actions[observation], f"{name}, {observation}")
    else:
        given = np.asarray(actions, dtype=float)
        if given.shape != (count, len(interface.actions)):
            raise FormalError(
                f"agent {name!r}: its policy has the shape {list(given.shape)}",
                f"expected [{count}, {len(interface.actions)}]",
            )
        policy[:count] = given
    policy[count] = 1 / len(interface.actions) if first is None else _distribution(interface, first, f"{name}, first")
    update = np.broadcast_to(np.arange(count), (count + 1, len(interface.actions), count))
    names = [f"saw {observation}" for observation in interface.observations] + ["saw nothing"]
    return FiniteAgent(name, interface, policy, update, initial=count, memories=names)


def reactive_policies(interface: Interface, first: str | Mapping[str, float] | ArrayLike | None = None) -> AgentBasis:
    """The basis of all deterministic policies on the last observation: A^O of them.

    Args:
        interface: Actions and observations.
        first: How all of them act before any observation; as in :func:`reactive_policy`.

    Raises:
        TooLarge: There are more than 1,000.
    """
    actions, observations = len(interface.actions), len(interface.observations)
    if observations * math.log(actions) > math.log(MAX_POLICIES) + 1e-9:
        raise TooLarge(
            f"there are {big(actions, observations)} deterministic policies on {observations} observations",
            f"at most {MAX_POLICIES:,} are built: list the elements that matter with reactive_policy",
        )
    choices: list[Sequence[str]] = list(itertools.product(interface.actions, repeat=len(interface.observations)))
    return AgentBasis(
        reactive_policy(interface, dict(zip(interface.observations, choice, strict=True)), first, "/".join(choice))
        for choice in choices
    )


def _distribution(interface: Interface, action: str | Mapping[str, float] | ArrayLike, where: str) -> Floats:
    """Probabilities [A]; the agent that gets them checks that they are some."""
    if isinstance(action, str):
        action = {action: 1.0}
    if isinstance(action, Mapping):
        given = np.zeros(len(interface.actions))
        for name, p in action.items():
            given[interface.action(name)] = p
        return given
    given = np.asarray(action, dtype=float)
    if given.shape != (len(interface.actions),):
        raise FormalError(f"agent {where!r}: {list(given.shape)} probabilities for {len(interface.actions)} actions")
    return given
