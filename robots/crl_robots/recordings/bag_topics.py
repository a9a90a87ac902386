"""Which topics of a bag are meant: by their full names, by the names and places that are usual, or the only ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crl_robots.errors import RobotError
from crl_robots.recordings.bags import find_topic, named
from crl_robots.recordings.ros_messages import ODOMETRY, TWIST, TWIST_STAMPED


@dataclass(frozen=True)
class Role:
    """What a topic is for.

    Attributes:
        name: The usual name.
        what: What it carries, in words.
        kinds: Endings of the types that it may have.
        alone: Whether the only topic of these types is taken, whatever its name.
    """

    name: str
    what: str
    kinds: tuple[str, ...]
    alone: bool = False


ODOM = Role("odom", "odometry", (ODOMETRY,), alone=True)
CMD_VEL = Role("cmd_vel", "commands", (TWIST, TWIST_STAMPED), alone=True)
PLAN = Role("plan", "a plan", ("/Path",))
E_STOP = Role("e_stop", "an e-stop", ("",))
DIAGNOSTICS = Role("diagnostics", "diagnostics", ("/DiagnosticArray",))


@dataclass
class Chosen:
    """The topics of one robot, by their full names; ``None``: there is none.

    Attributes:
        odom: Odometry.
        cmd_vel: Commands.
        plan: Plan.
        e_stop: E-stop.
        diagnostics: Diagnostics.
        notes: What was taken under another name, and what was not taken because it is not clear which.
    """

    odom: str
    cmd_vel: str | None = None
    plan: str | None = None
    e_stop: str | None = None
    diagnostics: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def all(self) -> set[str | None]:
        """All of them."""
        return {self.odom, self.cmd_vel, self.plan, self.e_stop, self.diagnostics}


def choose(topics: Mapping[str, str], odom: str, cmd_vel: str | None, setting: str, commanded: bool = False) -> Chosen:
    """Find the topics of one robot.

    A name that is given is found in full, or else in any namespace. Otherwise a topic with the usual name is looked for
    beside the odometry, then in the namespaces around it, then anywhere; at last the only topic of the type is taken.
    What stands beside another robot's odometry is not taken without being named.

    Args:
        topics: Type of each topic of the bag.
        odom: Topic of the odometry; ``odom``: not given.
        cmd_vel: Topic of the commands; ``None``: not given.
        setting: How a topic is given, for messages: ``{0}`` or ``{option}`` stand for the name, ``{1}`` for the topic.
        commanded: Whether there must be commands.

    Raises:
        RobotError: There is no odometry, or no commands where there must be some; it is not clear which are meant; or
            a topic that is given is not there or of another type.
    """
    search = _Search(topics, setting)
    chosen = Chosen(search.given(ODOM, odom) if odom != ODOM.name else search.needed(ODOM))
    search.odom = chosen.odom
    if cmd_vel is not None:
        chosen.cmd_vel = search.given(CMD_VEL, cmd_vel)
    else:
        chosen.cmd_vel = search.needed(CMD_VEL) if commanded else search.clear(CMD_VEL)
    chosen.plan, chosen.e_stop, chosen.diagnostics = (search.clear(role) for role in (PLAN, E_STOP, DIAGNOSTICS))
    chosen.notes = search.notes
    return chosen


class _Search:
    def __init__(self, topics: Mapping[str, str], setting: str) -> None:
        self.topics, self.setting = topics, setting
        self.odom: str | None = None
        self.notes: list[str] = []

    def given(self, role: Role, name: str) -> str:
        """The topic of a name."""
        right = self._of(role)
        full = [topic for topic in self.topics if topic.strip("/") == name.strip("/")]
        called = [topic for topic in right if named(topic, name)] or [t for t in self.topics if named(t, name)]
        topic = find_topic(full or called or right or self.topics, name)
        if topic not in right:
            hint = f"name a topic with {' or '.join(role.kinds)}"
            raise RobotError(f"{topic} of the bag holds {self.topics[topic]}", f"{hint}{self._choices(role, right)}")
        return topic

    def needed(self, role: Role) -> str:
        """The topic of a role that must be there."""
        found, right = self._candidates(role), self._of(role)
        if len(found) == 1:
            return self._taken(role, found[0])
        if not right:
            wrong = [f"{topic} ({kind})" for topic, kind in self.topics.items() if named(topic, role.name)]
            kinds, there = " or ".join(role.kinds), ", ".join(wrong or sorted(self.topics)) or "nothing"
            raise RobotError(
                f"the bag has no {role.what}: no topic of the type {kinds}, but {there}", f"record {role.name}"
            )
        what = f"several topics for {role.what}"
        if not found:
            what = f"{role.what} only beside another robot's odometry than {self.odom}"
        choices = found or right
        raise RobotError(f"the bag has {what}: {', '.join(choices)}", f"choose one{self._choices(role, choices)}")

    def clear(self, role: Role) -> str | None:
        """The topic of a role that need not be there, if it is clear which."""
        found = self._candidates(role)
        if len(found) > 1:
            self.notes.append(f"several topics could be {role.what}, and none is taken: {', '.join(found)}")
        return self._taken(role, found[0]) if len(found) == 1 else None

    def _candidates(self, role: Role) -> list[str]:
        right = self._of(role)
        for place in _around(self.odom):
            beside = [topic for topic in right if topic.strip("/") == f"{place}{role.name}"]
            if beside:
                return beside[:1]
        own = [topic for topic in right if not self._of_another(topic)]
        return [topic for topic in own if named(topic, role.name)] or (own if role.alone else [])

    def _of(self, role: Role) -> list[str]:
        return sorted(topic for topic, kind in self.topics.items() if kind.endswith(role.kinds))

    def _of_another(self, topic: str) -> bool:
        """Whether a topic is in the namespace of another robot, whose odometry is called as the one that is read."""
        if self.odom is None:
            return False
        mine, _, name = self.odom.strip("/").rpartition("/")
        for odom in self._of(ODOM):
            place, _, called = odom.strip("/").rpartition("/")
            inside = topic.strip("/").startswith(f"{place}/")
            if place and place != mine and called == name and inside and not topic.strip("/").startswith(f"{mine}/"):
                return True
        return False

    def _taken(self, role: Role, topic: str) -> str:
        if not named(topic, role.name):
            self.notes.append(f"{topic} is taken for the {role.what}: it is the only topic of its type")
        return topic

    def _choices(self, role: Role, topics: list[str]) -> str:
        option = role.name.replace("_", "-")
        given = [self.setting.format(role.name, topic, option=option) for topic in topics]
        return f": {' or '.join(given)}" if given else ""


def _around(odom: str | None) -> list[str]:
    """The namespace of a topic and those around it, each with the slash that ends it."""
    if odom is None:
        return []
    parts = odom.strip("/").split("/")[:-1]
    return ["".join(f"{part}/" for part in parts[:count]) for count in range(len(parts), -1, -1)]
