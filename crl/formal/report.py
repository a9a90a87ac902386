"""A decision in words: a table of verdicts and values, then what shows each."""

from __future__ import annotations

from crl.formal.continual import ProblemVerdict
from crl.formal.interface import History, Interface
from crl.formal.problem import Decision, Problem
from crl.formal.verdict import Departure, Lasso, Rules, Settled, Unmatched, Verdict, Witness

SHOWN = 12
"""Steps of a history, or names of a list, that are printed."""


def report(problem: Problem, decision: Decision) -> str:
    """The text that ``crl formal`` prints."""
    interface = problem.environment.interface
    lines = [
        f"environment: {_count(len(problem.environment.states), 'state')}, {_count(len(interface.actions), 'action')}, "
        f"{_count(len(interface.observations), 'observation')}",
        f"basis: {_listed([element.name for element in problem.basis])}",
    ]
    if problem.criterion is not None:
        lines.append(f"value: {problem.criterion}")
    lines += ["", *_table(problem, decision), ""]
    for agent, generated, reached in zip(problem.agents, decision.generated, decision.reached, strict=True):
        lines.append(
            f"{agent.name} ({_count(reached.always.states, 'product state')}, {_count(reached.always.edges, 'edge')})"
        )
        shown = [generated.witness, reached.sometimes.witness]
        if reached.always.witness is not reached.sometimes.witness:
            shown.append(reached.always.witness)
        for witness in shown:
            lines += [f"  {line}" for line in _witness(problem, interface, witness)]
    if decision.problem is not None:
        lines += _of_the_basis(decision.problem)
        lines += ["", f"continual RL problem: {_yes(bool(decision.problem))}: {decision.problem.reason}"]
    return "\n".join(lines)


def _of_the_basis(verdict: ProblemVerdict) -> list[str]:
    """The values of elements of the basis that are no agents of the file: they are compared as well."""
    rows = [
        f"  {verdict.agents[i]}: {verdict.values[i].number:.6g}{' best' if i in verdict.best else ''}"
        for i in range(verdict.given, len(verdict.agents))
    ]
    if not rows:
        return []
    # The best first: it may decide the question.
    rows.sort(key=lambda row: not row.endswith(" best"))
    more = [f"  and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return ["", "the basis is compared with them:", *rows[:SHOWN], *more]


def _table(problem: Problem, decision: Decision) -> list[str]:
    header = ["agent", "generated", "sometimes", "never", "always", "continual learner", "value"]
    rows = [header if decision.problem is not None else header[:-1]]
    for index, (agent, generated, reached) in enumerate(
        zip(problem.agents, decision.generated, decision.reached, strict=True)
    ):
        row = [
            agent.name,
            *(_yes(bool(verdict)) for verdict in (generated, reached.sometimes, reached.never)),
            _always(reached.always),
            _yes(bool(generated) and bool(reached.never)),
        ]
        if decision.problem is not None:
            best = " best" if index in decision.problem.best else ""
            row.append(f"{decision.problem.values[index].number:.6g}{best}")
        rows.append(row)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _always(verdict: Verdict) -> str:
    if not verdict:
        return "no"
    return "yes" if verdict.within is None else f"yes, in {verdict.within}"


def _witness(problem: Problem, interface: Interface, witness: Witness) -> list[str]:
    if isinstance(witness, Settled):
        return [f"settled on {problem.basis[witness.element].name} after: {_history(interface, witness.history)}"]
    if isinstance(witness, Unmatched):
        return [f"no element acts like it after: {_history(interface, witness.history)}"]
    if isinstance(witness, Rules):
        rule = witness.rules[0]
        made = "a rule" if rule is None else f"a rule with {_count(len(rule.choice), 'memory', 'memories')}"
        return [f"made from the basis by {made}"]
    if isinstance(witness, Lasso):
        lines = [
            f"never settles along: {_history(interface, witness.prefix)}, then for ever: "
            f"{_history(interface, witness.cycle)}"
        ]
        for departure in witness.departures[:SHOWN]:
            lines += [f"  {line}" for line in _witness(problem, interface, departure)]
        if len(witness.departures) > SHOWN:
            lines.append(f"  and likewise from {len(witness.departures) - SHOWN} more elements")
        return lines
    assert isinstance(witness, Departure)
    name = problem.basis[witness.element].name
    return [f"departs from {name} after: {_history(interface, witness.history)}"]


def _history(interface: Interface, history: History) -> str:
    if len(history) <= SHOWN:
        return interface.describe(history)
    return f"{interface.describe(history[:SHOWN])} ... ({len(history)} steps)"


def _listed(names: list[str]) -> str:
    rest = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _count(number: int, what: str, plural: str | None = None) -> str:
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"
