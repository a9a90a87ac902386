"""Settings of action flow matching for tests, in one call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from crl.config.sections.flow import FlowConfig


def flow_config(**changes: Any) -> FlowConfig:
    """The defaults with changes, each named ``GROUP_SETTING``, such as ``field_hidden=[8]``."""
    config = FlowConfig()
    for key, value in changes.items():
        group, _, name = key.partition("_")
        setattr(config, group, replace(getattr(config, group), **{name: value}))
    return config
