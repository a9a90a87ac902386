"""Recorded drives teach a body's model as well as simulated ones do, and are checked before they do."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest

pytest.importorskip("rosbags")

from crl.agents.planning import PlanningAgent
from crl.agents.planning_making import planning_agent
from crl.config.asking.composing import compose, fingerprint
from crl.dynamics.buffer import Buffer
from crl.errors import CrlError, SettingsError
from crl.sequences import load_sequence
from crl.training.clock import Clock
from crl.training.data.minari import MinariData
from crl.training.data.recorded import pretrain, read_recorded, reader_of
from crl.training.load import load_run
from crl.training.playing.episode import play
from crl.training.runner import resume, train
from tests import tiny_missions
from tests.robots.recordings import record, ride

UNICYCLE = load_sequence("tests.tiny_missions:UGV")


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("bag"), ride("ugv_generic", 620))


def config(folder: Path, *overrides: str) -> Any:
    return tiny_missions.settings(folder, "refiner=afm", *overrides)


def logged(run: Path, kind: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row for row in rows if row.get("event", row.get("kind")) == kind or kind in row.values()]


def test_a_run_learns_from_a_bag_alone(bag: Path, tmp_path: Path) -> None:
    """No environment step; its missions are flown like any other run's."""
    results = train(config(tmp_path, f"data={bag}", "data.only=true"))
    run = load_run(Path(results["run"]))
    assert run.state.env_steps == 0
    agent = run.agent
    assert isinstance(agent, PlanningAgent)
    assert agent.adaptation.fitted is not None
    assert len(agent.knowledge.buffer) == 619
    flown = results["missions"]
    assert flown[0]["reached_fraction"] > 0.5  # the nominal body, which a model of five hundred steps can drive
    [said] = logged(Path(results["run"]), "data")
    assert (said["transitions"], said["stretches"], said["left_out"]) == (619, 1, {})


def test_a_bag_comes_before_the_environment(bag: Path, tmp_path: Path) -> None:
    """And a run that goes on does not learn from it again, nor need it."""
    copy = record(tmp_path / "bag", ride("ugv_generic", 100, seed=3))
    settings = config(tmp_path, f"data={copy}", "missions.seeds=0")
    results = train(settings)
    agent = load_run(Path(results["run"])).agent
    assert isinstance(agent, PlanningAgent)
    assert len(agent.knowledge.buffer) == 99 + 600
    (Path(results["run"]) / "results.json").unlink()
    for file in copy.iterdir():
        file.unlink()
    again = resume(Path(results["run"]))
    assert again["env_steps"] == results["env_steps"] == 600


@pytest.mark.slow
def test_it_learns_a_husky_as_well_as_the_environment_teaches(tmp_path: Path) -> None:
    """Error of the predicted changes, in their deviations, on drives that neither has seen."""
    settings = compose(["env=ugv_mission_husky", "refiner=afm", "dynamics.hidden=[32,32]", "videos=false"])
    sequence = load_sequence("ugv_mission_husky")
    task = sequence.spec(0)
    steps, gradient = 1500, 700
    folder = record(tmp_path / "bag", ride("ugv_husky", steps + 1, seed=1))
    settings.data.source = str(folder)
    recorded = read_recorded(settings, sequence, 0)
    assert len(recorded.transitions) == steps

    driven, simulated = (planning_agent(settings, task.observation, task.action) for _ in range(2))
    pretrain(driven, task, recorded, gradient)
    settings.exploration.random_episodes = 100
    with closing(sequence.make(0)) as env:
        env.unwrapped.task["episode_steps"] = 500
        for number in range(3):
            env.reset(seed=number)
            simulated.begin(task, number, True)
            play_steps(simulated, env, task, number, steps // 3)
    from crl.types import LearnBudget

    simulated.learn(LearnBudget(gradient))
    held = Buffer(task.observation.size, task.action.size)
    settings.data.source = str(record(tmp_path / "held", ride("ugv_husky", 401, seed=9)))
    for transition in read_recorded(settings, sequence, 0).transitions:
        held.add(transition)
    seen, executed, after = held.tensors()
    change = driven.knowledge.model.features.change(seen, after)

    def error(agent: PlanningAgent) -> float:
        left = agent.knowledge.task_model(0).predict(seen, executed) - change
        return float((left.square().mean(dim=0) / change.var(dim=0)).sqrt().mean())

    mine, theirs = error(driven), error(simulated)
    print(f"error of a model from a bag {mine:.3f}, from the environment {theirs:.3f}")
    assert mine < 0.5
    assert mine < 1.2 * theirs


def play_steps(agent: Any, env: Any, task: Any, number: int, steps: int) -> None:
    """One random episode of so many steps."""
    from dataclasses import replace

    play(agent, env, replace(task, episode_steps=steps), episode=number, seed=number, explore=True, clock=Clock())


def test_what_is_of_another_task_is_refused(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(CrlError, match=r"has goal_x \(m\) where the task has forward \(m/s\)\nname the"):
        train(
            compose(
                [f"data={bag}", "data.robot=ugv_generic", "env=ugv_mission_husky", "refiner=afm", f"run_dir={tmp_path}"]
            )
        )
    with pytest.raises(CrlError, match=r"data=nothing is nothing that can be read \(kinds: .*bag.*\)\ngive a .mcap"):
        train(config(tmp_path, "data=nothing"))
    with pytest.raises(SettingsError, match=r"data\.only needs data"):
        config(tmp_path, "data.only=true")
    assert not (tmp_path / "run").exists()


def test_numbers_and_actions_that_cannot_be_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    observations = rng.normal(size=(11, 10)).astype(np.float32)
    actions = rng.uniform(-1, 1, size=(10, 2)).astype(np.float32)
    observations[4, 2] = np.nan
    actions[8, 0] = 1.5
    actions[9, 0] = 1.00005  # rounding of the recording
    told = {"observation": None, "segments": [(observations, actions)], "messages": 11, "left_out": {"x": 2}}
    reader = SimpleNamespace(read=lambda *a, **k: told)
    monkeypatch.setattr("crl.training.data.recorded.reader_of", lambda source: reader)
    recorded = read_recorded(config(tmp_path, "data=mine"), UNICYCLE, 0)
    assert recorded.left_out == {"x": 2, "numbers that are not finite": 2, "an action outside the limits": 1}
    assert [t.first for t in recorded.transitions] == [True, False, False, True, False, False, True]
    assert recorded.transitions[-1].executed[0] == 1.0
    assert "7 transitions in 3 stretches were taken from 11 observations; left out: 5: an action" in str(recorded)
    told["segments"] = [(observations[:, :9], actions)]
    with pytest.raises(CrlError, match="the task has 10 and 2 elements"):
        read_recorded(config(tmp_path, "data=mine"), UNICYCLE, 0)
    told["segments"] = []
    with pytest.raises(CrlError, match="nothing can be learned from mine: 0 transitions"):
        read_recorded(config(tmp_path, "data=mine"), UNICYCLE, 0)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("period", 0.1, "10 decisions a second, the task has 5\n"),
        ("action", [("speed", "m/s", -2.0, 2.0), ("turn_rate", "rad/s", -1.5, 1.5)], "goes from -2 to 2 m/s"),
        ("action", [("speed", "km/h", -1.0, 1.0), ("turn_rate", "rad/s", -1.5, 1.5)], r"has speed \(km/h\) where"),
        ("action", [("speed", "m/s", -1.0, 1.0)], "the action has 1 fields, the task has 2"),
    ],
)
def test_units_ranges_and_rates_are_checked(
    key: str, value: Any, message: str, bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(tmp_path, f"data={bag}")
    entry = UNICYCLE.tasks[0]
    told = {**reader_of(str(bag)).read(str(bag), entry.id, entry.kwargs), key: value}
    monkeypatch.setattr(
        "crl.training.data.recorded.reader_of", lambda source: SimpleNamespace(read=lambda *a, **k: told)
    )
    with pytest.raises(CrlError, match=message):
        read_recorded(settings, UNICYCLE, 0)


def test_runs_without_data_keep_their_fingerprint(tmp_path: Path) -> None:
    mine = config(tmp_path)
    other = config(tmp_path, "data=x.mcap")
    assert fingerprint(mine) != fingerprint(other)
    given = config(tmp_path, "data=x.mcap", "data.cmd_vel=/cmd_vel")
    assert len({fingerprint(mine), fingerprint(other), fingerprint(given)}) == 3
    mine.data.odom = "elsewhere"  # read by nobody
    assert fingerprint(mine) == fingerprint(config(tmp_path))


# ------------------------------------------------------------------ Minari
class Dataset:
    """What of Minari's interface is used."""

    def __init__(self, env: str, kwargs: dict[str, Any]) -> None:
        self.env_spec = SimpleNamespace(id=env, kwargs=kwargs)
        self.storage = SimpleNamespace(metadata={})

    def iterate_episodes(self) -> Any:
        with closing(UNICYCLE.make(0)) as env:
            for seed in range(2):
                seen, done = [env.reset(seed=seed)[0]], []
                for _ in range(30):
                    action = np.array([0.5, 0.1 * seed], np.float32)
                    seen.append(env.step(action)[0])
                    done.append(action)
                yield SimpleNamespace(observations=np.array(seen), actions=np.array(done))


@pytest.fixture
def minari(monkeypatch: pytest.MonkeyPatch) -> dict[str, Dataset]:
    datasets: dict[str, Dataset] = {}
    module = ModuleType("minari")
    module.load_dataset = lambda name: datasets[name]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "minari", module)
    return datasets


def test_a_minari_dataset_of_the_environment_is_taken(minari: dict[str, Dataset], tmp_path: Path) -> None:
    entry = UNICYCLE.tasks[0]
    minari["mine/unicycle-v0"] = Dataset(entry.id, {**entry.kwargs, "render_mode": None})
    recorded = read_recorded(config(tmp_path, "data=minari:mine/unicycle-v0"), UNICYCLE, 0)
    assert (len(recorded.transitions), recorded.stretches, recorded.messages) == (60, 2, 62)
    with closing(UNICYCLE.make(0)) as env:
        env.reset(seed=0)
        after, reward, *_ = env.step(np.array([0.5, 0.0], np.float32))
    np.testing.assert_array_equal(recorded.transitions[0].next_observation, after)
    assert recorded.transitions[0].reward == pytest.approx(reward, abs=1e-5)


def test_a_minari_dataset_of_another_environment_is_refused(minari: dict[str, Dataset], tmp_path: Path) -> None:
    entry = UNICYCLE.tasks[0]
    minari["other"] = Dataset("crl/Pusher-v0", {})
    minari["faulty"] = Dataset(entry.id, {**entry.kwargs, "fault": {"gain": [-1, 1]}})
    for name in minari:
        with pytest.raises(CrlError, match=f"minari:{name} was made in .*\na dataset knows no units"):
            read_recorded(config(tmp_path, f"data=minari:{name}"), UNICYCLE, 0)
    with pytest.raises(CrlError, match=r"'none' can't be loaded.*\ndownload it first: minari download none"):
        read_recorded(config(tmp_path, "data=minari:none"), UNICYCLE, 0)
    with pytest.raises(CrlError, match=r"data\.robot describes the robot of a bag"):
        read_recorded(config(tmp_path, "data=minari:faulty", "data.robot=ugv_husky"), UNICYCLE, 0)


def test_options_are_compared_as_a_dataset_stores_them(minari: dict[str, Dataset]) -> None:
    """JSON knows neither tuples nor numpy's numbers, and no keys but texts."""
    minari["mine"] = Dataset("mine/Own-v0", {"gain": [1, 2], "sides": [[0.5, 1.0]], "steps": 3, "table": {"1": "a"}})
    options = {"gain": (1, 2), "sides": np.array([[0.5, 1.0]]), "steps": np.int64(3), "table": {1: "a"}}
    told = MinariData.read("minari:mine", "my_module:mine/Own-v0", options)
    assert len(told["segments"]) == 2
    with pytest.raises(CrlError, match=r"was made in mine/Own-v0 with .*'gain': \[1, 2\]"):
        MinariData.read("minari:mine", "mine/Own-v0", {**options, "gain": (2, 1)})


class Odd(Dataset):
    """A dataset whose episodes hold something."""

    def __init__(self, observations: Any, actions: Any = None) -> None:
        super().__init__("mine/Own-v0", {})
        self._episode = SimpleNamespace(
            observations=observations, actions=np.zeros((1, 2)) if actions is None else actions
        )

    def iterate_episodes(self) -> Any:
        if self._episode.observations is None:
            raise OSError("truncated file")
        yield self._episode


RAGGED = [[1.0, 2.0], [3.0]]


@pytest.mark.parametrize(
    ("observations", "actions", "message"),
    [
        (
            {"camera": np.zeros((2, 3)), "pose": np.zeros((2, 2))},
            None,
            r"observations of minari:odd are a dictionary \(cam",
        ),
        ((np.zeros((2, 3)), np.zeros((2, 2))), None, "observations of minari:odd are a tuple of 2 parts"),
        (["turn", "left"], None, "observations of minari:odd are text"),
        (RAGGED, None, "observations of minari:odd are of several lengths"),
        ([object(), object()], None, "observations of minari:odd are objects"),
        (np.array([{"a": 1}, None]), None, "observations of minari:odd are objects"),
        (np.zeros((2, 2), complex), None, "observations of minari:odd are of the type complex128"),
        (np.zeros((2, 2)), {"speed": np.zeros(1)}, r"actions of minari:odd are a dictionary \(speed\)"),
        (np.zeros((2, 2)), ["stop"], "actions of minari:odd are text"),
        (np.zeros((2, 2)), 1.0, "actions of minari:odd are a single number"),
        (None, None, "the Minari dataset 'odd' is damaged: truncated file\ndownload it again"),
    ],
)
def test_what_is_not_rows_of_numbers_is_named(
    minari: dict[str, Dataset], observations: Any, actions: Any, message: str
) -> None:
    minari["odd"] = Odd(observations, actions)
    with pytest.raises(CrlError, match=message):
        MinariData.read("minari:odd", "mine/Own-v0", {})


def test_a_dataset_that_names_no_environment_says_how_to_record_one(minari: dict[str, Dataset]) -> None:
    minari["mine"] = Dataset("mine/Own-v0", {})
    minari["mine"].env_spec = None  # type: ignore[assignment]
    with pytest.raises(CrlError, match=r"does not say in which environment.*\n.*entry_point='module:Class'"):
        MinariData.read("minari:mine", "mine/Own-v0", {})
    with pytest.raises(CrlError, match=r"data\.cmd_vel describes the robot of a bag"):
        MinariData.read("minari:mine", "mine/Own-v0", {}, cmd_vel="/cmd_vel")


def test_a_dataset_of_minari_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded by Minari with an option that is a tuple, and learned from."""
    own = pytest.importorskip("minari")
    pytest.importorskip("jax")  # with which Minari writes datasets
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "datasets"))
    fault = {"gain": (-1.0, 1.0)}
    env = own.DataCollector(gymnasium.make("crl/UGVMission-v0", fault=fault, inject=0.0, remove=1.0, episode_steps=30))
    env.reset(seed=0)
    while not any(env.step(np.array([0.5, 0.1], np.float32))[2:4]):
        pass
    about = {"author": "a", "author_email": "a@b.c", "code_permalink": "x", "algorithm_name": "a", "description": "a"}
    env.create_dataset(dataset_id="mine/faulty-v0", **about)
    env.close()
    options = {"fault": fault, "inject": 0.0, "remove": 1.0, "episode_steps": 30}
    told = MinariData.read("minari:mine/faulty-v0", "crl/UGVMission-v0", options)
    [(observations, actions)] = told["segments"]
    assert (observations.shape, actions.shape) == ((31, 10), (30, 2))


def test_without_minari_the_hint_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(CrlError, match=r"need the package minari\ninstall it: pip install 'crl\[minari\]'"):
        read_recorded(config(tmp_path, "data=minari:mine"), UNICYCLE, 0)
