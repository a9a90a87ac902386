"""Agents as a YAML file states them: a ``kind``, and the arguments of its constructor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crl.formal import yaml_reading as read
from crl.formal.agent import AgentBasis, FiniteAgent
from crl.formal.errors import FormalError
from crl.formal.fixed import fixed_policies, fixed_policy, reactive_policies, reactive_policy
from crl.formal.interface import Floats, Interface
from crl.formal.quantised_q import q_learning
from crl.formal.win_stay import win_stay_lose_shift
from crl.formal.window import ucb_bandit, window_bandit
from crl.matching import nearest


@dataclass(frozen=True)
class _Context:
    """What an agent may need of the rest of the file."""

    interface: Interface
    rewards: Floats | None
    where: str

    def paid(self) -> Floats:
        """The rewards, for an agent that learns from them."""
        if self.rewards is None:
            raise FormalError(
                f"{self.where}: this agent learns from rewards, but the file has none", "add rewards: ..."
            )
        return self.rewards


def agents(value: Any, where: str, interface: Interface, rewards: Floats | None) -> list[FiniteAgent]:
    """The agents of a list.

    Args:
        value: Plain values of the list.
        where: Its place in the file.
        interface: Actions and observations.
        rewards: Rewards r(o, a) [O, A], if the file states any.

    Raises:
        FormalError: An entry does not make sense.
    """
    found: list[FiniteAgent] = []
    for index, entry in enumerate(read.listing(value, where)):
        place = f"{where}[{index}]"
        given = read.mapping(entry, place)
        if "kind" not in given:
            raise FormalError(f"{place}: the key 'kind' is missing", f"kinds: {', '.join(sorted(_KINDS))}")
        kind = read.name(given.pop("kind"), f"{place}: kind")
        if kind not in _KINDS:
            raise FormalError(f"{place}: unknown kind {kind!r}{nearest(kind, _KINDS)}")
        context = _Context(interface, rewards, place)
        try:
            built = _KINDS[kind](given, context)
        except FormalError as error:
            if error.message.startswith(place):
                raise
            raise type(error)(f"{place}: {error.message}", error.hint) from error
        found.extend(built if isinstance(built, AgentBasis) else [built])
    return found


def _fixed(given: Mapping[str, Any], context: _Context) -> FiniteAgent:
    parts = read.section(given, context.where, ["action"], ["name"])
    action = read.distribution(parts["action"], f"{context.where}: action")
    return fixed_policy(context.interface, action, _name(parts, context))


def _reactive(given: Mapping[str, Any], context: _Context) -> FiniteAgent:
    parts = read.section(given, context.where, ["actions"], ["name", "first"])
    actions = {
        seen: read.distribution(action, f"{context.where}: actions: {seen}")
        for seen, action in read.mapping(parts["actions"], f"{context.where}: actions").items()
    }
    name = _name(parts, context)
    return reactive_policy(context.interface, actions, _first(parts, context), **({"name": name} if name else {}))


def _all_fixed(given: Mapping[str, Any], context: _Context) -> AgentBasis:
    read.section(given, context.where)
    return fixed_policies(context.interface)


def _all_reactive(given: Mapping[str, Any], context: _Context) -> AgentBasis:
    parts = read.section(given, context.where, [], ["first"])
    return reactive_policies(context.interface, _first(parts, context))


def _machine(given: Mapping[str, Any], context: _Context) -> FiniteAgent:
    parts = read.section(given, context.where, ["name", "memory"], ["start"])
    table = {}
    for memory, entry in read.mapping(parts["memory"], f"{context.where}: memory").items():
        where = f"{context.where}: memory {memory!r}"
        row = read.section(entry, where, ["act", "next"])
        rules = []
        for rule in read.listing(row["next"], f"{where}: next (a list of [action, observation, next memory])"):
            words = [read.name(word, f"{where}: next") for word in read.listing(rule, f"{where}: next", 3)]
            rules.append((words[0], words[1], words[2]))
        table[memory] = (read.distribution(row["act"], f"{where}: act"), rules)
    start = read.name(parts["start"], f"{context.where}: start") if "start" in parts else None
    return FiniteAgent.from_tables(str(_name(parts, context)), context.interface, table, start)


def _win_stay(given: Mapping[str, Any], context: _Context) -> FiniteAgent:
    parts = read.section(given, context.where, [], ["name", "threshold", "start"])
    options = _options(parts, context, numbers=["threshold"])
    if "start" in parts:
        options["start"] = context.interface.action(read.name(parts["start"], f"{context.where}: start"))
    return win_stay_lose_shift(context.interface, context.paid(), **options)


def _window(given: Mapping[str, Any], context: _Context) -> FiniteAgent:
    parts = read.section(given, context.where, ["window"], ["name", "epsilon"])
    options = _options(parts, context, numbers=["epsilon"], wholes=["window"])
    return window_bandit(context.interface, context.paid(), **options)


def _ucb(given: Mapping[str, Any], context: _Context) -> FiniteAgent:
    parts = read.section(given, context.where, ["window"], ["name", "exploration"])
    options = _options(parts, context, numbers=["exploration"], wholes=["window"])
    return ucb_bandit(context.interface, context.paid(), **options)


def _q_learning(given: Mapping[str, Any], context: _Context) -> FiniteAgent:
    numbers = ["low", "high", "alpha", "gamma", "epsilon", "initial"]
    parts = read.section(given, context.where, ["levels"], ["name", "states", "start", *numbers])
    options = _options(parts, context, numbers=numbers, wholes=["levels", "start"])
    if "states" in parts:
        where = f"{context.where}: states"
        states = read.mapping(parts["states"], where)
        options["states"] = {seen: read.whole(state, f"{where}: {seen}") for seen, state in states.items()}
    return q_learning(context.interface, context.paid(), **options)


_KINDS: Mapping[str, Callable[[Mapping[str, Any], _Context], FiniteAgent | AgentBasis]] = {
    "fixed": _fixed,
    "all_fixed": _all_fixed,
    "reactive": _reactive,
    "all_reactive": _all_reactive,
    "machine": _machine,
    "win_stay_lose_shift": _win_stay,
    "window": _window,
    "ucb": _ucb,
    "q_learning": _q_learning,
}


def _options(
    parts: Mapping[str, Any], context: _Context, numbers: list[str], wholes: list[str] | None = None
) -> dict[str, Any]:
    """Keyword arguments that are plain numbers, and the name."""
    options: dict[str, Any] = {}
    for key in numbers:
        if key in parts:
            options[key] = read.number(parts[key], f"{context.where}: {key}")
    for key in wholes or []:
        if key in parts:
            options[key] = read.whole(parts[key], f"{context.where}: {key}")
    if name := _name(parts, context):
        options["name"] = name
    return options


def _name(parts: Mapping[str, Any], context: _Context) -> str | None:
    return read.name(parts["name"], f"{context.where}: name") if "name" in parts else None


def _first(parts: Mapping[str, Any], context: _Context) -> str | dict[str, float] | None:
    return read.distribution(parts["first"], f"{context.where}: first") if "first" in parts else None
