"""What was fitted comes back from its state, also from one of before its parts had their names of today."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from crl.adaptation.fitted import ONE_STEP, PLAN, Fitted, body_model
from crl.dynamics.body import Body
from crl.dynamics.body_model import Rows
from crl.errors import CrlError
from crl.sequences import load_sequence
from tests import tiny_missions

TASK = load_sequence("tests.tiny_missions:UGV").spec(0)


def test_states_of_before_are_read(tmp_path: Path) -> None:
    config = tiny_missions.settings(tmp_path, "refiner=none")
    body = Body(TASK.observation, TASK.action)
    model, one_step = (body_model(config, body, TASK.action, part) for part in (PLAN, ONE_STEP))
    rows = Rows(torch.randn(9, body.inputs), torch.randn(9, 2), torch.randn(9, body.changes))
    model.normalise(rows)
    one_step.normalise(rows)
    fitted = Fitted(model, one_step, rows, torch.ones(body.changes))
    state = fitted.state_dict()
    old = {**{key: value for key, value in state.items() if key != "one_step"}, "tick": state["one_step"]}
    for kept in (state, old):
        again = Fitted.from_state(config, body, TASK.action, kept)
        assert torch.equal(again.one_step.weights, one_step.weights)
        assert torch.equal(again.model.weights, model.weights)
        assert again.fingerprint == fitted.fingerprint
    assert Fitted(one_step, model, rows, torch.ones(body.changes)).fingerprint != fitted.fingerprint
    with pytest.raises(CrlError, match="no flow was fitted"):
        fitted.save_flow(tmp_path / "flow")
