"""Environments of other people: what is only of another kind is learned the same, what is broken is said."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.checks.states import differences
from crl.sequences import SequenceError, load_sequence
from crl.training.runner import train
from crl.training.showing.telling import SimulatorFailed
from tests import foreign, tiny


def learned(folder: Path, env: str, *overrides: str) -> tuple[bytes, dict[str, Any]]:
    """What a tiny run writes down, and the agent's state at its end."""
    config = tiny.settings(folder, *overrides, "budget.steps=[32]", tasks="[0]")
    config.env.name = env
    loop = tiny.finish(tiny.make_loop(config, folder / "loop"))
    loop.log.close()
    return (folder / "loop/metrics.jsonl").read_bytes(), dict(loop.agent.state_dict())


@pytest.mark.parametrize(
    ("agent", "kinds"), [("mpc", foreign.KINDS), ("sb3_sac", ("float64", "reused"))], ids=["mpc", "sb3_sac"]
)
def test_what_is_only_of_another_kind_is_learned_the_same_to_the_bit(
    agent: str, kinds: tuple[str, ...], tmp_path: Path
) -> None:
    overrides = (f"agent={agent}", "agent.batch=16", "agent.hidden=[8]") if agent != "mpc" else ()
    written, state = learned(tmp_path / "own", "tests.tiny:SLIDES", *overrides)
    for kind in kinds:
        again, other = learned(tmp_path / kind, f"tests.foreign:{kind.upper()}", *overrides)
        assert again == written, kind
        assert not differences(other, state), kind


def test_integer_actions_are_rounded() -> None:
    sequence = load_sequence("tests.foreign:FLOAT64")
    with closing(sequence.make(0)) as env:
        from gymnasium.spaces import Box

        from crl.environment import TaskEnvironment

        inner: Any = env.unwrapped
        inner.manner, inner.action_space = "", Box(-1, 1, (1,), np.int64)
        wrapped, sent = TaskEnvironment(inner, env.task_spec), []
        inner.step = lambda action: sent.append(action) or (np.zeros(2), 0.0, False, False, {})
        wrapped.reset(seed=0)
        for action in (0.4, 0.6, -0.9):
            wrapped.step(np.array([action], np.float32))
        assert [action.tolist() for action in sent] == [[0], [1], [-1]]
        assert all(action.dtype == np.int64 for action in sent)


def test_a_bound_that_float32_can_not_express_is_not_left() -> None:
    """float32 of 0.1 is above 0.1: an environment that looks would refuse it."""
    from gymnasium.spaces import Box

    from crl.environment import TaskEnvironment

    with closing(load_sequence("tests.foreign:FLOAT64").make(0)) as env:
        inner: Any = env.unwrapped
        inner.action_space = Box(np.array([-0.1]), np.array([0.1]), dtype=np.float64)
        wrapped, sent = TaskEnvironment(inner, env.task_spec), []
        inner.step = lambda action: sent.append(action) or (np.zeros(2), 0.0, False, False, {})
        wrapped.reset(seed=0)
        for action in (0.1, -0.1, 0.05, 0.3):
            wrapped.step(np.array([action], np.float32))
    assert all(inner.action_space.contains(action) for action in sent[:3])
    assert sent[3][0] == np.float32(0.3), "what is really outside is passed on: some environments want it"


@pytest.mark.parametrize("manner", foreign.FAULTS)
def test_what_is_broken_ends_in_a_message_that_names_it(manner: str, tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, tasks="[0]")
    config.env.name = f"tests.foreign:{manner.upper()}"
    loop = tiny.make_loop(config, tmp_path / "loop", tiny.Puppet())
    steps = 0 if manner.startswith(("raise_reset", "reset")) else 3
    words = foreign.FAULTS[manner]
    with pytest.raises(
        SimulatorFailed,
        match=rf"(?s)^slide_0: 5 training episodes in a row ended early, the last at step {steps} because.*{words}"
        rf".*crl check env=tests.foreign:{manner.upper()} tasks=\[0\].*crl_tests/Foreign-v0",
    ):
        tiny.finish(loop)
    assert all(np.isfinite(step.next_observation).all() for step in loop.agent.seen)
    assert len(loop.agent.seen) == 5 * max(0, steps - 1), "what came before the fault is worth learning"


def test_a_run_that_stops_names_the_command_that_goes_on(tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, tasks="[0]")
    config.env.name = "tests.foreign:RAISE_STEP"
    with pytest.raises(SimulatorFailed, match=rf"(?s)no way.*the run goes on with: crl resume {tmp_path}/run"):
        train(config, tiny.quiet()[0])


def test_a_constructor_that_raises_is_named() -> None:
    with pytest.raises(
        SequenceError, match=r"(?s)task 0 .'slide_0'.*Foreign-v0 raised KeyError: 'licence' \(foreign.py, "
    ):
        load_sequence("tests.foreign:RAISE_INIT").spec(0)


def test_an_environment_that_can_not_be_made_any_more_stops_the_run_with_its_state_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tiny.settings(tmp_path, "budget.steps=[32]")
    sequence = load_sequence(config.env.name)
    make, made = type(sequence)._make, []

    def fails_later(self: Any, index: int, render_mode: str | None) -> Any:
        made.append(index)
        if len(made) > 4:
            raise SequenceError("out of licences", "buy more")
        return make(self, index, render_mode)

    monkeypatch.setattr(type(sequence), "_make", fails_later)
    from crl.training.checkpoints.store import CheckpointStore

    monkeypatch.setattr("crl.training.loop.TrainingLoop._env", lambda loop, index: loop.sequence.make(index))
    with pytest.raises(SequenceError, match=rf"(?s)out of licences.*buy more.*goes on with: crl resume {tmp_path}/run"):
        train(config, tiny.quiet()[0])
    assert CheckpointStore(tmp_path / "run/checkpoints").load_latest().state["run"]["env_steps"] > 0
    monkeypatch.undo()
    from crl.training.runner import resume

    assert resume(tmp_path / "run")["env_steps"] == 64


@pytest.mark.parametrize("numbers", [[0.0, 1e5, 2e8, 1e16], [1e-9, 5.0, -5.0, 1e9], [3e6, 3e14, 0.0, 1e17]])
def test_an_ordinary_number_is_no_outlier(numbers: list[float]) -> None:
    """Encoders count from 0 to millions, pressures are in pascals, a field may begin at 0."""
    with closing(load_sequence("tests.foreign:ENDLESS").make(0)) as env:
        inner: Any = env.unwrapped
        shown = iter(numbers)
        inner.reset = lambda **_: (np.array([next(shown), 0.0]), {})
        inner.step = lambda action: (np.array([next(shown), 0.0]), 1e3, False, False, {})
        _, info = env.reset(seed=0)
        for _ in range(3):
            assert "fault" not in info
            *_, info = env.step(np.zeros(1, np.float32))
        assert "fault" not in info, info
        assert list(shown) == []


def test_an_environment_that_describes_itself_by_a_wrapper_is_found() -> None:
    with closing(load_sequence("tests.foreign:WRAPPED").make(0)) as env:
        assert env.task_spec.name == "slide_0"
        assert env.task_spec.observation.size == 2
        assert not isinstance(env.unwrapped, foreign.Described)


def test_a_pendulum_of_someone_else_is_learned(tmp_path: Path) -> None:
    """Without success, with angles as they come, through Gymnasium's own time limit."""
    config = tiny.settings(tmp_path, "budget.steps=[250]", "check=true", "evaluation.episodes=1")
    config.env.name = "tests.foreign:PENDULUMS"
    progress, text = tiny.quiet()
    results = train(config, progress)
    assert results["env_steps"] == 500
    assert [visit["task"] for visit in results["visits"]] == ["g_10.0", "g_5.0"]
    assert all(-2000 < score < 0 for score in results["matrix_return"][1]), results["matrix_return"]
    assert "ended early" not in text.getvalue()
