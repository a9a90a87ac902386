"""``crl eval-missions`` and ``crl fit-flow``: what they leave, and what they say of bad input before anything runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from crl.cli import app
from tests import tiny_missions

UGV = "env=tests.tiny_missions:UGV"
BRIEF = ("planner.samples=8", "missions.steps=30", "learning.final_steps=60", "flow.field.updates=10")


def crl(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def complaint(*arguments: str) -> str:
    """What a command says of an error that is meant, in one line."""
    result = crl(*arguments)
    assert result.exit_code == 2, (result.output, repr(result.exception))
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    return " ".join(result.output.split())


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """One small evaluation."""
    folder = tmp_path_factory.mktemp("evaluated")
    where = tiny_missions.write_map(folder / "bend.csv")
    small = [word for word in (*tiny_missions.SMALL, *BRIEF) if not word.startswith("flow.")]  # neither has a flow
    words = [UGV, *small, f"waypoints={where}", "refiner=none,oracle", "gains=[[-1,2]]"]
    return folder / "out", crl("eval-missions", *words, "workers=1", f"out={folder / 'out'}")


def test_an_evaluation_leaves_results_a_table_and_a_picture(evaluated: tuple[Path, Result]) -> None:
    folder, result = evaluated
    assert result.exit_code == 0, (result.output, result.exception)
    results = json.loads((folder / "results.json").read_text())
    assert set(results) >= {"command", "env", "methods", "missions"}
    assert results["command"].startswith("crl eval-missions env=")
    assert [(r["method"], r["map"], r["mission"]) for r in results["missions"]] == [
        ("none", "bend", "gain_-1_2"),
        ("oracle", "bend", "gain_-1_2"),
    ]
    for record in results["missions"]:
        assert set(record) >= {
            "map", "fault", "seed", "completed", "reached_fraction", "steps", "cross_track", "steps_to_identify",
            "false_alarms", "crash", "clipped", "refiner", "class",
        }  # fmt: skip
        assert record["fault"] == {"gain": [-1, 2]}
        assert set(record["ms"]) >= {"plan", "refine"}
    assert [row["method"] for row in results["methods"]] == ["none", "oracle"]
    table = (folder / "table.md").read_text()
    assert table.startswith("`crl eval-missions ")
    assert table.count("\n| ") == 4  # the headings, the rule below them, and two methods
    assert (folder / "paths.png").read_bytes().startswith(b"\x89PNG")
    assert "results:" in result.output


def test_fitting_a_flow_leaves_a_run_and_the_flow_by_itself(tmp_path: Path) -> None:
    words = [UGV, *tiny_missions.SMALL, *BRIEF, f"run_dir={tmp_path}", "name=fit"]
    result = crl("fit-flow", *words)
    assert result.exit_code == 0, (result.output, result.exception)
    description = json.loads((tmp_path / "fit/flow/flow.json").read_text())
    assert description["action"]["names"] == ["speed", "turn_rate"]
    assert (tmp_path / "fit/flow/flow.safetensors").exists()
    assert json.loads((tmp_path / "fit/results.json").read_text())["missions"] == []


# ---------------------------------------------------------------------- bad input
@pytest.fixture
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong must be said before anything is fitted."""

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("something was fitted or flown")

    monkeypatch.setattr("crl.training.missions.trials.run_trials", never)
    monkeypatch.setattr("crl.training.loop.TrainingLoop.unit", never)


MAPS = {
    "a column is missing": ("x,height\n0,0\n1,1\n", "line 1: the column y is missing"),
    "NaN": ("x,y\n0,0\n1,nan\n", "line 3, column y: 'nan' is not finite"),
    "one point": ("x,y\n0,0\n", "has 1 waypoint, a mission needs at least 2"),
    "a thousand": ("x,y\n" + "".join(f"{i},0\n" for i in range(1000)), "line 502: the file has more than 500"),
    "no number": ("x,y\n0,0\none,1\n", "line 3, column x: 'one' is not a number"),
}


@pytest.mark.parametrize("case", MAPS)
@pytest.mark.usefixtures("nothing_runs")
def test_bad_maps_are_refused_with_file_line_and_hint(case: str, workplace: Path) -> None:
    text, message = MAPS[case]
    (workplace / "bad.csv").write_text(text)
    said = complaint("eval-missions", "env=ugv_mission", "waypoints=bad.csv", "refiner=none")
    assert "bad.csv" in said
    assert message in said
    assert said.count(": ") >= 2  # where, what, hint


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["env=ugv_mission", "gains=[[0,1]]"], ["gain[0] is zero", "use a small gain such as 0.05"]),
        (["env=ugv_mission", "faults=[{payload: 3}]"], ["unknown entry 'payload'"]),
        (["env=ugv_mission", "gains=[[100,1]]"], ["gain[0] = 100 is outside -10..10"]),
        (["env=ugv_mission", "gains=[[1,2,3]]"], ["is not a list of 2 numbers"]),
        (["env=quadrotor_mission", "faults=[{axes: 90}]"], ["belongs to the interface 'rates'"]),
        (["env=quadrotor_mission", "faults=[{payload: 7}]"], ["payload = 7 is outside 0..1"]),
        (["env=ugv_mission", "refiner=afn"], ["unknown refiner 'afn'", "did you mean 'afm'?"]),
        (["env=ugv_mission", "waypoints=nowhere.csv"], ["nowhere.csv can't be read", "a map that ships"]),
        (["env=ugv_mission", "classes=Z"], ["no faults of class Z", "published"]),
        (["env=ugv_mission", "suite=linear"], ["ugv_mission has no suite 'linear'", "nonlinear"]),
        (["env=ugv_mission", "suite=nonlinear", "classes=published"], ["no faults of class published", "'A', 'C'"]),
        (["env=ugv_mission", "flow=nowhere", "refiner=afm"], ["there is no fitted flow", "fit it again"]),
        (["env=ugv_mission", "flow=nowhere", "refiner=none"], ["no refiner has a flow", "refiner=afm"]),
        (["env=ugv_mission", "seeds=0"], ["seeds=0: a whole number of at least 1"]),
        (["env=ugv_mission", "seeds={A: 0}"], ["seeds={'A': 0}: a whole number of at least 1"]),
        (["env=ugv_mission", "seeds={A: 2}"], ["seeds has no number for class published"]),
        (["env=ugv_mission", "workers=many"], ["workers=many: a whole number"]),
        (["env=ugv_mission", "clipped=maybe"], ["true, false or both"]),
        (["env=ugv_mission", "gains=[[1,"], ["cannot read 'gains=[[1,'"]),
        (["env=ugv_mission", "gains=5"], ["gains=5", "gains=[[-1,2],[0.5,1]]"]),
        (["env=ugv_mission", "faults=[payload]"], ["faults=", "faults=[{gain: [-1, 2]}]"]),
        (["env=ugv_mission", "refiner=off"], ["refiner=off flies no missions", "refiner=none"]),
        (["env=ugv_mission", "plannner.samples=3"], ["unknown key 'plannner.samples'"]),
        (["env=cartpole_length"], ["cartpole_length has no missions", "env=ugv_mission"]),
        (["refiner=none"], ["eval-missions needs env=..."]),
    ],
)
@pytest.mark.usefixtures("nothing_runs")
def test_what_cannot_be_is_said_with_its_hint(words: list[str], messages: list[str], workplace: Path) -> None:
    extra = [] if any(word.startswith("refiner=") for word in words) else ["refiner=none"]
    said = complaint("eval-missions", *words, *extra)
    for message in messages:
        assert message in said, said
    assert not (workplace / "missions").exists()


@pytest.mark.parametrize("env", ["ugv_mission_husky", "quadrotor_mission"])
@pytest.mark.usefixtures("nothing_runs", "workplace")
def test_a_body_that_keeps_to_its_limits_cannot_be_unclipped(env: str) -> None:
    if env == "ugv_mission_husky":
        pytest.importorskip("pybullet")
    said = complaint("eval-missions", f"env={env}", "clipped=false", "refiner=oracle")
    assert "clipped" in said
    assert "clipped=true" in said, said


@pytest.mark.parametrize(
    ("command", "words", "messages"),
    [
        ("train", ["env=cartpole_length", "refiner=afm"], ["cartpole_length has no missions", "refiner=off"]),
        ("train", ["env=ugv_mission", "refiner=amf"], ["unknown refiner 'amf'", "did you mean 'afm'?"]),
        ("fit-flow", ["env=ugv_mission", "refiner=oracle"], ["refiner=oracle has no flow to fit", "refiner=afm"]),
        ("fit-flow", ["env=cartpole_length"], ["cartpole_length has no missions"]),
    ],
)
@pytest.mark.usefixtures("nothing_runs")
def test_runs_that_cannot_be_leave_no_folder(
    command: str, words: list[str], messages: list[str], workplace: Path
) -> None:
    said = complaint(command, *words)
    for message in messages:
        assert message in said, said
    assert not (workplace / "runs").exists()


@pytest.mark.parametrize("what", ["map", "schedule"])
@pytest.mark.usefixtures("nothing_runs")
def test_a_run_looks_at_its_missions_before_it_learns(what: str, workplace: Path) -> None:
    (workplace / "bad.csv").write_text("x,y\n0,0\n1,nan\n")
    wrong = "missions.waypoints=bad.csv" if what == "map" else "missions.inject=2"
    said = complaint("train", "env=ugv_mission", "refiner=none", wrong)
    assert ("line 3" if what == "map" else "inject") in said
    assert not (workplace / "runs").exists()


def test_a_setting_that_no_refiner_reads_is_refused() -> None:
    said = complaint("eval-missions", UGV, "refiner=none,oracle", "flow.tracking.window=9")
    assert "flow.tracking.window has no meaning for refiner=none" in said
