"""The site: its navigation, its reference of public names, and the pages that a newcomer reads first."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import crl
from tests.docs.pages import SHELL, blocks, check_taken, shell_lines

FOLDERS = ("api", "concepts", "how-to", "tutorials")
"""Folders all of whose pages a reader must find in the navigation."""
ORDER = ("Quick start", "Concepts", "Tutorials", "How to", "API reference", "Reference", "Results", "Architecture")


def navigation(repository: Path) -> list[Any]:
    # BaseLoader makes text of everything, so that tags of plug-ins cost nothing.
    found: list[Any] = yaml.load((repository / "mkdocs.yml").read_text(encoding="utf-8"), yaml.BaseLoader)["nav"]
    return found


def pages_of(entry: Any) -> Iterator[str]:
    """All paths below an entry of the navigation."""
    if isinstance(entry, str):
        yield entry
    else:
        for each in entry.values() if isinstance(entry, dict) else entry:
            yield from pages_of(each)


def test_the_navigation_leads_to_pages_that_exist_and_once_to_each(repository: Path) -> None:
    named = list(pages_of(navigation(repository)))
    assert sorted(set(named)) == sorted(named)
    for page in named:
        assert (repository / "docs" / page).is_file(), page


def test_it_leads_to_all_pages_that_explain(repository: Path) -> None:
    named = set(pages_of(navigation(repository)))
    docs = repository / "docs"
    written = {str(page.relative_to(docs)) for folder in FOLDERS for page in (docs / folder).glob("*.md")}
    assert written - named == set()


def test_its_order_is_that_of_a_reader(repository: Path) -> None:
    titles = [next(iter(entry)) for entry in navigation(repository)]
    assert [title for title in titles if title in ORDER] == list(ORDER)
    assert titles[-1] == "Decisions"


def modules(repository: Path) -> list[str]:
    """What the pages of the API reference are made of."""
    pages = (repository / "docs/api").glob("*.md")
    return sorted({name for page in pages for name in re.findall(r"^::: (\S+)", page.read_text("utf-8"), re.MULTILINE)})


def test_the_reference_is_made_of_modules_with_texts(repository: Path) -> None:
    found = modules(repository)
    assert len(found) >= 12
    for name in found:
        assert importlib.import_module(name).__doc__, name


@pytest.mark.parametrize(("page", "module"), [("crl", "crl"), ("checks", "crl.checks")])
def test_a_page_has_all_public_names(page: str, module: str, repository: Path) -> None:
    text = (repository / f"docs/api/{page}.md").read_text(encoding="utf-8")
    [listed] = re.findall(r"members: \[(.*)\]", text)
    assert set(listed.split(", ")) == set(importlib.import_module(module).__all__)


def first_pages(repository: Path) -> list[Path]:
    return [repository / "docs/quick_start.md", *sorted((repository / "docs/concepts").glob("*.md"))]


def test_each_is_short(repository: Path) -> None:
    pages = first_pages(repository)
    assert len(pages) >= 6
    for page in pages:
        assert len(page.read_text(encoding="utf-8").splitlines()) < 80, page.name


def test_commands_of_the_first_pages_are_taken(repository: Path) -> None:
    typed = 0
    for page in first_pages(repository):
        for block in blocks(page):
            if block.language in SHELL:
                lines = [line for line in shell_lines(block) if line.words[0] == "crl"]
                typed += len(lines)
                for line in lines:
                    check_taken(line, page.name)
    assert typed >= 7


def test_the_python_of_the_quick_start_runs(repository: Path, workplace: Path) -> None:
    brief = {"planner.samples": 32, "learning.final_steps": 10, "evaluation.episodes": 1, "videos": False}
    crl.train("cartpole_length", tasks=[0, 1], steps=200, settings=brief)
    [block] = [block for block in blocks(repository / "docs/quick_start.md") if block.language == "python"]
    names: dict[str, Any] = {"__name__": "quick_start"}
    exec(compile(block.text, "quick_start.md", "exec"), names)
    assert len(names["run"].tasks) == 2
