"""What was fitted comes back from its state."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from crl.adaptation.fitted import Fitted, one_step_dynamics
from crl.dynamics.body import Body
from crl.dynamics.rows import Rows
from crl.dynamics.task_model import TaskModel
from crl.errors import CrlError
from crl.sequences import load_sequence
from tests import tiny_missions

TASK = load_sequence("tests.tiny_missions:UGV").spec(0)


def test_states_are_read(tmp_path: Path) -> None:
    config = tiny_missions.settings(tmp_path, "refiner=none")
    body = Body(TASK.observation, TASK.action)
    rows = Rows(torch.randn(9, body.features), torch.randn(9, 2), torch.randn(9, body.changes))
    model = one_step_dynamics(config, TASK.observation, TASK.action)
    normalisers = model.normalisers()
    normalisers.features.update(rows.inputs)
    normalisers.actions.update(rows.action)
    normalisers.changes.update(rows.change)
    normalisers.freeze()
    one_step, other = (TaskModel(model, torch.randn(model.network.size), normalisers) for _ in range(2))
    fitted = Fitted(one_step, rows, torch.ones(body.changes), body)
    again = Fitted.from_state(config, TASK.observation, TASK.action, fitted.state_dict())
    assert torch.equal(again.one_step.weights, one_step.weights)
    assert torch.equal(again.one_step.scale, one_step.scale)
    assert again.fingerprint == fitted.fingerprint
    assert Fitted(other, rows, torch.ones(body.changes), body).fingerprint != fitted.fingerprint
    with pytest.raises(CrlError, match="no flow was fitted"):
        fitted.save_flow(tmp_path / "flow")
