"""Which runs make a section, which a method, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from crl.errors import CrlError
from crl.reporting.report.gather import Gathered, gather
from crl.reporting.reports import Options, find_runs, summarised
from crl.reporting.store.discover import discover
from tests.crl.reporting.folders import leave


def setting(folder: Path, text: str) -> Path:
    with (folder / "config.yaml").open("a") as file:
        file.write(text)
    return folder


def of(root: Path, *by: str) -> Gathered:
    return gather(discover(root), by)


def test_methods_by_seed(tmp_path: Path) -> None:
    for seed in (2, 0, 1):
        leave(tmp_path, "finetune", seed)
    leave(tmp_path, "hypercrl", 0)
    (section,) = of(tmp_path).sections
    assert {name: [run.seed for run in runs] for name, runs in section.groups.items()} == {
        "hypercrl": [0],
        "finetune": [0, 1, 2],
    }
    assert section.title == "slides" and section.visits == ["slide_0", "slide_1", "slide_2"]


def test_different_sequences_are_never_mixed(tmp_path: Path) -> None:
    leave(tmp_path, "hypercrl", 0)
    leave(tmp_path, "hypercrl", 1)
    leave(tmp_path, "hypercrl", 2, tasks=("slide_1", "slide_0", "slide_2"))
    leave(tmp_path, "hypercrl", 3, evaluation={"episodes": 50, "episodes_between": 1, "seed": 90_000})
    leave(tmp_path, "hypercrl", 4, env="another")
    sections = of(tmp_path).sections
    assert [len(section.runs) for section in sections] == [1, 2, 1, 1]
    assert sections[0].title == "another"
    assert len({section.title for section in sections}) == 4


def test_a_sweep_is_told_apart_by_its_settings(tmp_path: Path) -> None:
    for lr in (0.1, 0.2):
        for seed in (0, 1):
            setting(leave(tmp_path, "ewc", seed, name=f"ewc_{lr}_{seed}"), f"learning: {{lr: {lr}}}\n")
    (section,) = of(tmp_path).sections
    assert list(section.groups) == ["ewc (learning.lr=0.1)", "ewc (learning.lr=0.2)"]
    assert section.settings["ewc (learning.lr=0.2)"] == {"learning.lr": 0.2}


def test_mixed_settings_are_one_method_until_asked_and_the_reader_is_told(tmp_path: Path) -> None:
    setting(leave(tmp_path, "ewc", 0), "learning: {lr: 0.1}\n")
    setting(leave(tmp_path, "ewc", 1), "learning: {lr: 0.2}\n")
    leave(tmp_path, "ewc", 2)  # an older version's, without that setting
    gathered = of(tmp_path)
    assert list(gathered.sections[0].groups) == ["ewc"]
    assert any("--by learning.lr" in problem and "ewc" in problem for problem in gathered.problems)
    assert len(of(tmp_path, "learning.lr").sections[0].groups) == 3


def test_what_an_agent_does_not_read_tells_nothing_apart(tmp_path: Path) -> None:
    setting(leave(tmp_path, "ewc", 0, name="a"), "agent: {name: mpc, lr: 1}\n")
    setting(leave(tmp_path, "ewc", 1, name="b"), "agent: {name: mpc, lr: 2}\n")
    assert not [problem for problem in of(tmp_path).problems if "differ" in problem]


def test_twins_count_once(tmp_path: Path) -> None:
    leave(tmp_path, "ewc", 0, name="a")
    leave(tmp_path, "ewc", 0, name="b")
    gathered = of(tmp_path)
    assert len(gathered.sections[0].runs) == 1
    assert any("b is left out: a is a run of ewc with seed 0, too" in problem for problem in gathered.problems)


def test_whatever_can_be_shown_is_shown(tmp_path: Path) -> None:
    leave(tmp_path, "hypercrl", 0)
    (leave(tmp_path, "hypercrl", 1) / "metrics.jsonl").unlink()
    with (leave(tmp_path, "hypercrl", 2) / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "episode", "step"\n{"kind": "episode"}\n7\n')
    (leave(tmp_path, "hypercrl", 3) / "config.yaml").unlink()
    (leave(tmp_path, "broken", 0) / "results.json").write_text("{")
    leave(tmp_path, "short", 0, matrix_return=[[1.0]])
    leave(tmp_path, "nan", 0, matrix_return=[[1.0, None, None], [1.0, 1.0, None], [1.0, 1.0, None]])
    (leave(tmp_path, "bare", 0) / "results.json").write_text("{}")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "fingerprint").write_text("x\n")
    gathered = of(tmp_path)
    assert [run.seed for run in gathered.sections[0].groups["hypercrl"]] == [0, 1, 2, 3]
    assert len(gathered.entries) == 9
    said = "\n".join(gathered.problems)
    for expected in (
        "hypercrl_s1 has no metrics.jsonl",
        "hypercrl_s2: 3 lines of metrics.jsonl can't be read; the others count",
        "hypercrl_s3 has lost its config.yaml",
        "broken_s0 results.json is broken",
        "short_s0 results.json holds what no run writes, which is left out: matrix, matrix_return",
        "nan_s0 is not in the report: its last evaluation is incomplete; finish it with: crl resume",
        "bare_s0 results.json lacks matrix",
        "half has no config.yaml",
    ):
        assert expected in said, expected
    (summary,) = summarised(gathered, Options())
    assert len(summary.measured["hypercrl"]) == 4
    assert summary.measured["hypercrl"][1].curves == ()


def test_arguments(workplace: Path) -> None:
    leave(workplace / "runs", "ewc", 0)
    leave(workplace / "runs" / "sweep", "ewc", 1)
    leave(workplace / "other", "ewc", 2)
    names = lambda *arguments: [path.name for path in find_runs(arguments)]  # noqa: E731
    assert names("ewc_s0") == ["ewc_s0"]
    assert names("runs", "other/ewc_s2", "runs/ewc_s0") == ["ewc_s0", "ewc_s1", "ewc_s2"]
    assert names("seed=1") == ["ewc_s1"]
    assert names("other", "runs", "seed=1,2") == ["ewc_s2", "ewc_s1"]
    for bad, expected in (("nowhere", "no run and no folder"), ("seed=9", "no run meets")):
        with pytest.raises(CrlError, match=expected):
            names(bad)
    (workplace / "empty").mkdir()
    with pytest.raises(CrlError, match="holds no runs"):
        names("empty")
