"""``crl runs`` and ``crl report`` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from crl.cli import app
from crl.reporting.store.index import NAME
from tests.crl.reporting.folders import leave
from tests.crl.reporting.store.test_survey import trained_in
from tests.tiny import SMALL


def crl(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(app, arguments, input=typed, env={"COLUMNS": "200"})


@pytest.fixture
def runs(workplace: Path) -> Path:
    for seed in range(2):
        leave(workplace / "runs", "hypercrl", seed)
    leave(workplace / "runs" / "sweep", "ewc", 0)
    return workplace / "runs"


def test_list(runs: Path) -> None:
    shown = crl("runs", "list").stdout
    assert "3 runs" in shown and "sweep/ewc_s0" in shown and (runs / NAME).is_file()
    found = json.loads(crl("runs", "list", "continual=hypercrl", "seed=1", "--json").stdout)
    assert [run["name"] for run in found] == ["hypercrl_s1"]
    assert "no runs in runs meet these conditions" in crl("runs", "list", "seed=9").stdout
    assert len(json.loads(crl("runs", "list", "--rebuild", "--json").stdout)) == 3
    assert crl("runs", "list", "--in", "nowhere").exit_code == 2
    (runs / "hypercrl_s0" / "results.json").write_text("{")
    assert "! hypercrl_s0 results.json is broken" in crl("runs", "list").stdout


def test_show(runs: Path) -> None:
    (runs / "hypercrl_s0" / "config.yaml").write_text("env: {name: 'tests.tiny:SLIDES'}\nseed: 0\n")
    shown = crl("runs", "show", "hypercrl_s0").stdout
    assert "hypercrl_s0: finished" in shown and "made again by: crl train env=tests.tiny:SLIDES" in shown
    assert "note: " in shown or "! " in shown, "it has no checkpoint"
    assert json.loads(crl("runs", "show", "ewc_s0", "--json").stdout)["method"] == "ewc", "by the end of its name"
    wrong = crl("runs", "show", "hypercrl_s7")
    assert wrong.exit_code == 2 and "did you mean hypercrl_s" in wrong.stderr


def test_compare(runs: Path) -> None:
    shown = crl("runs", "compare", "hypercrl_s0", "hypercrl_s1").stdout
    assert "seed" in shown and "environment steps" in shown
    found = json.loads(crl("runs", "compare", "hypercrl_s0", "sweep/ewc_s0", "--json").stdout)
    assert found["settings"] == {} and found["results"]["environment steps"] == [240, 240]
    leave(runs, "hypercrl", 5, env="another")
    assert "different task sequences" in crl("runs", "compare", "hypercrl_s0", "hypercrl_s5").stdout
    assert crl("runs", "compare", "hypercrl_s0").exit_code == 2


def test_remove(runs: Path) -> None:
    crl("runs", "list")
    kept = crl("runs", "rm", "hypercrl_s0", typed="n\n")
    assert kept.exit_code == 1 and (runs / "hypercrl_s0").exists() and "nothing was removed" in kept.stdout
    with trained_in(runs / "hypercrl_s1"):
        used = crl("runs", "rm", "hypercrl_s0", "hypercrl_s1", "--yes")
    assert used.exit_code == 2 and "is in use" in used.stderr and (runs / "hypercrl_s0").exists(), "all or none"
    assert crl("runs", "rm", "hypercrl_s0", "ewc_s0", "-y").exit_code == 0
    assert [run["name"] for run in json.loads(crl("runs", "list", "--json").stdout)] == ["hypercrl_s1"]
    (runs / "alias").symlink_to("hypercrl_s1", target_is_directory=True)
    assert "is a link" in crl("runs", "rm", "alias", "--yes").stderr
    assert (runs / "hypercrl_s1").exists()


def test_a_run_that_ends_is_in_the_index(workplace: Path) -> None:
    import sqlite3

    assert crl("train", "env=tests.tiny:SLIDES", "tasks=[0]", "name=run", *SMALL).exit_code == 0
    found = sqlite3.connect(workplace / "runs" / NAME).execute("SELECT name, status, env FROM runs").fetchall()
    assert found == [("run", "finished", "tests.tiny:SLIDES")]
    assert "made again by: crl train env=tests.tiny:SLIDES" in crl("runs", "show", "latest").stdout


def test_report_in_every_format(runs: Path) -> None:
    done = crl("report", "runs", "--format", "html,md,csv,latex", "--out", "out/paper.html")
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in Path("out").iterdir()) == ["paper.csv", "paper.html", "paper.md", "paper.tex"]
    assert crl("report", "hypercrl_s0", "hypercrl_s1").exit_code == 0
    assert Path("report.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["runs", "--format", "pdf"], "there is no format 'pdf'"),
        (["runs", "--scores", "x"], "--scores cannot be 'x'"),
        (["nowhere"], "there is no run and no folder of runs nowhere"),
        (["runs", "--base", "coreset"], "no run here is of 'coreset'"),
        (["runs", "--out", "runs/hypercrl_s0/results.json/x.html"], "can't be written"),
    ],
)
def test_a_report_that_cant_be_made_says_why(runs: Path, arguments: list[str], expected: str) -> None:
    done = crl("report", *arguments)
    assert done.exit_code == 2
    assert expected in done.stderr and "Traceback" not in done.stderr
