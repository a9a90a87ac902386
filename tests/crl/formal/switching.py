"""The switching bandit of the tests: one of two arms is good, and now and then it becomes the other one."""

from __future__ import annotations

from crl.formal import FiniteEnvironment, Interface

INTERFACE = Interface(("left", "right"), ("lose", "win"))
REWARDS = [0.0, 1.0]


def switching(chance: float = 0.1) -> FiniteEnvironment:
    """The good arm changes with a chance after every pull."""
    table = {}
    for good, other in (("left", "right"), ("right", "left")):
        table[good] = {
            arm: [(1 - chance, good, outcome), (chance, other, outcome)]
            for arm, outcome in ((good, "win"), (other, "lose"))
        }
    return FiniteEnvironment.from_tables(table, "left", interface=INTERFACE)


def frozen() -> FiniteEnvironment:
    """The same, but left stays the good arm."""
    table = {"left": {"left": [(1.0, "left", "win")], "right": [(1.0, "left", "lose")]}}
    return FiniteEnvironment.from_tables(table, "left", interface=INTERFACE)
