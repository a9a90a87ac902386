"""The page of a task sequence with any number of strategies: what it says, and what it must not say."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from crl.errors import CrlError
from crl.reporting.measures import Measures, Scale
from crl.reporting.pages.sequences.findings import differences, level
from crl.reporting.pages.sequences.page import sequence_page
from crl.reporting.pages.sequences.tables import ORDER, compare, ordered
from tests.crl.reporting.folders import SEQUENCE, TASKS, leave, plastic

pytest.importorskip("matplotlib")


def page_of(root: Path, **options: Path) -> str:
    page = sequence_page(SEQUENCE, root / "runs", root / "pages", script="the page", command="the runs", **options)
    assert page == root / "pages" / "slides.md"
    return page.read_text()


def rows(page: str, section: str) -> dict[str, dict[str, str]]:
    """The first table of a section: strategy -> column -> cell."""
    lines = page.split(f"## {section}\n")[1].split("\n## ")[0].splitlines()
    begin = next(i for i, line in enumerate(lines) if line.startswith("| "))
    head, _, *body = [line for line in lines[begin : lines.index("", begin)] if line.startswith("|")]
    names = [cell.strip() for cell in head.strip("|").split("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in body]
    return {row[0]: dict(zip(names, row, strict=True)) for row in cells}


def make(root: Path) -> Path:
    """Four strategies: good, forgetful, one seed, the reference with two of three seeds."""
    runs = root / "runs"
    kept = {"stated_bytes_per_task": 40, "measured_bytes_per_task": 648.0, "revisits_data": False, "old_rows_read": 0}
    for seed in range(3):
        leave(runs, "hypercrl", seed, memory=kept, commit="1a2b3c4", visits=plastic(0.0, 0.05, 0.1))
        leave(runs, "finetune", seed, kept=0.5, bytes_per_task=0, revisits_data=False)
    for seed in range(2):
        leave(runs, "single", seed, bytes_per_task=1000, revisits_data=False)
    leave(runs, "sb3_sac", 0, level=-6.0, kept=0.7)
    return root


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Runs that a test may change."""
    return make(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with their page."""
    root = make(tmp_path_factory.mktemp("whole"))
    page_of(root)
    return root


@pytest.fixture
def page(whole: Path) -> str:
    return (whole / "pages/slides.md").read_text()


def test_scores(page: str) -> None:
    found = rows(page, "Scores")
    assert list(found) == ["hypercrl", "finetune", "single", "sb3_sac"]
    assert [found[name]["seeds"] for name in found] == ["3", "3", "2", "1"]
    assert 0.97 < float(found["hypercrl"]["average"].split()[0]) < 1.03
    assert "[" in found["hypercrl"]["average"]
    assert float(found["finetune"]["forgetting"].split()[0]) > 0.2
    assert "[" not in found["sb3_sac"]["average"], "one seed has no interval"


def test_differences(page: str) -> None:
    found = rows(page, "Against hypercrl")
    assert found["finetune"]["seeds with hypercrl higher"] == "3 of 3"
    assert found["finetune"]["intervals apart"] == "yes"
    assert found["finetune"]["probability of improvement"].startswith("0.")
    assert found["sb3_sac"]["seeds with hypercrl higher"] == "1 of 1"
    assert found["sb3_sac"]["95 % t interval"] == "-"
    assert "- `hypercrl` is above `finetune` (0." in page
    assert "- One shared seed shows nothing about `hypercrl` minus `sb3_sac` (0." in page
    assert "One seed only, so no interval and no conclusion: `sb3_sac`." in page
    assert "the bootstrap of 2 runs stays within their range, and holds the true mean in about 50 %" in page


def test_costs_and_plasticity(page: str) -> None:
    costs = rows(page, "Cost and memory")
    assert costs["hypercrl"]["bytes per task, stated"] == "40"
    assert costs["hypercrl"]["measured"] == "648"
    assert costs["hypercrl"]["old rows read"] == "0"
    assert costs["single"]["bytes per task, stated"] == "1,000"
    assert costs["single"]["measured"] == "-"
    assert costs["sb3_sac"]["revisits old data"] == "-"
    assert costs["finetune"]["env steps"] == "240"
    assert costs["finetune"]["CPU min"] == "1.0"
    learning = rows(page, "Learning and plasticity")
    assert learning["hypercrl"]["dormant units, first → last task"] == "0.000 → 0.100"
    assert learning["finetune"]["dormant units, first → last task"] == "-"
    assert learning["hypercrl"]["speed / fresh model's"].startswith("1.0")


def test_the_page_says_where_it_comes_from(whole: Path, page: str) -> None:
    assert "Written by `the page`" in page and "    the runs" in page
    assert "commit not recorded (6 runs)" in page and "commit 1a2b3c4 (3 runs)" in page
    assert "Configured budget: 240 environment steps in all (80 per task)." in page
    assert "The 9 runs took 9 CPU minutes" in page and "about 9, with" in page
    for picture in ("scores", "matrix", "curves"):
        assert f"(slides_{picture}.png)" in page
        assert (whole / "pages" / f"slides_{picture}.png").stat().st_size > 5_000
    text = (whole / "pages/slides.json").read_text()
    assert str(whole) not in page and str(whole) not in text
    assert set(json.loads(text)) == {"hypercrl", "finetune", "single", "sb3_sac"}


def test_the_same_runs_give_the_same_page(whole: Path, page: str) -> None:
    pictures = {path.name: path.read_bytes() for path in (whole / "pages").glob("*.png")}
    assert page_of(whole) == page
    assert len(pictures) == 3
    assert {path.name: path.read_bytes() for path in (whole / "pages").glob("*.png")} == pictures


def test_what_is_missing_is_named(runs: Path) -> None:
    (runs / "runs/finetune_s2/results.json").unlink()
    leave(runs / "runs", "hypercrl", 2, name="hypercrl_again")
    (runs / "runs/planned").write_text("hypercrl_s0\npnn_s0\n")
    leave(runs / "runs", "ewc", 0, tasks=TASKS[:2])
    missing = page_of(runs).split("## Not in the tables\n")[1].strip().splitlines()
    assert missing == [
        "- finetune_s2 is not finished",
        "- hypercrl_s2 is left out: hypercrl_again is a run of hypercrl with seed 2, too",
        "- ewc_s0 is left out: other tasks or evaluations than most runs here",
        "- pnn_s0 has not begun",
    ]


def test_what_differs_from_the_usual_is_told(runs: Path) -> None:
    (runs / "runs/sb3_sac_s0/config.yaml").write_text("budget: {steps: [10, 20, 30], mastery: true}\n")
    (runs / "runs/single_s0/config.yaml").write_text("")
    memory = {"stated_bytes_per_task": 0, "revisits_data": False, "old_rows_read": 1200}
    leave(runs / "runs", "ewc", 0, memory=memory)
    (runs / "remarks.md").write_text("EWC fails because of *this*.\n")
    page = page_of(runs, remarks=runs / "remarks.md")
    assert "Budgets differ between runs:" in page
    assert "- `hypercrl`, `ewc`, `finetune`, `single`: 240 environment steps in all (80 per task)" in page
    assert "- `sb3_sac`: 60 environment steps in all (10, 20, 30), less where a task is mastered early" in page
    assert "- `single`: not known (no config.yaml)" in page
    assert "`ewc` says that it revisits no old data, and was seen to read 1,200 old rows." in page
    assert "## Remarks\n\nEWC fails because of *this*.\n" in page


def test_nothing_is_said_without_cause(page: str) -> None:
    for text in ("Remarks", "old rows.", "Budgets differ", "Not in the tables", "Left out"):
        assert text not in page


def test_without_the_reference(tmp_path: Path) -> None:
    for seed in range(2):
        leave(tmp_path / "runs", "ewc", seed)
        leave(tmp_path / "runs", "my_own", seed, kept=0.5)
    page = page_of(tmp_path)
    assert "scores are plain returns" in page
    assert "of `single`'s score" not in page and "More than 0.05 of a normalised score" not in page
    found = rows(page, "Scores")
    assert list(found) == ["ewc", "my_own"]
    assert found["ewc"]["average"].startswith(("-0.9", "-1.0"))
    assert found["ewc"]["forward transfer"] == "-"
    assert "## Against ewc" in page, "without hypercrl the first one is the base"


def test_the_reference_of_another_folder(tmp_path: Path) -> None:
    leave(tmp_path / "runs", "hypercrl", 0)
    leave(tmp_path / "other", "single", 0, tasks=TASKS[:2])
    page = page_of(tmp_path, reference=tmp_path / "other")
    assert "- slide_2: no run of `single` has learned it" in page
    assert list(rows(page, "Every task")["hypercrl"]) == ["strategy", "slide_0", "slide_1"]
    assert page.split("Return just after learning")[1].splitlines()[2] == "| strategy | slide_0 | slide_1 | slide_2 |"


def test_nothing_is_finished(tmp_path: Path) -> None:
    with pytest.raises(CrlError, match=r"holds no finished run of .*\nmake some: the runs"):
        page_of(tmp_path)


def test_no_task_has_a_scale(tmp_path: Path) -> None:
    leave(tmp_path / "runs", "single", 0, level=-500.0)
    with pytest.raises(CrlError, match=r"no task of .* has a normalised score: slide_0: `single`"):
        page_of(tmp_path)


def test_the_order_of_strategies() -> None:
    assert ordered(["zebra", "single", "hypercrl", "aardvark"]) == ["hypercrl", "single", "aardvark", "zebra"]
    assert len(set(ORDER)) == len(ORDER)


class TestWhatADifferenceShows:
    def say(self, ours: list[float], theirs: list[float], first: int = 0) -> str:
        both = [
            [
                Measures(seed, (score,), None, (), (), (), {"forgetting": None})  # type: ignore[arg-type]
                for seed, score in enumerate(scores, start)
            ]
            for scores, start in ((ours, 0), (theirs, first))
        ]
        (said,) = differences("ours", {"theirs": compare(*both)})
        return said

    def test_clear(self) -> None:
        assert self.say([1.0, 1.1, 1.05], [0.5, 0.6, 0.56]).startswith("`ours` is above `theirs` (0.497 [0.490, 0.500]")
        assert self.say([0.5, 0.6, 0.56], [1.0, 1.1, 1.05]).startswith("`ours` is below `theirs` (-0.497")

    def test_always_higher_but_not_by_the_same(self) -> None:
        said = self.say([1.0, 1.5, 1.1], [0.99, 0.6, 1.0])
        assert said.startswith("`ours` tends to be above `theirs`") and "higher in 3 of 3 seeds" in said
        assert self.say([0.99, 0.6, 1.0], [1.0, 1.5, 1.1]).startswith("`ours` tends to be below `theirs`")

    def test_mixed(self) -> None:
        said = self.say([1.0, 0.5, 1.1], [0.9, 0.6, 1.0])
        assert said.startswith("No difference is shown between `ours` and `theirs`")

    def test_one_seed_and_none(self) -> None:
        assert self.say([1.0, 1.1], [0.5]) == "One shared seed shows nothing about `ours` minus `theirs` (0.500)."
        assert "shares no seed with `theirs`" in self.say([1.0], [0.5], first=4)

    def test_alike_are_named_together(self) -> None:
        ours, theirs = ([Measures(0, (x,), None, (), (), (), {"forgetting": None})] for x in (1.0, 0.5))  # type: ignore[arg-type]
        found = compare(ours, theirs)
        assert differences("ours", {"a": found, "b": found}) == [
            "One shared seed shows nothing about `ours` minus `a` (0.500), `b` (0.500)."
        ]


def test_the_script(
    whole: Path,
    tmp_path: Path,
    page: str,
    repository: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["page_sequence.py", SEQUENCE, *arguments])
        runpy.run_path(str(repository / "scripts/page_sequence.py"), run_name="__main__")

    runs = str(whole / "runs")
    run(runs, str(tmp_path), "--reference", runs)  # which has nothing to add
    assert capsys.readouterr().out == f"wrote {tmp_path}/slides.md\n"
    written = (tmp_path / "slides.md").read_text()
    assert f'    scripts/run_sequence.sh {SEQUENCE} "STRATEGY:SEEDS ..."\n' in written
    assert f"Written by `scripts/page_sequence.py {SEQUENCE}`" in written
    assert rows(written, "Scores") == rows(page, "Scores")
    with pytest.raises(SystemExit, match="holds no finished run"):
        run(str(tmp_path), str(tmp_path))


@pytest.mark.parametrize("name", ["cartpole_length", "pusher", "pusher_held_out", "half_cheetah_body"])
def test_the_script_names_what_made_the_runs(name: str, repository: Path) -> None:
    found = runpy.run_path(str(repository / "scripts/page_sequence.py"))["command"](name)
    assert found == f"scripts/reproduce_{name.removesuffix('_held_out')}.sh"


@pytest.mark.parametrize(("forgetting", "said"), [(0.25, "lost 0.250"), (0.0, "lost 0.000"), (-0.25, "gained 0.250")])
def test_less_than_no_forgetting_is_a_gain(forgetting: float, said: str) -> None:
    runs = [Measures(0, (1.0,), None, (), (), (), {"forgetting": forgetting})]  # type: ignore[arg-type]
    assert f"and {said} on the earlier ones" in level(
        "ours", runs, Scale(("task",), (0,), {"task": 0.0}, {"task": 1.0}, True, {})
    )
