"""A fitted flow as a folder: ``flow.safetensors`` for tensors, ``flow.json`` for settings, sizes, names and units.

What a flow was fitted for is checked when it is loaded: a flow of another body must not refine this one's actions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from crl.config import Config
from crl.config_missions import FlowConfig
from crl.errors import CrlError
from crl.flow.action_flow import ActionFlow, make_identifier
from crl.flow.box import Box
from crl.flow.detection import Calibration
from crl.flow.nominal import Nominal
from crl.limits import validate
from crl.reading.json_text import read_json
from crl.reading.plain import read_bytes
from crl.types import ActionSpec

VERSION = 1
MOST = 1 << 30
"""Bytes of tensors that are read; a fitted flow has a few hundred thousand."""
TENSORS, DESCRIPTION = "flow.safetensors", "flow.json"


class FlowFileError(CrlError, ValueError):
    """A flow's files are missing, damaged, or made for another body."""


def save_flow(flow: ActionFlow, folder: Path) -> None:
    """Write a flow to a folder, which is created; each file is replaced as a whole.

    Args:
        flow: The fitted flow.
        folder: Where to.
    """
    state = flow.state_dict()
    tensors: dict[str, torch.Tensor] = {}
    plain = _split(state, "", tensors)
    action = flow.action
    description = {
        "version": VERSION,
        "action": {
            "size": action.size,
            "names": list(action.names),
            "units": list(action.units),
            "low": list(action.low),
            "high": list(action.high),
        },
        "state": plain,
    }
    folder.mkdir(parents=True, exist_ok=True)
    beside = [folder / f".{name}.tmp" for name in (TENSORS, DESCRIPTION)]
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, beside[0])
    beside[1].write_text(json.dumps(description, indent=1) + "\n", encoding="utf-8")
    for path, name in zip(beside, (TENSORS, DESCRIPTION), strict=True):
        path.replace(folder / name)


def load_flow(folder: Path, action: ActionSpec, nominal: Nominal) -> ActionFlow:
    """Read a flow for a body's actions.

    Args:
        folder: Where :func:`save_flow` wrote it.
        action: The body's action; size, names, units and limits must be those that the flow was fitted for.
        nominal: The nominal model that it was fitted with.

    Raises:
        FlowFileError: No flow is there, it is damaged, or it was fitted for another action.
    """
    mend = f"fit it again, or name another folder than {folder}"
    try:
        description = read_json(folder / DESCRIPTION)
        tensors = load(read_bytes(folder / TENSORS, MOST))
    except FileNotFoundError as error:
        raise FlowFileError(f"there is no fitted flow: {error.filename} is missing", mend) from error
    except (OSError, ValueError, SafetensorError) as error:
        raise FlowFileError(f"the flow in {folder} can't be read: {error}", mend) from error
    try:
        if description["version"] != VERSION:
            raise FlowFileError(
                f"the flow in {folder} has format {description['version']}, this version reads {VERSION}", mend
            )
        _check_action(description["action"], action, folder)
        state = _join(description["state"], tensors)
        known = {field.name for field in fields(FlowConfig)}
        config = FlowConfig(**{name: value for name, value in state["config"].items() if name in known})
        validate(Config(flow=config))
        calibration = Calibration.from_state(state["calibration"])
        kind = state["identifier"]["kind"]
        identifier = make_identifier(kind, config, Box.of(action), nominal, calibration)
        flow = ActionFlow(config, action, identifier, calibration)
        flow.load_state_dict(state)
    except FlowFileError:
        raise
    except CrlError as error:
        raise FlowFileError(f"the flow in {folder} can't be used: {error.message}", error.mend or mend) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FlowFileError(f"the flow in {folder} is damaged: {error!r}", mend) from error
    return flow


def _check_action(kept: Mapping[str, Any], action: ActionSpec, folder: Path) -> None:
    mend = "fit a flow for this environment, or name the folder of one that was fitted for it"
    if kept["size"] != action.size:
        raise FlowFileError(
            f"the flow in {folder} was fitted for {kept['size']} action elements ({', '.join(kept['names'])}), "
            f"this body has {action.size} ({', '.join(action.names)})",
            mend,
        )
    given = asdict(action)
    for what in ("names", "units", "low", "high"):
        if list(kept[what]) != list(given[what]):
            raise FlowFileError(
                f"the flow in {folder} was fitted for actions with {what} {list(kept[what])}, "
                f"this body's have {list(given[what])}",
                mend,
            )


def _split(value: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    """The value as JSON, with each tensor replaced by its name in ``tensors``."""
    if isinstance(value, torch.Tensor):
        tensors[path] = value
        return {"tensor": path}
    if isinstance(value, Mapping):
        return {key: _split(inner, f"{path}/{key}" if path else key, tensors) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_split(inner, f"{path}/{i}", tensors) for i, inner in enumerate(value)]
    return value


def _join(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    """What :func:`_split` made, put together again."""
    if isinstance(value, dict):
        if value.keys() == {"tensor"}:
            return tensors[value["tensor"]]
        return {key: _join(inner, tensors) for key, inner in value.items()}
    if isinstance(value, list):
        return [_join(inner, tensors) for inner in value]
    return value
