from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crl.cli import app
from crl.diagnosis import examination
from crl.diagnosis.finding import Finding

SOUND = Finding("packages", "torch", "ok", "2.0", needed=True)
SILENT = Finding("rendering", "EGL", "warning", "no device [in /dev]", "apt-get install libegl1")
BROKEN = Finding("disk", "writing", "broken", "read-only", "choose another folder", needed=True)


def pretend(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    monkeypatch.setattr(examination, "examine", lambda runs: iter([("everything", list(findings))]))


def test_a_warning_does_not_stop_training(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, SOUND, SILENT)
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0
    assert "no device [in /dev]" in done.stdout
    assert "apt-get install libegl1" in done.stdout
    assert "crl train works here; 1 warning above" in done.stdout


def test_what_training_needs_gives_exit_code_1_and_its_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, SOUND, BROKEN)
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "choose another folder" in done.stdout
    assert "crl train can't work here: writing" in done.stdout


def test_json_is_all_that_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, SOUND, BROKEN)
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["can_train"] is False
    assert told["findings"] == [SOUND.plain(), BROKEN.plain()]


def test_a_subject_that_fails_is_a_finding_and_the_others_follow(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail() -> list[Finding]:
        raise ZeroDivisionError("by zero")

    for name in ("packages", "plugins", "processors", "kernel", "video", "ros"):
        monkeypatch.setattr(examination, name, lambda: [SOUND])
    monkeypatch.setattr(examination, "rendering", fail)
    found = dict(examination.examine(tmp_path))
    assert list(found) == [
        "packages",
        "entry points",
        "processors",
        "kernel",
        "rendering",
        "video",
        "disk",
        "ros",
    ]
    [failed] = found["rendering"]
    assert (failed.state, failed.stops_training) == ("warning", False)
    assert "ZeroDivisionError: by zero" in failed.said
    assert found["disk"][0].name == "room"
