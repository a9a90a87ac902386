"""One odd run costs the others nothing: it is listed with what is wrong, and left out of reports with the reason."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from crl.cli import app
from crl.reporting.report.gather import gather
from crl.reporting.reports import Options, write_reports
from crl.reporting.store import index, show
from crl.reporting.store.entry import Entry
from crl.training.runs.results_file import NEEDED, SCHEMA
from tests.crl.reporting.folders import leave
from tests.crl.reporting.store.test_survey import look, whole

ODD: dict[str, Any] = {
    "text": "x",
    "list": ["a"],
    "mapping": {"a": {"b": []}},
    "huge": 10**30,
    "large": 1.7e308,
    "true": True,
    "half": "\ud800",
    "nul": "a\0b",
    "markup": "[/x][bold]",
    "tables": [[{"a": 1}], ["b"], [10**400]],
}


def listed(root: Path) -> list[Entry]:
    found = index.entries(root)
    console = Console(file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(show.table(found))
    for entry in found:
        assert [line.encode() for line in [*show.details(entry), *show.findings(found)]]
    return found


def odd_run(root: Path, name: str = "odd") -> Path:
    return leave(root, "hypercrl", 7, name=name)


@pytest.mark.parametrize("kind", ODD)
def test_results_with_values_that_no_run_writes(kind: str, tmp_path: Path) -> None:
    sound = whole(tmp_path, "sound")
    written = json.loads((sound / "results.json").read_text())
    for key in SCHEMA:
        folder = tmp_path / f"odd_{key}"
        folder.mkdir()
        (folder / "results.json").write_text(json.dumps({**written, "seed": 1, key: ODD[kind]}))
    found = {entry.name: entry for entry in listed(tmp_path)}
    assert len(found) == 1 + len(SCHEMA) and not found["sound"].findings
    for key in SCHEMA:
        said = "\n".join(map(str, found[f"odd_{key}"].findings))
        accepted = SCHEMA[key](ODD[kind]) is None
        assert f"results.json holds what no run writes, which is left out: {key}" in said or accepted
    gathered = gather([tmp_path / name for name in found])
    assert "sound" in {run.path.name for section in gathered.sections for run in section.runs}
    for key in NEEDED:
        if SCHEMA[key](ODD[kind]) is not None:
            assert any(f"odd_{key} results.json" in problem for problem in gathered.problems), key


def test_reports_are_made_of_whatever_is_sound(tmp_path: Path) -> None:
    runs = [leave(tmp_path / "runs", "hypercrl", seed) for seed in range(2)]
    keys = [key for key in SCHEMA if key not in ("env", "strategy", "seed")]
    for number, key in enumerate(keys):
        runs.append(leave(tmp_path / "runs", "hypercrl", 10 + number, **{key: ["odd"]}))
    log = runs[0] / "metrics.jsonl"
    odd = '{"kind":"episode","step":"x","task":[],"return":"a","episode":1,"steps":1,"success":0}'
    lines = [odd, "[" * 5000, "null"]
    log.write_text("\n".join([*lines, log.read_text()]))
    (runs[0] / "videos" / "folder.mp4").mkdir(parents=True)
    os.mkfifo(runs[0] / "videos" / "pipe.mp4")
    files = {kind: tmp_path / f"report.{kind}" for kind in ("html", "md", "csv")}
    made = write_reports([str(run) for run in runs], files, Options(embed=10_000))
    assert all(path.stat().st_size > 1000 for path in made.files)
    said = "\n".join(made.problems)
    assert all(str(10 + number) in said for number in range(len(keys)))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def deep(path: Path) -> None:
    path.write_text("[" * 100_000 + "]" * 100_000)


def deep_mapping(path: Path) -> None:
    path.write_text('{"a":' * 90 + "1" + "}" * 90)


def bomb(path: Path) -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    path.write_text("\n".join(rows))


def listener(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(os.path.relpath(path))


def nonsense(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 10)


def nothing(path: Path) -> None:
    path.write_bytes(b"")


PUT: list[Callable[[Path], None]] = [
    pipe,
    device,
    huge,
    deep,
    deep_mapping,
    bomb,
    listener,
    nonsense,
    nothing,
    Path.mkdir,
]
PLACES = [
    "config.yaml",
    "results.json",
    "metrics.jsonl",
    "timing.jsonl",
    "fingerprint",
    ".lock",
    "checkpoints",
    "checkpoints/step_000000240/manifest.json",
    "checkpoints/step_000000240/state.json",
]


@pytest.mark.parametrize("put", PUT, ids=lambda put: put.__name__)
def test_odd_things_in_the_place_of_files(put: Callable[[Path], None], workplace: Path) -> None:
    sound = whole(workplace, "sound")
    for place in PLACES:
        folder = whole(workplace, f"odd-{place.replace('/', '-')}")
        path = folder / place
        if path.is_dir():
            path.rename(folder / "aside")
        elif path.exists():
            path.unlink()
        put(path)
    found = {entry.name: entry for entry in listed(workplace)}
    assert len(found) == 1 + len(PLACES) and not found[sound.name].findings
    assert found["odd-config.yaml"].problems and found["odd-results.json"].problems
    assert found["odd-checkpoints-step_000000240-manifest.json"].problems
    gathered = gather([workplace / name for name in found])
    assert len(gathered.entries) == len(found) and gathered.sections[0].runs


@pytest.mark.parametrize(
    "settings",
    [
        "seed: x\nprofile: [a]\nenv: {name: [b]}\n",
        "seed: 0xffffffffffffffffffffffffff\nagent: {name: {a: 1}}\ncontinual: 3\n",
        "? 2025-01-01\n: {2025-01-02: 3, 1: [2025-01-01, {2025-01-03: x}]}\n",
        "a: !!binary aGVsbG8=\nb: !!set {x, y}\nc: .nan\n",
        'env: {name: "a\\0b"}\nx: "\\e[31m"\n',
        "agent: {name: frozen, run: [1]}\n",
        'agent: {name: frozen, run: "a\\0b"}\n',
    ],
)
def test_settings_with_values_that_no_run_writes(settings: str, tmp_path: Path) -> None:
    whole(tmp_path, "sound")
    folder = odd_run(tmp_path)
    (folder / "config.yaml").write_text(settings)
    (folder / "results.json").unlink()
    found = {entry.name: entry for entry in listed(tmp_path)}
    assert not found["sound"].findings
    assert Entry.from_json(found["odd"].to_json()).name == "odd"
    assert {entry.name: entry for entry in listed(tmp_path)}.keys() == found.keys()


def test_names_of_folders_that_are_no_text(tmp_path: Path) -> None:
    whole(tmp_path, "sound")
    os.mkdir(os.fsencode(tmp_path) + b"/run_\xff\xfe")  # noqa: PTH102
    (tmp_path / os.fsdecode(b"run_\xff\xfe") / "results.json").write_text("{}")
    odd_run(tmp_path, "[/bold]")
    odd_run(tmp_path, "a\nb")
    assert [entry.name for entry in listed(tmp_path)] == ["[/bold]", "a\nb", r"run_\udcff\udcfe", "sound"]
    assert len(listed(tmp_path)) == 4


def test_a_run_that_says_it_was_made_in_an_impossible_place(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert "was moved or copied" in "\n".join(map(str, look(whole(tmp_path, run=str(loop))).findings))


def test_the_command_lists_shows_and_compares_odd_runs(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = workplace / "runs"
    whole(runs, "sound")
    odd = leave(runs, "hypercrl", 0, name="odd", env=["a"], cpu_seconds="x", env_steps=10**30)
    (odd / "config.yaml").write_text("seed: x\n")
    whole(runs, "piped")
    (runs / "piped" / "results.json").unlink()
    os.mkfifo(runs / "piped" / "results.json")
    for arguments in (["list"], ["list", "--json"], ["show", "odd"], ["show", "piped"], ["compare", "odd", "sound"]):
        app(["runs", *arguments], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "cpu_seconds is 'x', not a number" in shown and "is a pipe, not a plain file" in shown
