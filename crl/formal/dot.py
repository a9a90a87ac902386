"""Product graphs as Graphviz text, with the settled set filled."""

from __future__ import annotations

import numpy as np

from crl.formal.agent import AgentBasis, FiniteAgent
from crl.formal.environment import FiniteEnvironment
from crl.formal.problem import Decision, Problem
from crl.formal.reaches import Reach

MOST = 200
"""Product states that are drawn."""
COLOURS = ("lightblue", "palegreen", "lightsalmon", "khaki", "plum", "lightgrey")
"""One per basis element that some agent settles on, in the order of the basis, over and over."""


def dot(problem: Problem, decision: Decision) -> str:
    """One cluster per agent; a product too large to draw is a single node that says so."""
    parts = []
    for index, (agent, reached) in enumerate(zip(problem.agents, decision.reached, strict=True)):
        parts.append(f"  subgraph cluster_{index} {{")
        parts.append(f"    label={_quoted(agent.name)};")
        parts += [f"    {line}" for line in _cluster(f"p{index}_", agent, problem.basis, problem.environment, reached)]
        parts.append("  }")
    header = ["digraph settled {", "  rankdir=LR;", '  node [shape=box, style="rounded,filled", fillcolor=white];']
    return "\n".join([*header, *parts, "}", ""])


def _cluster(
    prefix: str, agent: FiniteAgent, basis: AgentBasis, environment: FiniteEnvironment, reached: Reach
) -> list[str]:
    graph = reached.product.graph
    if graph.nodes > MOST:
        return [f'{prefix}0 [label="{graph.nodes:,} states: too many to draw (at most {MOST})"];']
    memory = reached.product.memory(0)
    lines = []
    for node in range(graph.nodes):
        possible = reached.told.states(int(reached.product.base[node]))
        words = [_set(environment, possible), agent.memory_name(int(memory[node]))]
        settled = int(reached.element[node])
        extra = ", penwidth=3" if node == 0 else ""
        if settled >= 0:
            words.append(f"settled: {basis[settled].name}")
            extra += f", fillcolor={COLOURS[settled % len(COLOURS)]}"
        label = "\\n".join(_escaped(word) for word in words)
        lines.append(f'{prefix}{node} [label="{label}"{extra}];')
    for source in range(graph.nodes):
        edges = slice(graph.first[source], graph.first[source + 1])
        for target in np.unique(graph.target[edges]):
            labels = graph.label[edges][graph.target[edges] == target]
            names = [environment.interface.describe([environment.interface.step(label)]) for label in labels[:4]]
            if len(labels) > 4:
                names.append(f"and {len(labels) - 4} more")
            text = "\\n".join(_escaped(name) for name in names)
            lines.append(f'{prefix}{source} -> {prefix}{target} [label="{text}"];')
    return lines


def _set(environment: FiniteEnvironment, states: tuple[int, ...]) -> str:
    names = ", ".join(environment.states[state] for state in states[:4])
    more = f", and {len(states) - 4} more" if len(states) > 4 else ""
    return names if len(states) == 1 else f"one of {names}{more}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'
