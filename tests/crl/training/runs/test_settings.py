"""A run's settings are believed only as far as its fingerprint confirms them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest
import yaml

from crl.config.asking.composing import compose, fingerprint, load_yaml, to_plain, to_yaml
from crl.config.fingerprints import digest
from crl.errors import SettingsError
from crl.reporting.citing.citations import cite
from crl.reporting.runs import RunRecord
from crl.reporting.store.survey import survey
from crl.training.load import load_run
from crl.training.runner import resume, train
from crl.training.runs.folder import RunFolder
from crl.training.runs.settings import ChangedSettingsError, read_settings, recorded_settings, settings_to_go_on
from tests import tiny

OVERRIDES = {
    "doors": ("env=door_open",),
    "missions": ("env=ugv_mission", "refiner=afm"),
    "model-free": ("env=cartpole_length", "agent=sb3_sac"),
}


@functools.cache
def text(kind: str) -> str:
    return to_yaml(compose(OVERRIDES[kind]))


def begun(root: Path, content: str, mark: str) -> RunFolder:
    folder = RunFolder.create(root, "run", mark)
    folder.config.write_text(content)
    return folder


@pytest.mark.parametrize("kind", OVERRIDES)
def test_settings_as_they_were_written_are_believed(kind: str, tmp_path: Path) -> None:
    config = compose(OVERRIDES[kind])
    folder = begun(tmp_path, text(kind), fingerprint(config))
    assert read_settings(folder) == (config, None)
    assert settings_to_go_on(folder) == config
    assert recorded_settings(folder.path).plain == to_plain(config)
    free = text(kind).replace("videos: true", "videos: false").replace("seconds: ", "seconds: 1")  # of no effect
    folder.config.write_text(free)
    assert free != text(kind) and read_settings(folder)[1] is None and recorded_settings(folder.path).plain


def test_no_cut_at_the_end_of_a_line_loads_other_settings(tmp_path: Path) -> None:
    lines = text("doors").splitlines(keepends=True)
    whole = load_yaml(begun(tmp_path, text("doors"), "").config)
    folder = begun(tmp_path, text("doors"), fingerprint(whole))
    others = 0
    for end in range(0, len(lines), 9):
        folder.config.write_text("".join(lines[:end]))
        believed = recorded_settings(folder.path)
        try:
            config, complaint = read_settings(folder)
        except SettingsError:
            continue
        same = fingerprint(config) == fingerprint(whole)
        assert (complaint is None) == same and (believed.plain is not None) == same
        others += not same
    assert others > 5


def test_every_changed_setting_is_noticed(tmp_path: Path) -> None:
    folder = begun(tmp_path, text("doors"), fingerprint(compose(OVERRIDES["doors"])))
    changed = text("doors").replace("  lr: 0.0002\n", "  lr: 0.003\n")
    assert changed != text("doors")
    for content in (changed, text("doors").replace("seed: 0", "seed: 1")):
        folder.config.write_text(content)
        assert "config.yaml is not what the run was made with" in str(read_settings(folder)[1])
        with pytest.raises(ChangedSettingsError, match="other settings need a run of their own"):
            settings_to_go_on(folder)
        assert recorded_settings(folder.path).changed
        assert RunRecord(folder.path, {}).settings == {}
        assert any("config.yaml is not what" in finding.what for finding in survey(folder.path, tmp_path).problems)


def older(plain: dict[str, Any]) -> dict[str, Any]:
    """Settings as a version wrote them that lacked some of today's."""
    kept = {key: value for key, value in plain.items() if key not in ("monitor", "data", "refiner", "body", "flow")}
    del kept["planner"]["shift"], kept["missions"], kept["agent"]
    kept["learning"].pop("average")
    return kept


def test_settings_of_an_older_version_are_checked_by_what_they_say(tmp_path: Path) -> None:
    plain = older(yaml.safe_load(text("doors")))
    folder = begun(tmp_path, yaml.safe_dump(plain), digest(plain))
    assert digest(plain) != fingerprint(load_yaml(folder.config))
    assert read_settings(folder)[1] is None and recorded_settings(folder.path).plain == plain
    plain["learning"]["lr"] = 0.5
    folder.config.write_text(yaml.safe_dump(plain))
    assert read_settings(folder)[1] is not None and recorded_settings(folder.path).changed


def test_numbers_and_texts_that_only_the_schema_understands(tmp_path: Path) -> None:
    config = compose(OVERRIDES["doors"])
    content = text("doors").replace("  lr: 0.0002\n", "  lr: 2e-4\n")  # a text for a reader of YAML 1.1
    folder = begun(tmp_path, content, fingerprint(config))
    assert content != text("doors") and read_settings(folder) == (config, None)
    assert recorded_settings(folder.path).plain is not None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no settings"),
        ("null\n", "holds no settings|not valid YAML"),
        ("seed: ${oc.env:HOME}\n", "refers to something else"),
        ("name: ${profile}${profile}\nprofile: ${run_dir}${run_dir}\n", "refers to something else"),
        ("a: &a [*a]\n", "a part of"),
        ("[" * 200 + "]" * 200, "not valid YAML"),
    ],
)
def test_files_that_no_run_writes_are_refused(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(SettingsError, match=words) as caught:
        load_yaml(tmp_path / "config.yaml")
    assert "\n" not in caught.value.message


def test_a_run_whose_settings_were_changed_is_named_and_not_continued(workplace: Path) -> None:
    config = tiny.settings(workplace / "runs", tasks="[0]")
    train(config, tiny.quiet()[0])
    path = workplace / "runs" / "run"
    (path / "results.json").unlink()
    content = (path / "config.yaml").read_text()
    (path / "config.yaml").write_text(content.replace("final_steps: 8", "final_steps: 9"))
    with pytest.raises(ChangedSettingsError):
        resume(path)
    config.resume = True
    with pytest.raises(ChangedSettingsError):
        train(config, tiny.quiet()[0])
    config.name = None  # found by its fingerprint
    with pytest.raises(ChangedSettingsError):
        train(config, tiny.quiet()[0])
    assert "config.yaml is not what" in load_run(path).problems[0]
    assert any("config.yaml is not what" in note for note in cite(path)[1])
    (path / "config.yaml").write_text(content)
    assert resume(path)["env_steps"] == 64 and not load_run(path).problems
