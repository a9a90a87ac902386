"""Pages of the documentation: their Python blocks run, top to bottom, in one namespace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = ["docs/tutorials/never_stop_learning.md", "docs/reference/formal.md"]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(page: str, repository: Path, workplace: Path) -> None:
    text = (repository / page).read_text(encoding="utf-8")
    found = list(BLOCK.finditer(text))
    assert found, f"{page} has no Python block"
    names: dict[str, object] = {"__name__": "page"}
    for block in found:
        # Blank lines before it, so that a traceback names the line of the page.
        padding = "\n" * (text[: block.start(1)].count("\n"))
        exec(compile(padding + block.group(1), page, "exec"), names)
