"""Pages of the documentation: their blocks run, top to bottom, in one namespace and one folder.

What trains for minutes does so with small settings here; the tests that are marked slow type what the pages say.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import gymnasium
import pytest

from tests import tiny, tiny_missions
from tests.docs.pages import SHELL, Block, Line, Reader, blocks, check_taken, shell_lines

TUTORIALS = ("never_stop_learning", "learn_doors", "own_robot", "adapt_a_vehicle")
NOT_TYPED = {"crl formal FILE.yaml": "a synopsis"}
"""Beginnings of lines that are not typed here, and why."""
MINIMAL = {
    "door_open": (*tiny.SMALL, "budget.steps=[240]", "budget.mastery=false"),
    "crane:CRANES": (*tiny.SMALL, "budget.steps=[180]"),
    "ugv_mission": (*tiny_missions.SMALL, "missions.steps=40", "planner.samples=8"),
}
"""Settings that make a run a matter of seconds."""


def small(words: list[str]) -> list[str]:
    """Further arguments for a command, so that it takes seconds."""
    env = next((word.partition("=")[2] for word in words if word.startswith("env=")), "")
    if words[1] == "train":
        return list(MINIMAL[env])
    if words[1] == "eval-missions":
        return [*MINIMAL[env], "seeds=1", "workers=1"]
    return ["--episodes", "1"] if words[1] == "eval" else []


@pytest.fixture
def folder(workplace: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder whose modules can be imported; the repository's documentation is beside it."""
    (workplace / "docs").symlink_to(repository / "docs")
    monkeypatch.syspath_prepend(str(workplace))
    registered, imported = set(gymnasium.registry), set(sys.modules)
    yield workplace
    for name in set(gymnasium.registry) - registered:
        del gymnasium.registry[name]
    for name in set(sys.modules) - imported:
        if getattr(sys.modules[name], "__file__", None) and str(workplace) in str(sys.modules[name].__file__):
            del sys.modules[name]


def test_every_tutorial_is_here(repository: Path) -> None:
    assert {path.stem for path in (repository / "docs/tutorials").glob("*.md")} == set(TUTORIALS)


@pytest.mark.parametrize("page", TUTORIALS)
def test_every_line_is_taken(page: str, repository: Path) -> None:
    for block in blocks(repository / f"docs/tutorials/{page}.md"):
        if block.language in SHELL:
            for line in shell_lines(block):
                if line.words[0] == "crl":
                    check_taken(line, page)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("docs/tutorials/never_stop_learning.md", marks=pytest.mark.slow),
        "docs/reference/formal.md",
        "docs/tutorials/own_robot.md",
    ],
)
def test_the_blocks_of_a_page_run(page: str, repository: Path, folder: Path) -> None:
    Reader(small, excused=NOT_TYPED).follow(repository / page)


@pytest.mark.slow
def test_learning_doors(repository: Path, folder: Path) -> None:
    reader = Reader(small)
    reader.follow(repository / "docs/tutorials/learn_doors.md")
    assert len(list((folder / "runs/kept/videos").glob("*.mp4"))) == 1
    assert (folder / "both.mp4").stat().st_size > 1000
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "finetune" in page
    assert "@" in reader.output["crl cite kept"]
    results = json.loads((folder / "runs/kept/results.json").read_text())
    assert results["matrix_tasks"] == ["pull", "lever_minus", "lever_plus"]


@pytest.mark.slow
def test_adapting_a_vehicle(repository: Path, folder: Path) -> None:
    Reader(small).follow(repository / "docs/tutorials/adapt_a_vehicle.md")
    assert (folder / "mission.mp4").stat().st_size > 1000
    for name in ("compare", "yard"):
        assert {path.name for path in (folder / name).glob("*.*")} >= {"results.json", "table.md", "paths.png"}
    flown = json.loads((folder / "yard/results.json").read_text())["missions"]
    assert [(record["method"], record["map"]) for record in flown] == [("afm", "yard"), ("none", "yard")]


@pytest.mark.slow
@pytest.mark.timeout(3 * 3600)
def test_doors_are_learned_as_told(repository: Path, folder: Path) -> None:
    Reader().follow(repository / "docs/tutorials/learn_doors.md")
    kept, forgotten = (json.loads((folder / f"runs/{name}/results.json").read_text()) for name in ("kept", "forgotten"))
    assert kept["average_success"] >= 0.8
    assert kept["forgetting"] <= 0.1 < forgotten["forgetting"]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ropes_are_learned_as_told(repository: Path, folder: Path) -> None:
    Reader().follow(repository / "docs/tutorials/own_robot.md")
    kept, forgotten = (json.loads((folder / f"runs/{name}/results.json").read_text()) for name in ("kept", "forgotten"))
    assert kept["average_success"] >= 0.8
    assert kept["forgetting_return"] < 1 < forgotten["forgetting_return"]


@pytest.mark.slow
@pytest.mark.timeout(2 * 3600)
def test_a_vehicle_adapts_as_told(repository: Path, folder: Path) -> None:
    Reader().follow(repository / "docs/tutorials/adapt_a_vehicle.md")
    flown = json.loads((folder / "compare/results.json").read_text())["missions"]
    completed = {name: [m["completed"] for m in flown if m["method"] == name] for name in ("afm", "none")}
    assert all(completed["afm"])
    assert not all(completed["none"])


class TestReader:
    """The reader finds what is on a page, and notices what does not run."""

    def test_blocks_and_lines(self, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text(
            "text\n\n```python\nx = 1\n```\n\n    crl formal a.yaml --dot b.dot\n\ntext\n\n"
            "```sh\ncrl train a=1 \\\n    b=2   # why\n\n# only this\ncat >f.csv <<'END'\nx,y\n0,1\nEND\n```\n"
        )
        python, indented, shell = blocks(page)
        assert (python.language, python.line) == ("python", 4)
        assert [line.words for line in shell_lines(indented)] == [["crl", "formal", "a.yaml", "--dot", "b.dot"]]
        first, second = shell_lines(shell)
        assert first.words == ["crl", "train", "a=1", "b=2"]
        assert second.document == "x,y\n0,1\n"

    def test_a_block_that_fails_is_named(self, folder: Path) -> None:
        with pytest.raises(AssertionError, match="page:7: crl eval nowhere"):
            Reader().type(Line("crl eval nowhere", 7), "page")
        with pytest.raises(AssertionError, match="nobody runs 'rm -r x'"):
            Reader().type(Line("rm -r x", 3), "page")
        with pytest.raises(AssertionError, match="nobody runs a block of no language"):
            Reader().run(Block("", "x", 1), "page")
        Reader(excused={"rm -r": "destroys"}).type(Line("rm -r x", 3), "page")
