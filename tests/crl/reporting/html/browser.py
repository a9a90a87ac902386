"""A headless Chromium for tests: the page after its scripts have run, what the console said, pictures of it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)

LEAVE = """
<script>
const leave = (report) => {
  const result = document.createElement("script");
  result.type = "application/json"; result.id = "result"; result.textContent = JSON.stringify(report);
  document.body.append(result);
};
</script>
"""
"""A function with which a test's script leaves what it found in the page; :func:`result` reads it."""


def chromium() -> str:
    """The browser's path, or the test is skipped."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("no Chromium: install it (Debian: apt-get install chromium) or name it in CHROMIUM")
    return found


def run(page: Path, profile: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open a page from its file and wait until the browser ends."""
    command = [chromium(), *FLAGS, f"--user-data-dir={profile}", "--enable-logging=stderr", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)


def dom(page: Path, profile: Path, *flags: str) -> tuple[str, list[str]]:
    """The document after its scripts, and the lines of its console."""
    done = run(page, profile, "--dump-dom", "--window-size=1300,900", *flags)
    return done.stdout, re.findall(r"CONSOLE[^\]]*\] (.*)", done.stderr)


def result(document: str) -> dict[str, object]:
    """What a test's script left in a document."""
    found = re.search(r'<script type="application/json" id="result">(.*?)</script>', document, re.DOTALL)
    assert found, document[-2000:]
    told: dict[str, object] = json.loads(found[1])
    return told
