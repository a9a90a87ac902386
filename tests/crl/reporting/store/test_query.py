"""Filters, differences and removal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crl.errors import CrlError
from crl.reporting.store.comparing import UNSET, differing, facts
from crl.reporting.store.entry import Entry
from crl.reporting.store.query import is_filter, parse, select
from crl.reporting.store.removal import remove
from tests.crl.reporting.folders import leave
from tests.crl.reporting.store.test_survey import trained_in


def entry(name: str, **facts: Any) -> Entry:
    settings = facts.pop("settings", {})
    return Entry(name, f"/runs/{name}", facts.pop("status", "finished"), settings=settings, **facts)


RUNS = [
    entry(
        "a", env="pusher", method="hypercrl", seed=0, success=0.95, settings={"planner.samples": 64, "tasks": [0, 1]}
    ),
    entry("b", env="pusher", method="ewc", seed=1, success=0.5, settings={"planner.samples": 128}),
    entry("c", env="door_open", method="sb3_sac", seed=0, status="unfinished"),
]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], "abc"),
        (["env=pusher"], "ab"),
        (["env=pusher", "continual=ewc"], "b"),
        (["strategy=ewc,hypercrl"], "ab"),
        (["seed=0"], "ac"),
        (["seed=0,1", "status=finished"], "ab"),
        (["success>=0.95"], "a"),
        (["success<0.9"], "b"),
        (["status!=finished"], "c"),
        (["env!=pusher,door_open"], ""),
        (["planner.samples=64"], "a"),
        (["planner.samples>64"], "b"),
        (["success=null"], "c"),
        (["name>1"], ""),
    ],
)
def test_filters(filters: list[str], expected: str) -> None:
    assert "".join(run.name for run in select(RUNS, [parse(text) for text in filters])) == expected


def test_a_filter_that_no_run_can_meet_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(CrlError, match=r"did you mean 'planner\.samples'"):
        select(RUNS, [parse("planner.sample=64")])
    with pytest.raises(CrlError, match="is no filter"):
        parse("pusher")
    with pytest.raises(CrlError, match=r"'success>=' has no value"):
        parse("success>=")
    assert is_filter("a.b>=1") and not is_filter("runs/pusher") and not is_filter("=1")


def test_differing_settings() -> None:
    one = {"seed": 0, "lr": 0.1, "run_dir": "a", "checkpoint.keep": 1, "same": [1]}
    other = {"seed": 1, "lr": 0.1, "run_dir": "b", "checkpoint.keep": 2, "same": [1], "new": True}
    assert differing([one, other]) == {"seed": [0, 1], "new": [UNSET, True]}
    assert differing([one, other], missing_counts=False) == {"seed": [0, 1]}
    assert list(differing([one, other], everything=True)) == ["seed", "run_dir", "checkpoint.keep", "new"]
    assert facts(RUNS)["mean success"] == [0.95, 0.5, None]
    assert "forgetting (return)" not in facts(RUNS), "nobody knows it"


def test_removal_takes_the_run_and_nothing_else(tmp_path: Path) -> None:
    outside = tmp_path / "data"
    outside.mkdir()
    (outside / "precious").write_text("x")
    folder = leave(tmp_path / "runs", "ewc", 0)
    leave(tmp_path / "runs", "ewc", 1)
    (folder / "link").symlink_to(outside, target_is_directory=True)
    (tmp_path / "runs/latest").symlink_to("ewc_s0", target_is_directory=True)
    remove(folder)
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["ewc_s1"]
    assert (outside / "precious").read_text() == "x"


def test_removal_refuses_links_strangers_and_runs_in_use(tmp_path: Path) -> None:
    folder = leave(tmp_path, "ewc", 0)
    (tmp_path / "latest").symlink_to("ewc_s0", target_is_directory=True)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("x")
    with pytest.raises(CrlError, match="is a link"):
        remove(tmp_path / "latest")
    for path in (tmp_path / "thesis", tmp_path / "nowhere"):
        with pytest.raises(CrlError, match="is no run"):
            remove(path)
    with trained_in(folder), pytest.raises(CrlError, match="is in use: process"):
        remove(folder)
    assert (folder / "results.json").exists() and (tmp_path / "thesis/chapter.tex").exists()
