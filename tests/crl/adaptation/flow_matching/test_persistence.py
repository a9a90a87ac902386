"""A saved flow comes back to the bit, and refuses to serve another body."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from crl.adaptation.flow_matching.action_flow import ActionFlow, fit_flow
from crl.adaptation.flow_matching.persistence import (
    DESCRIPTION,
    TENSORS,
    FlowFileError,
    check_flow,
    load_flow,
    save_flow,
)
from crl.config.renamed import formerly
from crl.types import ActionSpec
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle

TINY = flow_config(
    field_hidden=[8],
    field_regimes=32,
    field_actions=2,
    field_updates=5,
    encoder_updates=3,
    encoder_hidden=[8, 8],
    identification_structure="affine",
)


def fitted(kind: str) -> ActionFlow:
    return fit_flow(TINY, unicycle.ACTION, bodies.simulator(TINY), bodies.calibration(), identifier=kind)


@pytest.mark.parametrize("kind", ["structured", "learned"])
def test_a_flow_comes_back_to_the_bit(kind: str, tmp_path: Path) -> None:
    flow = fitted(kind)
    save_flow(flow, tmp_path / "deep" / "flow")
    again = load_flow(tmp_path / "deep" / "flow", unicycle.ACTION, bodies.NOMINAL)
    generator = torch.Generator().manual_seed(0)
    action, context = bodies.BOX.sample(10, generator), torch.randn(10, flow.identifier.size, generator=generator)
    assert torch.equal(flow.refine(action, context), again.refine(action, context))
    assert torch.equal(flow.identifier.effective(action, context), again.identifier.effective(action, context))
    assert again.config == flow.config
    assert torch.equal(again.calibration.thresholds, flow.calibration.thresholds)
    assert torch.equal(again.calibration.whitener, flow.calibration.whitener)
    assert sorted(path.name for path in (tmp_path / "deep" / "flow").iterdir()) == [DESCRIPTION, TENSORS]


def test_a_flow_for_another_action_is_refused(tmp_path: Path) -> None:
    save_flow(fitted("structured"), tmp_path)
    three = ActionSpec(("a", "b", "c"), ("m", "m", "m"), (-1.0,) * 3, (1.0,) * 3)
    with pytest.raises(
        FlowFileError, match=r"fitted for 2 action elements \(v, w\), this body has 3 \(a, b, c\)\n.*fit"
    ):
        load_flow(tmp_path, three, bodies.NOMINAL)
    for changes, words in (
        ({"names": ("v", "steer")}, "names"),
        ({"units": ("m/s", "deg/s")}, "units"),
        ({"high": (2.0, 1.0)}, "high"),
    ):
        with pytest.raises(FlowFileError, match=words):
            load_flow(tmp_path, replace(unicycle.ACTION, **changes), bodies.NOMINAL)


def test_a_flow_for_another_model_of_the_body_is_refused(tmp_path: Path) -> None:
    save_flow(fitted("structured"), tmp_path, "ab12")
    load_flow(tmp_path, unicycle.ACTION, bodies.NOMINAL, "ab12")
    load_flow(tmp_path, unicycle.ACTION, bodies.NOMINAL)
    with pytest.raises(FlowFileError, match=r"another model of the body\n.*fit it again"):
        load_flow(tmp_path, unicycle.ACTION, bodies.NOMINAL, "cd34")


def test_a_flow_is_checked_before_there_is_a_model(tmp_path: Path) -> None:
    save_flow(fitted("structured"), tmp_path)
    check_flow(tmp_path, unicycle.ACTION, TINY, "structured")
    with pytest.raises(FlowFileError, match="identifier structured, learned is wanted"):
        check_flow(tmp_path, unicycle.ACTION, TINY, "learned")
    other = replace(
        TINY,
        identification=replace(TINY.identification, structure="gains"),
        field=replace(TINY.field, updates=6),
    )
    with pytest.raises(
        FlowFileError,
        match=r"other settings: flow\.identification\.structure=affine flow\.field\.updates=5\n",
    ):
        check_flow(tmp_path, unicycle.ACTION, other, "structured")
    with pytest.raises(FlowFileError, match="high"):
        check_flow(tmp_path, replace(unicycle.ACTION, high=(2.0, 1.0)), TINY, "structured")


def test_a_flow_without_groups_of_settings_is_read(tmp_path: Path) -> None:
    save_flow(fitted("learned"), tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    description["version"] = 1
    description["state"]["config"] = formerly({"flow": description["state"]["config"]})["flow"]
    assert description["state"]["config"]["encoder_updates"] == 3  # the name that format 1 has
    (tmp_path / DESCRIPTION).write_text(json.dumps(description))
    assert load_flow(tmp_path, unicycle.ACTION, bodies.NOMINAL).config == TINY
    check_flow(tmp_path, unicycle.ACTION, TINY, "learned")


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FlowFileError, match="is missing"):
        load_flow(tmp_path, unicycle.ACTION, bodies.NOMINAL)
    save_flow(fitted("learned"), tmp_path)
    whole = (tmp_path / DESCRIPTION).read_text()
    (tmp_path / DESCRIPTION).write_text(whole[: len(whole) // 2])
    with pytest.raises(FlowFileError, match="can't be read"):
        load_flow(tmp_path, unicycle.ACTION, bodies.NOMINAL)
    (tmp_path / DESCRIPTION).write_text(whole.replace('"version": 2', '"version": 7'))
    with pytest.raises(FlowFileError, match="format 7"):
        load_flow(tmp_path, unicycle.ACTION, bodies.NOMINAL)
    (tmp_path / DESCRIPTION).write_text(whole.replace('"field"', '"fjeld"'))
    with pytest.raises(FlowFileError, match="damaged"):
        load_flow(tmp_path, unicycle.ACTION, bodies.NOMINAL)
    (tmp_path / DESCRIPTION).write_text(whole)
    (tmp_path / TENSORS).write_bytes(b"no tensors")
    with pytest.raises(FlowFileError, match="can't be read"):
        load_flow(tmp_path, unicycle.ACTION, bodies.NOMINAL)


def not_finite(folder: Path) -> None:
    tensors = load_file(folder / TENSORS)
    tensors["field/weights"][0] = torch.nan
    save_file(tensors, folder / TENSORS)


def too_few(folder: Path) -> None:
    tensors = load_file(folder / TENSORS)
    tensors["calibration/mean"] = tensors["calibration/mean"][:1].clone()
    save_file(tensors, folder / TENSORS)


def pipe(folder: Path) -> None:
    (folder / TENSORS).unlink()
    os.mkfifo(folder / TENSORS)


def deep(folder: Path) -> None:
    (folder / DESCRIPTION).write_text("[" * 100_000)


def huge(folder: Path) -> None:
    with (folder / TENSORS).open("r+b") as file:
        file.truncate(1 << 40)


def odd_settings(folder: Path) -> None:
    plain = json.loads((folder / DESCRIPTION).read_text())
    plain["state"]["config"]["field"]["hidden"] = [-5]
    (folder / DESCRIPTION).write_text(json.dumps(plain))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (not_finite, "field/weights holds 1 of"),
        (too_few, "calibration|whitener|drifts"),
        (pipe, "is a pipe"),
        (deep, "levels deep"),
        (huge, "1,099,511,627,776 bytes"),
        (odd_settings, r"flow\.field\.hidden"),
    ],
)
def test_a_flow_that_can_not_be_used_is_named(spoil: Callable[[Path], None], words: str, tmp_path: Path) -> None:
    save_flow(fitted("structured"), tmp_path)
    spoil(tmp_path)
    with pytest.raises(FlowFileError, match=words):
        load_flow(tmp_path, unicycle.ACTION, bodies.NOMINAL)
