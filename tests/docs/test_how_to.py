"""How-to pages: their Python blocks run, and what they tell to type is what the program takes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

import gymnasium
import pytest
from typer.testing import CliRunner

from crl.cli import app

PAGES = [
    "python.md",
    pytest.param("more_tasks.md", marks=pytest.mark.slow),
    "own_strategy.md",
    "own_planner.md",
    "own_environment.md",
]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = re.compile(r"^```(?:sh|console)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(
    page: str, repository: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (repository / "docs" / "how-to" / page).read_text(encoding="utf-8")
    found = list(BLOCK.finditer(text))
    assert len(found) >= 2, f"{page} has no class and check"
    module = ModuleType("page")  # which an environment of the page is registered from
    monkeypatch.setitem(sys.modules, "page", module)
    registered = set(gymnasium.registry)
    try:
        for block in found:
            # Blank lines before it, so that a traceback names the line of the page.
            padding = "\n" * (text[: block.start(1)].count("\n"))
            exec(compile(padding + block.group(1), page, "exec"), module.__dict__)
    finally:
        for name in set(gymnasium.registry) - registered:
            del gymnasium.registry[name]


def test_commands_and_options_exist(repository: Path) -> None:
    for page in (repository / "docs" / "how-to").glob("*.md"):
        for block in COMMANDS.findall(page.read_text(encoding="utf-8")):
            for line in block.splitlines():
                words = line.partition("#")[0].split()
                if words[:1] != ["crl"]:
                    continue
                shown = CliRunner().invoke(app, [words[1], "--help"], env={"COLUMNS": "200"})
                assert shown.exit_code == 0, f"{page.name}: {line}"
                for option in (word for word in words if word.startswith("--")):
                    assert option in shown.stdout, f"{page.name}: {line}"
