"""Models of many tasks: as many as are asked for, in bounded memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from crl.learning import knowledge
from crl.learning.knowledge import Knowledge
from tests import tiny


def known(tmp_path: Path, tasks: int) -> Knowledge:
    config = tiny.settings(tmp_path)
    spec = tiny.load_sequence("tests.tiny:SLIDES").spec(0)
    made = Knowledge(config, spec.observation, spec.action)
    for task in range(tasks):
        made.strategy.begin_task(task)
        made.normalisers[task] = made.model.normalisers()
    return made


def test_models_of_many_tasks_take_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "MODEL_BYTES", 0)
    made = known(tmp_path, 20)
    for task in range(20):
        made.rollout(task)
        made.rollout(task, apart=True)
    assert len(made._models) == len(made._rollouts) == knowledge.LEAST_MODELS


def test_a_model_that_was_dropped_is_made_again_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "MODEL_BYTES", 0)
    made = known(tmp_path, 9)
    start, actions = torch.tensor([0.5, -0.1]), torch.rand(3, 4, 1, generator=torch.Generator().manual_seed(0))
    first = [made.rollout(task)(start, actions) for task in range(9)]
    assert made.task_model(8) is made.task_model(8), "the newest are kept"
    again = [made.rollout(task)(start, actions) for task in range(9)]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
