"""The command that makes a run again, from its settings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from functools import cache
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString

from crl.config.declared.agents import FROZEN, recorded_kind
from crl.errors import CrlError
from crl.reporting.store.comparing import read_settings
from crl.reporting.store.entry import flat

FIRST = ("env.name", "agent.name", "continual.name", "planner.name", "refiner.name", "profile", "seed")
"""Choices that come first, and by which the rest is composed."""

LEFT_OUT = ("run_dir", "name", "resume", "videos", "checkpoint.", "callbacks")
"""Settings that do not decide what a run reaches."""


def train_command(settings: Mapping[str, Any]) -> str:
    """The shortest ``crl train`` that composes to these settings, quoted for a shell.

    What the composition gives by itself is left out; what is set otherwise, or has another default today, is spelt
    out, so that the command means the same settings in any version that knows them.

    Args:
        settings: A run's settings, nested or by dotted key.
    """
    wanted = flat(settings)
    chosen = _choices(wanted)
    try:
        composed = dict(_composed(tuple(word for word in chosen if not word.startswith("seed="))))
    except CrlError:  # the sequence or the method is not installed here
        composed = {}
    read = read_settings(wanted)  # what is not read is refused by the command line, or has no effect
    words = [*chosen]
    for key, value in wanted.items():
        if key in FIRST or key.startswith(LEFT_OUT) or composed.get(key, _NOTHING) == value:
            continue
        if key not in read or value == {}:
            continue
        words.append(f"{key}={_value(value)}")
    if any(word.startswith("env.tasks=") for word in words) and not any(w.startswith("budget.steps=") for w in words):
        words.append(f"budget.steps={_value(wanted.get('budget.steps'))}")  # an order of tasks takes budgets along
    return " ".join(["crl train", *(shlex.quote(word) for word in words)])


_NOTHING = object()
_WORDS = ("null", "true", "false", "nan", "inf")


def _choices(wanted: Mapping[str, Any]) -> list[str]:
    kind = recorded_kind(wanted)
    method = [f"{group}.name" for group in kind.components] or ["agent.name"]
    keys = ("env.name", *method, "profile", "seed")
    words = [f"{key.removesuffix('.name')}={_value(wanted[key])}" for key in keys if wanted.get(key) is not None]
    if kind is FROZEN and wanted.get("agent.run"):
        words.append(f"agent.run={_value(wanted['agent.run'])}")  # composed only with the run that it plays
    return words


@cache
def _composed(words: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    from crl.config.asking.composing import compose, to_plain

    return tuple(flat(to_plain(compose(words))).items())


def _value(value: Any) -> str:
    """A value in Hydra's grammar."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_value(item)}" for key, item in value.items()) + "}"
    if isinstance(value, str):
        return value if _is_bare(value) else QuotedString(text=value, quote=Quote.double).with_quotes()
    return repr(value)


def _is_bare(text: str) -> bool:
    """Whether Hydra reads a string without quotes as itself."""
    return re.fullmatch(r"[A-Za-z_/.][\w/.:+-]*", text, re.ASCII) is not None and text.lower() not in _WORDS
