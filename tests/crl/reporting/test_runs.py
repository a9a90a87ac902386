"""Finished runs as records, and the pictures and tables made of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from crl.errors import CrlError
from crl.reporting.pages.parts import (
    commits,
    final,
    forgotten,
    learned,
    provenance,
    time_table,
    write_page,
)
from crl.reporting.pages.plots import curves_figure, sequence_figure
from crl.reporting.runs import RunRecord, by_strategy, read_run, run_folders
from crl.reporting.tables.markdown import markdown
from tests.crl.reporting.folders import leave

HAND = {
    "matrix": [[0.9, None], [0.5, 1.0]],
    "matrix_return": [[90.0, None], [50.0, 100.0]],
    "tasks": ("slide_0", "slide_1"),
}


@pytest.fixture
def groups(tmp_path: Path) -> dict[str, list[RunRecord]]:
    for name in ("hypercrl", "finetune"):
        for seed in (1, 0):
            leave(tmp_path, name, seed, **HAND)
    found, problems = by_strategy(run_folders(tmp_path))
    assert problems == []
    return found


def record(folder: Path) -> RunRecord:
    return read_run(folder)


def test_runs_are_grouped_and_ordered_by_seed(groups: dict[str, list[RunRecord]]) -> None:
    assert list(groups) == ["finetune", "hypercrl"]
    assert [run.seed for run in groups["hypercrl"]] == [0, 1]


def test_latest_is_no_run_of_its_own(tmp_path: Path) -> None:
    run = leave(tmp_path, "single", 0)
    (tmp_path / "latest").symlink_to(run, target_is_directory=True)
    (tmp_path / "logs").mkdir()
    assert run_folders(tmp_path) == [run]


def test_an_unfinished_run_is_named_and_left_out(tmp_path: Path) -> None:
    whole, broken, begun = (leave(tmp_path, "single", seed) for seed in range(3))
    (broken / "results.json").write_text('{"strategy": "sin')
    (begun / "results.json").unlink()
    found, problems = by_strategy(run_folders(tmp_path))
    assert [run.path for run in found["single"]] == [whole]
    assert problems == ["single_s1 has a broken results.json", "single_s2 is not finished"]
    with pytest.raises(CrlError, match="finish it with: crl resume"):
        read_run(broken)


def test_two_runs_of_one_seed_count_once(tmp_path: Path) -> None:
    leave(tmp_path, "ewc", 0, name="a", fingerprint="x")
    leave(tmp_path, "ewc", 0, name="b", fingerprint="x")
    leave(tmp_path, "ewc", 0, name="c", fingerprint="y")
    leave(tmp_path, "si", 0)
    found, problems = by_strategy(run_folders(tmp_path))
    assert {name: [run.path.name for run in runs] for name, runs in found.items()} == {"ewc": ["a"], "si": ["si_s0"]}
    assert problems == [
        "b is left out: a is a run of ewc with seed 0, too",
        "c is left out: a is a run of ewc with seed 0, too (with other settings)",
    ]


class TestWhatARunRecorded:
    def test_memory(self, tmp_path: Path) -> None:
        kept = {"stated_bytes_per_task": 40, "measured_bytes_per_task": 512.4}
        memory = {**kept, "revisits_data": True, "old_rows_read": 7}
        run = record(leave(tmp_path, "coreset", 0, memory=memory))
        assert (run.stated_bytes, run.measured_bytes, run.revisits_data, run.old_rows_read) == (40, 512, True, 7)

    def test_memory_of_an_older_run(self, tmp_path: Path) -> None:
        run = record(leave(tmp_path, "coreset", 0, bytes_per_task=40, revisits_data=False))
        assert (run.stated_bytes, run.measured_bytes, run.revisits_data, run.old_rows_read) == (40, None, False, None)

    def test_memory_that_nobody_states(self, tmp_path: Path) -> None:
        run = record(leave(tmp_path, "sb3_sac", 0, memory={"stated_bytes_per_task": None, "revisits_data": None}))
        assert (run.stated_bytes, run.measured_bytes, run.revisits_data, run.old_rows_read) == (None,) * 4

    def test_plasticity(self, tmp_path: Path) -> None:
        visits = [{"task": "a", "plasticity": {"dormant_units": 0.1}}, {"task": "b", "plasticity": None}, {"task": "c"}]
        run = record(leave(tmp_path, "si", 0, tasks="abc", visits=visits))
        assert run.plasticity("dormant_units") == [0.1, None, None]
        assert run.plasticity("effective_rank") == [None, None, None]

    def test_commit(self, tmp_path: Path) -> None:
        old, new = record(leave(tmp_path, "si", 0)), record(leave(tmp_path, "si", 1, commit="1a2b3c4+"))
        assert (old.commit, new.commit) == (None, "1a2b3c4+")
        assert commits([new, new]) == "commit 1a2b3c4+"
        assert commits([old, new, new]) == "commit not recorded (1 run), commit 1a2b3c4+ (2 runs)"

    def test_settings(self, tmp_path: Path) -> None:
        run = record(leave(tmp_path, "si", 0))
        assert run.settings["budget"] == {"steps": [80]}
        other = record(leave(tmp_path, "si", 1))
        (other.path / "config.yaml").write_text("a: [")
        assert other.settings == {}

    def test_matrices_and_lines(self, groups: dict[str, list[RunRecord]]) -> None:
        run = groups["hypercrl"][0]
        assert np.array_equal(run.matrix(), [[0.9, np.nan], [0.5, 1.0]], equal_nan=True)
        assert final([run]).tolist() == [[0.5, 1.0]]
        assert learned([run]).tolist() == [[0.9, 1.0]]
        assert forgotten([run]) == pytest.approx(np.array([[0.4]]))
        assert forgotten([run], "matrix_return") == pytest.approx(np.array([[40.0]]))
        assert [line["step"] for line in run.lines("episode")] == [16 * i for i in range(1, 11)]
        assert run.lines("learning") == []


def test_figures_are_drawn(groups: dict[str, list[RunRecord]], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for measure in ("matrix", "matrix_return"):
        sequence_figure(groups, tmp_path / f"{measure}.png", measure=measure)
    curves_figure(groups, tmp_path / "curves.png")
    assert all((tmp_path / f"{name}.png").stat().st_size > 5_000 for name in ("matrix", "matrix_return", "curves"))


def test_tables(groups: dict[str, list[RunRecord]]) -> None:
    assert time_table(groups).rows[-1] == ("hypercrl", 1.5, 10.0)
    assert markdown(time_table(groups))[-1] == "| hypercrl | 2 | 10.0 |"


def test_provenance(groups: dict[str, list[RunRecord]]) -> None:
    text = "\n".join(provenance(groups, "scripts/x.py", "scripts/x.sh"))
    assert "`scripts/x.py`" in text and "    scripts/x.sh" in text
    assert "commit not recorded, crl 0.1.0, torch 2.13.0" in text


def test_a_page_keeps_its_results_beside_it_and_no_place(groups: dict[str, list[RunRecord]], tmp_path: Path) -> None:
    page = write_page(tmp_path / "pages", "doors", ["# Doors", ""], groups)
    assert page.read_text() == "# Doors\n"
    text = (tmp_path / "pages" / "doors.json").read_text()
    kept = json.loads(text)
    assert [run["run"] for run in kept["hypercrl"]] == ["hypercrl_s0", "hypercrl_s1"]
    assert kept["finetune"][1]["matrix_return"] == HAND["matrix_return"]
    assert str(tmp_path) not in text
