"""Problem files of the documentation: each is decided by the command, and says what its page says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crl.cli import app

VERDICTS = {
    "switching": "continual RL problem: yes: no best agent (win-stay-lose-shift) ever reaches the basis",
    "frozen": "continual RL problem: no: always left is best and sometimes reaches the basis",
    "frozen_lake": "settled on always down after: (nothing yet)",
    "visitor": "settled on faithful to the left after: left/open",
}


def decided(path: Path) -> str:
    done = CliRunner().invoke(app, ["formal", str(path), "--dot", "drawn.dot"])
    assert done.exit_code == 0, done.output
    assert Path("drawn.dot").read_text(encoding="utf-8").startswith("digraph")
    return done.output


def test_every_example_is_listed_here(repository: Path) -> None:
    assert {path.stem for path in (repository / "docs/examples/formal").iterdir()} == set(VERDICTS)


@pytest.mark.parametrize("name", VERDICTS)
def test_examples_are_decided(name: str, repository: Path, workplace: Path) -> None:
    assert VERDICTS[name] in decided(repository / f"docs/examples/formal/{name}.yaml")


def test_the_file_of_the_reference_is_decided(repository: Path, workplace: Path) -> None:
    text = (repository / "docs/reference/formal.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    path = workplace / "problem.yaml"
    path.write_text(block, encoding="utf-8")
    assert "gives up" in decided(path)
