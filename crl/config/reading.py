"""Which settings a configuration reads, and the refusal of those that a user gave and nothing reads.

A setting that nothing reads would do nothing, without a word. What a recipe in ``configs/`` or a profile sets for other
methods than the chosen one is no fault: it is not read, and counts nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from crl.config.declared import agents as agent_kinds
from crl.config.declared.agents import AgentKind, kind_named
from crl.config.declared.components import PLANNERS, REFINERS, Settings, refiner_settings
from crl.config.declared.compositions import strategies, strategy_settings
from crl.config.limits import leaves
from crl.config.schema import Config
from crl.errors import SettingsError

EVERY_RUN = (
    "env",
    "agent.name",
    "refiner.name",
    "learning.initial_steps",
    "learning.steps_per_env_step",
    "learning.every",
    "learning.final_steps",
    "exploration.random_episodes",
    "budget",
    "evaluation",
    "monitor",
    "data.source",
    "checkpoint",
    "profile",
    "seed",
    "device",
    "threads",
    "run_dir",
    "name",
    "resume",
    "check",
    "videos",
    "callbacks",
    "life.steps",
)
"""What the training loop and its surroundings read, whatever agent there is."""
RECORDED_DATA = ("data",)
"""What is read where ``data.source`` names recorded data."""
OF_STRATEGIES = ("continual.labels", "continual.revisits")
"""What is read of every strategy: what it may be told and look at again."""
OF_LIVES = ("life",)
"""What is read where ``life.steps`` says that there is a life."""
OF_MISSIONS = ("refiner", "flow", "missions", "memory", "life")
"""Sections that an agent without missions never reads, even one that does not say what it reads."""
OF_PLUGINS: Mapping[str, Settings] = {
    "continual": ("continual", "learning", "dynamics"),
    "planner": ("planner",),
    "refiner": ("refiner", "flow", "body"),
}
"""What a component of a group may read that does not say what it reads."""

Setting = Callable[[str], Any]
"""Gives the value of a setting by its dotted key."""


def settings_read(config: Config) -> frozenset[str]:
    """Dotted keys of all settings that the components of a configuration read."""
    read = declared(values_of(config))
    return frozenset(key for key in defaults() if covers(read, key))


def declared(setting: Setting, own: Mapping[str, Settings] | None = None) -> frozenset[str]:
    """Keys, and beginnings of keys, that a run with these settings reads.

    Args:
        setting: The run's settings.
        own: What plug-ins declare, by group. Without it they are taken to read everything of their group: to find out,
            their code would have to be executed.
    """
    own = own or {}
    kind = kind_named(str(setting("agent.name")), str(setting("refiner.name")))
    read = [*EVERY_RUN, *(RECORDED_DATA if setting("data.source") is not None else ())]
    read += OF_LIVES if kind.flies_missions and setting("life.steps") is not None else ()
    agent = own.get("agent", kind.settings)
    if agent is None:
        sections = (key.partition(".")[0] for key in defaults())
        return frozenset(read) | {section for section in sections if section not in OF_MISSIONS}
    read += agent
    for group in kind.components:
        read += [f"{group}.name", *own.get(group, _component(group, setting))]
        read += OF_STRATEGIES if group == "continual" else ()
    return frozenset(read)


def _component(group: str, setting: Setting) -> Settings:
    name = str(setting(f"{group}.name"))
    if group == "refiner":
        return refiner_settings(setting) if name in REFINERS else OF_PLUGINS[group]
    known = strategy_settings(name) if group == "continual" else PLANNERS.get(name)
    return OF_PLUGINS[group] if known is None else known


@cache
def declarations() -> Mapping[str, Mapping[str, Settings]]:
    """What the strategies and planners of this package read, by group and name."""
    return {"continual": strategies(), "planner": PLANNERS}


def covers(read: frozenset[str], key: str) -> bool:
    """Whether a key is one of those declared, or begins with one."""
    if key in read:
        return True
    while "." in key:
        key = key.rpartition(".")[0]
        if key in read:
            return True
    return False


@cache
def defaults() -> dict[str, Any]:
    """Dotted key -> default of every setting."""
    return dict(leaves(Config()))


def values_of(config: Config) -> Setting:
    """The settings of a configuration, by dotted key."""

    def value(key: str) -> Any:
        found: Any = config
        for part in key.split("."):
            found = getattr(found, part)
        return found

    return value


def recorded_values(flat: Mapping[str, Any]) -> Setting:
    """Recorded settings by dotted key; an older version's lack some, which had their defaults."""
    return lambda key: flat.get(key, defaults()[key])


def read_of(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Recorded settings by dotted key, without those that the run did not read.

    Settings that this version does not know stay: what read them, it can't tell.
    """
    read, known = declared(recorded_values(flat)), defaults()
    return {key: value for key, value in flat.items() if covers(read, key) or not _known(key, known)}


def unread_of(config: Config, given: Iterable[str], own: Mapping[str, Settings] | None = None) -> list[str]:
    """Those of the given keys that nothing reads, each once.

    Args:
        config: The run's settings.
        given: Keys that a user set; a group's name (``continual``) stands for the choice of a component.
        own: What plug-ins declare, by group; see :func:`declared`.
    """
    read = declared(values_of(config), own)
    keys = dict.fromkeys(f"{key}.name" if f"{key}.name" in defaults() else key for key in given)
    return [key for key in keys if not covers(read, key)]


def refuse_unread(config: Config, given: Iterable[str], own: Mapping[str, Settings] | None = None) -> None:
    """Refuse what a user set and nothing reads.

    Raises:
        SettingsError: It names each such setting, what would read it, and a setting of the same name that is read.
    """
    keys = unread_of(config, given, own)
    if not keys:
        return
    setting = values_of(config)
    read = settings_read(config)
    said = []
    by_reason: dict[str, list[str]] = {}
    advised: dict[str, list[str]] = {}
    for key in keys:
        by_reason.setdefault(_without(key, setting), []).append(key.removesuffix(".name"))
        advised.setdefault(_advice(key, config, read), []).append(key.removesuffix(".name"))
    for reason, mine in by_reason.items():
        said.append(f"{_listed(mine)} {'has' if len(mine) == 1 else 'have'} no meaning for {reason}")
    raise SettingsError("; ".join(said), "\n".join(f"{_listed(mine)}: {advice}" for advice, mine in advised.items()))


def _listed(keys: list[str]) -> str:
    return keys[0] if len(keys) == 1 else f"{', '.join(keys[:-1])} and {keys[-1]}"


def _without(key: str, setting: Setting) -> str:
    """The choice because of which a setting is not read, as ``group=name``."""
    kind = kind_named(str(setting("agent.name")), str(setting("refiner.name")))
    section = key.partition(".")[0]
    if section == "data":
        return "data=null"
    for group, table in declarations().items():
        if group in kind.components and any(covers(frozenset(read), key) for read in table.values()):
            return f"{group}={setting(f'{group}.name')}"
    if kind.flies_missions:
        return f"refiner={setting('refiner.name')}"
    if section in OF_MISSIONS or section == "body":
        return f"refiner={setting('refiner.name')}" if "planner" in kind.components else f"agent={kind.name}"
    return f"agent={setting('agent.name')}"


def _advice(key: str, config: Config, read: frozenset[str]) -> str:
    """What would read a setting, and the setting of the same name that is read."""
    leaf = key.rpartition(".")[2]
    alike = [other for other in sorted(read) if other.partition(".")[0] in METHODS and other.rpartition(".")[2] == leaf]
    alike = [] if leaf == "name" else alike
    kind = agent_kinds.kind_of(config)
    readers = _readers(key, kind)
    if any(reader.partition("=")[0] in kind.components for reader in readers):
        alike = []  # another choice in the same group reads it, so it was not mistaken for another setting
    parts = []
    if alike:
        parts.append(f"did you mean {' or '.join(alike)}?")
    if readers:
        more = ", ..." if len(readers) > MOST_NAMED else ""
        parts.append(f"read with {', '.join(readers[:MOST_NAMED])}{more}")
    parts.append("else leave it out")
    return "; ".join(parts)


METHODS = (
    "agent",
    "dynamics",
    "learning",
    "continual",
    "planner",
    "exploration",
    "refiner",
    "body",
    "flow",
    "missions",
    "memory",
)
"""Sections of settings that say how something is learned or done: a setting of the same name there may be meant."""
MOST_NAMED = 3
"""Components that a hint names."""


def _readers(key: str, kind: AgentKind) -> list[str]:
    """The choices, as ``group=name``, with which a setting would be read."""
    section = key.partition(".")[0]
    if section == "data":
        return ["data=..."]
    found: list[str] = []
    for group, table in declarations().items():
        named = [name for name, read in table.items() if covers(frozenset(read) | {f"{group}.name"}, key)]
        if group in kind.components:
            found += [f"{group}={name}" for name in named]
        elif named:
            found.append("agent=mpc")
    if covers(frozenset(agent_kinds.MPC.settings or ()), key):
        found.append("agent=mpc")
    if section in OF_LIVES:
        found.append("crl live, env=ugv_life or another env of lives, and refiner=lifelong")
    elif section in OF_MISSIONS or covers(frozenset(agent_kinds.PILOT.settings or ()), key):
        found.append("another refiner" if kind.flies_missions else "refiner=afm and an env of missions")
    if covers(frozenset(agent_kinds.SB3.settings or ()), key):
        found.append("agent=sb3_sac")
    if covers(frozenset(agent_kinds.FROZEN.settings or ()), key):
        found.append("agent=frozen")
    return list(dict.fromkeys(found))


def _known(key: str, known: Mapping[str, Any]) -> bool:
    return key in known or any(key.startswith(f"{section}.options.") for section in ("continual", "agent"))
