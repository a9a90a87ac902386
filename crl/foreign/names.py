"""Names of sequences that are made of any Gymnasium environment: ``gym:Pendulum-v1?{"g":[10,5,15]}``.

What varies stands in the name, so that whoever knows the name (a run folder, a report, another process) makes the same
tasks. Users write ``env=gym:Pendulum-v1 vary='{g: [10, 5, 15]}'``; the two are put together here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from crl.errors import CrlError

PREFIX = "gym:"
EXAMPLE = "env=gym:Pendulum-v1 vary='{g: [10, 5, 15]}'"


class ForeignError(CrlError, ValueError):
    """An environment can't be used as it is, or its variations make no sense; the hint says what to do."""


def is_foreign(name: str) -> bool:
    """Whether a sequence's name names a Gymnasium environment by its id."""
    return name.startswith(PREFIX)


def parts_of(name: str) -> list[str]:
    """The names in ``A+B``, which has the tasks of both sequences; a ``+`` in what varies joins nothing."""
    return re.findall(r"(?:[^+{]|\{.*?\}(?=\+|$))+", name)


def with_variations(name: str, vary: Mapping[str, Any]) -> str:
    """The name of the sequence that varies an environment.

    Args:
        name: ``gym:ID``, without variations.
        vary: Value, or list of values, by keyword argument.

    Raises:
        ForeignError: The name is of no Gymnasium environment, or varies already, or a value is no plain data.
    """
    if not is_foreign(name) or "?" in name:
        raise ForeignError(f"vary has nothing to vary: env={name}", f"name a Gymnasium environment: {EXAMPLE}")
    variations(f"{name}?{_json(vary)}")
    return f"{name}?{_json(vary)}"


def environment_id(name: str) -> str:
    """The id inside ``gym:ID?...``."""
    return name.removeprefix(PREFIX).partition("?")[0]


def recipe_of(name: str) -> str:
    """The name of the settings for an id: ``gym:HalfCheetah-v5`` has those of ``half_cheetah``."""
    bare = re.sub(r"-v\d+$", "", environment_id(name).rpartition("/")[2].rpartition(":")[2])
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", bare).lower().replace("-", "_")


def code_of(name: str) -> str | None:
    """What a name imports beside installed environments, as ``module:Id``; ``None``: nothing."""
    inside = environment_id(name)
    return inside if ":" in inside else None


def variations(name: str) -> list[dict[str, Any]]:
    """The arguments of every task that a name stands for, in order; one task without arguments if nothing varies.

    Lists stand side by side: task i gets the i-th value of each. A single value goes to every task.

    Raises:
        ForeignError: What stands after ``?`` can't be read, or lists have different lengths.
    """
    _, _, text = name.partition("?")
    if not text:
        return [{}]
    try:
        vary = json.loads(text)
    except json.JSONDecodeError as error:
        raise ForeignError(f"{name!r}: what varies can't be read: {error}", f"write {EXAMPLE}") from error
    if not isinstance(vary, dict) or not vary:
        raise ForeignError(f"{name!r}: what varies is no dictionary of arguments", f"write {EXAMPLE}")
    lengths = {key: len(value) for key, value in vary.items() if isinstance(value, list)}
    if 0 in lengths.values() or len(set(lengths.values())) > 1:
        raise ForeignError(
            f"{name!r}: the lists have {', '.join(f'{count} ({key})' for key, count in lengths.items())} values",
            "give every list one value per task; a single value, without brackets, goes to every task",
        )
    count = next(iter(lengths.values()), 1)
    return [{key: value[i] if isinstance(value, list) else value for key, value in vary.items()} for i in range(count)]


def _json(vary: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(vary), separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ForeignError(f"vary={dict(vary)!r} is no plain data: {error}", f"write {EXAMPLE}") from error
