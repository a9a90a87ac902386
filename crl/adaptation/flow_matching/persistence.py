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

from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration
from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.identification.making import make_identifier
from crl.adaptation.nominal_model import NominalModel
from crl.config import Config
from crl.config.limits import leaves, validate
from crl.config.renamed import migrated
from crl.config.sections.flow import FlowConfig
from crl.errors import CrlError
from crl.reading.json_text import read_json
from crl.reading.plain import read_bytes
from crl.types import ActionSpec

VERSION = 2
"""Format that is written."""
READ = (1, 2)
"""Formats that are read; 1 has the settings without their groups."""
MOST = 1 << 30
"""Bytes of tensors that are read; a fitted flow has a few hundred thousand."""
TENSORS, DESCRIPTION = "flow.safetensors", "flow.json"


class FlowFileError(CrlError, ValueError):
    """A flow's files are missing, damaged, or made for another body."""


def save_flow(flow: ActionFlow, folder: Path, model: str | None = None) -> None:
    """Write a flow to a folder, which is created; each file is replaced as a whole.

    Args:
        flow: The fitted flow.
        folder: Where to.
        model: Fingerprint of the nominal model that it was fitted with, to be checked when it is loaded.
    """
    state = flow.state_dict()
    tensors: dict[str, torch.Tensor] = {}
    plain = _split(state, "", tensors)
    action = flow.action
    description = {
        "version": VERSION,
        "model": model,
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


def load_flow(folder: Path, action: ActionSpec, nominal: NominalModel, model: str | None = None) -> ActionFlow:
    """Read a flow for a body's actions.

    Args:
        folder: Where :func:`save_flow` wrote it.
        action: The body's action; size, names, units and limits must be those that the flow was fitted for.
        nominal: The nominal model that it was fitted with.
        model: Its fingerprint, if known; see :func:`save_flow`.

    Raises:
        FlowFileError: No flow is there, it is damaged, or it was fitted for another action or with another model.
    """
    hint = _hint(folder)
    description, tensors = _read(folder)
    try:
        _check_action(description["action"], action, folder)
        fitted_with = description.get("model")
        if model is not None and fitted_with is not None and fitted_with != model:
            raise FlowFileError(
                f"the flow in {folder} was fitted with another model of the body",
                "use the env, the seed and the settings that it was fitted with, or fit it again",
            )
        state = _join(description["state"], tensors)
        config = _config(state["config"])
        validate(Config(flow=config))
        calibration = Calibration.from_state(state["calibration"])
        kind = state["identifier"]["kind"]
        identifier = make_identifier(kind, config, Box.of(action), nominal, calibration)
        flow = ActionFlow(config, action, identifier, calibration)
        flow.load_state_dict(state)
    except FlowFileError:
        raise
    except CrlError as error:
        raise FlowFileError(f"the flow in {folder} can't be used: {error.message}", error.hint or hint) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FlowFileError(f"the flow in {folder} is damaged: {error!r}", hint) from error
    return flow


def check_flow(folder: Path, action: ActionSpec, config: FlowConfig, identifier: str) -> None:
    """Check that a flow that :func:`save_flow` wrote is one for these actions and settings, before anything is fitted.

    Args:
        folder: Where the flow is.
        action: The body's action.
        config: The settings that it will be used with.
        identifier: The identifier that is expected in it.

    Raises:
        FlowFileError: No flow is there, it is damaged, or it was fitted for other actions or with other settings.
    """
    description, _ = _read(folder)
    try:
        _check_action(description["action"], action, folder)
        kept = _config(description["state"]["config"])
        kind = description["state"]["identifier"]["kind"]
    except (KeyError, TypeError, AttributeError) as error:
        raise FlowFileError(f"the flow in {folder} is damaged: {error!r}", _hint(folder)) from error
    if kind != identifier:
        raise FlowFileError(f"the flow in {folder} has the identifier {kind}, {identifier} is wanted", _hint(folder))
    wanted = dict(leaves(config, "flow."))
    other = [f"{key}={value}" for key, value in leaves(kept, "flow.") if value != wanted[key]]
    if other:
        settings = " ".join(other)
        raise FlowFileError(
            f"the flow in {folder} was fitted with other settings: {settings}", "give them here too, or fit it again"
        )


def _hint(folder: Path) -> str:
    return f"fit it again, or name another folder than {folder}"


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """The description of a flow and its tensors."""
    hint = _hint(folder)
    try:
        description = read_json(folder / DESCRIPTION)
        tensors = load(read_bytes(folder / TENSORS, MOST))
    except FileNotFoundError as error:
        raise FlowFileError(f"there is no fitted flow: {error.filename} is missing", hint) from error
    except (OSError, ValueError, SafetensorError) as error:
        raise FlowFileError(f"the flow in {folder} can't be read: {error}", hint) from error
    version = description.get("version") if isinstance(description, dict) else None
    if version not in READ:
        raise FlowFileError(f"the flow in {folder} has format {version}, this version reads {VERSION}", hint)
    return description, tensors


def _config(state: Mapping[str, Any]) -> FlowConfig:
    """The settings of a flow, without those that there are no longer."""
    written, config = migrated({"flow": state})["flow"], FlowConfig()
    for group in fields(config):
        section = getattr(config, group.name)
        for item in fields(section):
            if item.name in written.get(group.name, {}):
                setattr(section, item.name, written[group.name][item.name])
    return config


def _check_action(kept: Mapping[str, Any], action: ActionSpec, folder: Path) -> None:
    hint = "fit a flow for this environment, or name the folder of one that was fitted for it"
    if kept["size"] != action.size:
        raise FlowFileError(
            f"the flow in {folder} was fitted for {kept['size']} action elements ({', '.join(kept['names'])}), "
            f"this body has {action.size} ({', '.join(action.names)})",
            hint,
        )
    given = asdict(action)
    for what in ("names", "units", "low", "high"):
        if list(kept[what]) != list(given[what]):
            raise FlowFileError(
                f"the flow in {folder} was fitted for actions with {what} {list(kept[what])}, "
                f"this body's have {list(given[what])}",
                hint,
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
