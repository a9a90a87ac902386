"""Every array of a checkpoint has the shape that the settings ask for and is finite, or the one before is used."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crl.agents.factory import make_agent
from crl.config import Config
from crl.config.asking.composing import compose
from crl.restoring import UnfitStateError
from crl.sequences import load_sequence
from crl.training.checkpoints.proving import prove
from crl.training.checkpoints.store import CheckpointError, CheckpointStore
from crl.training.load import load_run
from crl.training.order import task_order
from crl.training.runner import resume, train
from crl.types import LearnBudget, Transition
from tests import tiny, tiny_missions
from tests.crl.states import differences

METHODS = {
    "hypercrl_si": ("continual=hypercrl_si",),
    "hypercrl_replay": ("continual=hypercrl_replay",),
    "coreset": ("continual=coreset",),
    "ewc": ("continual=ewc",),
    "si": ("continual=si",),
    "gradient_projection": ("continual=gradient_projection",),
    "pnn": ("continual=pnn", "dynamics.ensemble=2"),
    "single": ("continual=single", "dynamics.out_var=true"),
}


def settings(runs: Path, name: str) -> Config:
    few = ["budget.steps=[32]", "monitor.probes=2", "learning.initial_steps=3", "learning.final_steps=2"]
    few += ["evaluation.episodes=1", "evaluation.episodes_between=0", "planner.rounds=1"]
    return tiny.settings(runs, *few, *METHODS[name])


def arrays(state: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the arrays of a state are."""
    if isinstance(state, (torch.Tensor, np.ndarray)):
        yield place
    elif isinstance(state, dict):
        for key, value in state.items():
            yield from arrays(value, (*place, key))
    elif isinstance(state, (list, tuple)):
        for index, value in enumerate(state):
            yield from arrays(value, (*place, index))


def changed(state: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A state with another value in a place; what is not on the way is shared."""
    if not place:
        return value
    key, *rest = place
    copied = copy.copy(list(state) if isinstance(state, tuple) else state)
    copied[key] = changed(state[key], tuple(rest), value)
    return copied


def spoiled(value: Any) -> Iterator[Any]:
    """What must not pass in the place of an array."""
    if isinstance(value, torch.Tensor):
        # A generator's bytes have no shape.
        yield value.new_zeros(value.numel() + 2) if value.dtype is torch.uint8 else value.unsqueeze(0)
        if value.is_floating_point() and value.numel():
            wrong = value.clone(memory_format=torch.contiguous_format)
            wrong.view(-1)[-1] = torch.nan
            yield wrong
    else:
        yield np.concatenate([value, value[:1], value[:1]]) if len(value) else value[None]
        if value.dtype.kind == "f" and value.size:
            wrong = value.copy()
            wrong.reshape(-1)[-1] = np.inf
            yield wrong


def refused(config: Config, state: dict[str, Any], of: str = "agent") -> int:
    """How many arrays were spoiled in all ways; each must be refused, and named."""
    sequence = load_sequence(config.env.name)
    spec = sequence.spec(task_order(config, sequence)[0])
    agent, count, passed, named = make_agent(config, spec), 0, [], True
    for place in arrays(state[of]):
        value = state[of]
        for key in place:
            value = value[key]
        for wrong in (*spoiled(value), *((None, "x") if count < 5 else ())):
            try:
                agent.load_state_dict(changed(state[of], place, wrong))
            except UnfitStateError as error:
                named &= error.message.startswith(str(place[0]))
            else:
                passed.append((place, getattr(wrong, "shape", wrong)))
        count += 1
    assert not passed and named
    agent.load_state_dict(state[of])
    assert not differences(agent.state_dict(), state[of])
    return count


@pytest.mark.parametrize("name", METHODS)
def test_every_array_is_checked(name: str, tmp_path: Path) -> None:
    config = settings(tmp_path, name)
    train(config, tiny.quiet()[0])
    state = CheckpointStore(tmp_path / "run" / "checkpoints").load_latest().state
    assert refused(config, state) > 10
    sequence = load_sequence(config.env.name)
    prove(config, sequence, state)
    odd = changed(state, ("monitor", *next(arrays(state["monitor"]))), np.zeros((2, 3), np.float32))
    with pytest.raises(UnfitStateError, match="monitor"):
        prove(config, sequence, odd)


def test_every_array_of_a_model_free_agent_is_checked() -> None:
    config = compose(["env=tests.tiny:SLIDES", "agent=sb3_sac", "agent.hidden=[4]", "agent.batch=4"])
    spec = load_sequence(config.env.name).spec(0)
    agent, seen, push = make_agent(config, spec), np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2), np.ones(1)
    agent.begin(spec, 0, True)
    for step in range(11):
        action = (push * step / 11).astype(np.float32)
        ends = {"first": step == 0, "last": step == 10}
        agent.observe(Transition(0, seen[step], action, action, action, 1.0, seen[step + 1], **ends))
    agent.learn(LearnBudget(2))
    assert refused(config, {"agent": agent.state_dict()}) > 30


@pytest.mark.parametrize("refiner", ["afm", "afm_published"])
def test_every_array_of_an_agent_of_missions_is_checked(refiner: str, tmp_path: Path) -> None:
    config = tiny_missions.settings(tmp_path, f"refiner={refiner}")
    train(config, tiny.quiet()[0])
    state = CheckpointStore(tmp_path / "run" / "checkpoints").load_latest().state
    assert refused(config, state) > 10
    sequence = load_sequence(config.env.name)
    prove(config, sequence, state)
    with pytest.raises(UnfitStateError, match="positions"):
        prove(config, sequence, changed(state, ("run", "missions", 0, "path"), np.zeros(3, np.float32)))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two tasks with several checkpoints."""
    runs = tmp_path_factory.mktemp("runs")
    config = settings(runs, "single")
    config.checkpoint.seconds, config.checkpoint.keep = 0.0, 3
    train(config, tiny.quiet()[0])
    return runs / "run"


def not_a_number(state: dict[str, Any]) -> None:
    state["agent"]["strategy"]["trunk"].fill_(torch.nan)


def too_wide(state: dict[str, Any]) -> None:
    state["agent"]["buffer"]["observation"] = np.zeros((4, 3), np.float32)


def without_part(state: dict[str, Any]) -> None:
    del state["agent"]["scales"]


def odd_counters(state: dict[str, Any]) -> None:
    state["run"]["stage"] = "begging"


def best_spoiled(state: dict[str, Any]) -> None:
    state["best"] = {**state["agent"], "normalised": None, "model": {"bounds": torch.zeros(1)}}


def odd_log(state: dict[str, Any]) -> None:
    state["log"]["offset"] = -5


def no_agent(state: dict[str, Any]) -> None:
    del state["agent"]


SPOILED = [not_a_number, too_wide, without_part, odd_counters, best_spoiled, odd_log, no_agent]


@pytest.mark.parametrize("spoil", SPOILED, ids=lambda spoil: spoil.__name__)
def test_a_checkpoint_that_does_not_fit_is_named_and_the_one_before_is_used(
    spoil: Callable[[dict[str, Any]], None], run: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / "results.json").unlink()
    store = CheckpointStore(folder / "checkpoints", keep=3)
    before, *later = store.list()
    for path in later:
        shutil.rmtree(path)
    loaded_before = store.load(before)
    state = loaded_before.state
    spoil(state)
    newest = store.save(loaded_before.step, state)  # its checksums are right
    assert newest != before
    if spoil not in (best_spoiled, odd_log):  # which who plays the agent does not need
        loaded = load_run(folder)
        assert loaded.problems == [loaded.problems[0]] and f"{newest} does not fit the run: " in loaded.problems[0]
        assert bool(torch.isfinite(loaded.agent.state_dict()["strategy"]["trunk"]).all())
    assert resume(folder)["env_steps"] == json.loads((run / "results.json").read_text())["env_steps"]
    assert not differences(tiny.outcome(run)["state"], tiny.outcome(folder)["state"])


def test_where_no_checkpoint_fits_the_reason_is_given(run: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(run, tmp_path / "run")
    store = CheckpointStore(folder / "checkpoints", keep=1)
    state = store.load_latest().state
    not_a_number(state)
    store.save(64, state)
    with pytest.raises(CheckpointError, match=r"strategy/trunk holds \d+ of \d+ numbers that are not finite"):
        load_run(folder)
