"""How long verdicts and values take, from 10^3 to 10^6 product states with 5 edges each.

Fully observed environments of four kinds, with S states and 5 branches per state and action (5 next states, each
with an observation of its own):

* ``random``: next states drawn at random; shallow, and its values iterate well;
* ``grid``: neighbours on a torus of side sqrt(S); as deep as its side, and it mixes slowly;
* ``line``: neighbours on a line, with a drift that differs from place to place; it mixes slowest;
* ``ring``: a corridor of all S states that is walked to its end, with the other branches leading back: as deep as it
  is long.

The agent has 10 memories (it counts steps modulo 10, and acts by the count), so that the product has 10 S states. It
never settles on the basis of fixed policies, and always does once the basis has an element that acts as it does: both
answers of a greatest fixed point are computed over the whole product. Seconds are those of the processor, memory is
the most that the program had taken by then. Run with ``OMP_NUM_THREADS=1``; ``--largest 4`` stops at 10^4 states.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from crl.formal import (
    AgentBasis,
    AverageReward,
    Discounted,
    FiniteAgent,
    FiniteEnvironment,
    Interface,
    fixed_policies,
    is_continual_learner,
    reach,
    value,
)

MEMORIES, BRANCHES = 10, 5


def environment(kind: str, states: int, rng: np.random.Generator) -> FiniteEnvironment:
    here = np.arange(states)
    if kind == "random":
        following = rng.integers(states, size=(states, BRANCHES))
        following[:, 0] = (here + 1) % states
    elif kind == "grid":
        side = int(np.sqrt(states))
        states = side * side
        here = np.arange(states)
        row, column = np.divmod(here, side)
        north, south = (row - 1) % side * side + column, (row + 1) % side * side + column
        west, east = row * side + (column - 1) % side, row * side + (column + 1) % side
        following = np.stack([here, north, south, west, east], axis=1)
    elif kind == "line":
        following = np.clip(here[:, None] + np.array([0, -1, 1, -2, 2]), 0, states - 1)
    else:
        following = here[:, None] // 2 ** np.arange(1, BRANCHES + 1)
        following[:, 0] = (here + 1) % states
    source = np.tile(np.repeat(here, BRANCHES), 2)
    target = np.tile(following.ravel(), 2)
    action = np.repeat([0, 1], states * BRANCHES)
    chance = rng.dirichlet(np.ones(BRANCHES), size=states)
    return FiniteEnvironment.from_branches(
        Interface(("stay", "go"), tuple(f"at {i}" for i in range(states))),
        source,
        action,
        target,
        target,
        np.tile(chance.ravel(), 2),
        np.eye(1, states)[0],
    )


def counting_agent(interface: Interface, name: str, odd: int) -> FiniteAgent:
    """Counts steps modulo 10; goes in the memory ``odd``, stays else: one action, 5 branches."""
    policy = np.zeros((MEMORIES, 2))
    policy[:, 0] = 1
    policy[odd] = [0, 1]
    after = ((np.arange(MEMORIES) + 1) % MEMORIES)[:, None, None]
    update = np.broadcast_to(after, (MEMORIES, 2, len(interface.observations)))
    return FiniteAgent(name, interface, policy, update)


def timed(call: object, *arguments: object) -> tuple[float, object]:
    begin = time.process_time()
    result = call(*arguments)  # type: ignore[operator]
    return time.process_time() - begin, result


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--largest", type=int, default=6, help="power of ten of product states")
    options.add_argument("--kinds", nargs="+", default=["random", "grid", "line", "ring"])
    given = options.parse_args()
    seconds = ("never settles", "settles", "continual learner", "discounted", "average")
    columns = ("product", "states", "edges", *seconds, "GB")
    print(f"| {' | '.join(columns)} |")
    print(f"| --- {'| ---: ' * (len(columns) - 1)}|")
    for kind in given.kinds:
        for power in range(3, given.largest + 1):
            row(kind, 10**power)


def row(kind: str, size: int) -> None:
    rng = np.random.default_rng(0)
    world = environment(kind, size // MEMORIES, rng)
    agent = counting_agent(world.interface, "agent", 3)
    fixed = list(fixed_policies(world.interface))
    same = counting_agent(world.interface, "the same", 3)
    wandering, first = timed(reach, agent, AgentBasis(fixed), world)
    settled, second = timed(reach, agent, AgentBasis([*fixed, same]), world)
    continual, third = timed(is_continual_learner, agent, AgentBasis(fixed), world)
    assert first.never and second.always and third
    discounted = average = "-"
    if size <= 100_000:
        rewards = rng.random(len(world.interface.observations))
        seconds, found = timed(value, agent, world, rewards, Discounted(0.99))
        discounted = f"{seconds:.2f} s"
        seconds, found = timed(value, agent, world, rewards, AverageReward())
        average = f"{seconds:.2f} s"
        assert found.error < 1e-9
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"| {kind} | {first.never.states:,} | {first.never.edges:,} | {wandering:.2f} s | {settled:.2f} s "
        f"| {continual:.2f} s | {discounted} | {average} | {memory:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
