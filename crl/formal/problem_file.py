"""A problem as a YAML file states it. Sections: environment, basis, agents; rewards, value, tolerance, limits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from crl.errors import CrlError
from crl.formal import agent_file
from crl.formal import yaml_reading as read
from crl.formal.agent import AgentBasis, check_size
from crl.formal.environment import FiniteEnvironment
from crl.formal.errors import FormalError
from crl.formal.interface import Floats, Interface
from crl.formal.limits import Limits
from crl.formal.problem import Problem
from crl.formal.toy_text import from_toy_text
from crl.formal.values import AverageReward, Criterion, Discounted

Make = Callable[..., Any]
"""Makes a Gymnasium environment from its id and keyword arguments."""


def load_problem(path: Path, make: Make | None = None) -> Problem:
    """Read a problem.

    Args:
        path: The YAML file.
        make: ``gymnasium.make``, if the file may name a Gymnasium environment: this room does not import it.

    Raises:
        FormalError: The file does not make sense; the message names the entry and the hint.
    """
    return parse_problem(read.read(path), make)


def parse_problem(plain: Any, make: Make | None = None) -> Problem:
    """A problem from plain values, with the keys of the file; see :func:`load_problem`."""
    given = read.section(
        plain, "the file", ["environment", "basis", "agents"], ["rewards", "value", "tolerance", "limits"]
    )
    environment, rewards = _environment(given["environment"], make)
    interface = environment.interface
    if "rewards" in given:
        rewards = _rewards(given["rewards"], interface)
    criterion = _criterion(given["value"]) if "value" in given else None
    if criterion is not None and rewards is None:
        raise FormalError("value: values need rewards", "add rewards: {observation: number, ...}")
    basis = agent_file.agents(given["basis"], "basis", interface, rewards)
    agents = agent_file.agents(given["agents"], "agents", interface, rewards)
    if not agents:
        raise FormalError("agents: the list is empty", "name at least one agent")
    names = [agent.name for agent in agents]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise FormalError(f"agents: two are called {twice!r}", "give each a name of its own (name: ...)")
    return Problem(
        environment,
        tuple(agents),
        AgentBasis(basis),
        rewards,
        criterion,
        read.number(given.get("tolerance", 1e-9), "tolerance"),
        _limits(given.get("limits", {})),
    )


def _environment(value: Any, make: Make | None) -> tuple[FiniteEnvironment, Floats | None]:
    if "gymnasium" in read.mapping(value, "environment"):
        return _gymnasium(value, make)
    given = read.section(value, "environment", ["start", "states"], ["allow", "actions", "observations"])
    table: dict[str, dict[str, list[tuple[float, str, str]]]] = {}
    for state, row in read.mapping(given["states"], "environment: states").items():
        table[state] = {}
        for action, outcomes in read.mapping(row, f"environment: state {state!r}").items():
            where = f"environment: state {state!r}, action {action!r}"
            table[state][action] = [_outcome(o, where) for o in read.listing(outcomes, where)]
    allow = _names(given.get("allow", []), "environment: allow")
    start = read.distribution(given["start"], "environment: start")
    return FiniteEnvironment.from_tables(table, start, interface=_interface(given, table), allow=allow), None


def _names(value: Any, where: str) -> list[str]:
    return [read.name(word, where) for word in read.listing(value, where)]


def _outcome(value: Any, where: str) -> tuple[float, str, str]:
    p, target, observation = read.listing(value, f"{where} ([probability, next state, observation])", 3)
    return read.number(p, where), read.name(target, where), read.name(observation, where)


def _interface(
    given: Mapping[str, Any], table: Mapping[str, Mapping[str, list[tuple[float, str, str]]]]
) -> Interface | None:
    """Names in the order that the file asks for; ``None``: in the order in which they come."""
    if "actions" not in given and "observations" not in given:
        return None
    found = {
        "actions": dict.fromkeys(action for row in table.values() for action in row),
        "observations": dict.fromkeys(o[2] for row in table.values() for outcomes in row.values() for o in outcomes),
    }
    names = {}
    for what, default in found.items():
        names[what] = tuple(_names(given[what], f"environment: {what}") if what in given else default)
    return Interface(names["actions"], names["observations"])


def _gymnasium(value: Any, make: Make | None) -> tuple[FiniteEnvironment, Floats]:
    given = read.section(value, "environment", ["gymnasium"], ["options", "at_end", "actions"])
    name = read.name(given["gymnasium"], "environment: gymnasium")
    if make is None:
        raise FormalError(f"environment: {name} is a Gymnasium environment", "load the file with make=gymnasium.make")
    options = read.mapping(given.get("options", {}), "environment: options")
    try:
        made = make(name, **options)
    except CrlError:
        raise
    except Exception as error:  # whatever an environment's constructor raises
        raise FormalError(
            f"environment: {name} can't be made: {error}",
            "FrozenLake-v1, CliffWalking-v1 and Taxi-v4 are known to work",
        ) from error
    actions = _names(given["actions"], "environment: actions") if "actions" in given else None
    return from_toy_text(made, at_end=given.get("at_end", "restart"), actions=actions)


def _rewards(value: Any, interface: Interface) -> Floats:
    """Rewards [O, A] from one per observation, or one per observation and action."""
    given = read.mapping(value, "rewards")
    check_size("rewards", interface, 1)
    table = np.full((len(interface.observations), len(interface.actions)), np.nan)
    for seen, entry in given.items():
        where = f"rewards: {seen}"
        row = table[interface.observation(seen)]
        if isinstance(entry, Mapping):
            for action, reward in read.mapping(entry, where).items():
                row[interface.action(action)] = read.number(reward, f"{where}: {action}")
        else:
            row[:] = read.number(entry, where)
    if np.isnan(table).any():
        seen, action = np.argwhere(np.isnan(table))[0]
        raise FormalError(
            f"rewards: none for observation {interface.observations[seen]!r} after {interface.actions[action]!r}",
            "list every observation, as a number or as a mapping with every action",
        )
    return table


def _criterion(value: Any) -> Criterion:
    if value == "average":
        return AverageReward()
    if isinstance(value, Mapping):
        given = read.section(value, "value", ["discounted"])
        return Discounted(read.number(given["discounted"], "value: discounted"))
    raise FormalError(f"value: {value!r}", "it is average, or {discounted: GAMMA} with a gamma such as 0.9")


def _limits(value: Any) -> Limits:
    names = [field.name for field in fields(Limits)]
    given = read.section(value, "limits", [], names)
    return Limits(**{key: _limit(entry, f"limits: {key}") for key, entry in given.items()})


def _limit(value: Any, where: str) -> int:
    """A whole number; what is beyond any machine means without limit."""
    return read.whole(min(read.number(value, where), 1e14), where)
