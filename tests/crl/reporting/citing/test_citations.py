from __future__ import annotations

import json
import re
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crl.cli import app
from crl.config.asking.composing import compose, to_yaml
from crl.config.declared.compositions import compositions
from crl.config.limits import leaves
from crl.errors import CrlError
from crl.reporting.citing.bibliography import Bibliography, holds, keys_of, read_bibliography
from crl.reporting.citing.citations import cite, simulators
from tests import tiny

GROUPS = {"agent": "crl.agents", "planner": "crl.planners"}
CITED_IN_SOURCES = re.compile(r"arXiv[ :]*(\d{4}\.\d{5})")


def conditions(bibliography: Bibliography) -> set[str]:
    return {part for entry in bibliography.entries for parts in entry.used_by for part in parts}


def leave(folder: Path, *overrides: str, **results: Any) -> Path:
    """A run's folder with the given settings and results."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(to_yaml(compose(overrides)))
    if results:
        (folder / "results.json").write_text(json.dumps(results))
    return folder


def keys(folder: Path) -> set[str]:
    return {key for citation in cite(folder)[0] for key in citation.keys}


class TestBibliography:
    def test_every_strategy_agent_and_planner_has_entries_or_explicitly_none(self) -> None:
        bibliography = read_bibliography()
        said = conditions(bibliography)
        for group, place in GROUPS.items():
            own = {p.name for p in entry_points(group=place) if p.dist is not None and p.dist.name == "crl"}
            assert own, place
            names = [f"{group}={name}" for name in own]
            for name in [*names, *(f"continual={name}" for name in compositions())]:
                listed = [name in said, name in bibliography.nothing]
                assert sum(listed) == 1, f"{name} must be in used-by or under nothing-to-cite, and not in both"

    def test_every_refiner_too(self, repository: Path) -> None:
        bibliography = read_bibliography()
        for file in (repository / "configs" / "refiner").glob("*.yaml"):
            condition = f"refiner={file.stem}"
            assert (condition in conditions(bibliography)) != (condition in bibliography.nothing), condition

    def test_every_condition_names_something_that_exists(self) -> None:
        bibliography = read_bibliography()
        settings = {key for key, _ in leaves(compose())}
        for condition in conditions(bibliography) | bibliography.nothing:
            key = re.split("[=>]", condition)[0]
            assert key in settings or key in (
                "always",
                "report",
                "result",
                "simulator",
                "env",
                "refiner",
                "continual",
                *GROUPS,
            ), key

    def test_entries_are_complete_and_their_keys_unique(self) -> None:
        entries = read_bibliography().entries
        assert len({entry.key for entry in entries}) == len(entries) >= 35
        for entry in entries:
            needed = {"article": {"journal"}, "inproceedings": {"booktitle"}}.get(entry.kind, set())
            needed = {"title", "author"} | needed | ({"year"} if entry.kind != "software" else set())
            assert needed <= set(entry.fields), entry.key
            for value in entry.fields.values():
                assert value.count("{") == value.count("}"), entry.key
            year = entry.fields.get("year", "")[-4:]
            assert entry.key == "crl" or year in entry.key, entry.key
            assert "used-by" not in entry.text()

    def test_every_arxiv_number_in_the_sources_of_methods_is_in_it(self, repository: Path) -> None:
        known = {entry.fields.get("eprint") for entry in read_bibliography().entries}
        for package in ("continual", "planning", "agents"):
            for file in (repository / "crl" / package).glob("*.py"):
                for number in CITED_IN_SOURCES.findall(file.read_text()):
                    assert number in known, f"{file.name} cites arXiv {number}"

    def test_no_number_is_given_twice(self) -> None:
        numbers = [entry.fields["eprint"] for entry in read_bibliography().entries if "eprint" in entry.fields]
        assert len(set(numbers)) == len(numbers)

    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            ("always", True),
            ("never", False),
            ("a.b=x", True),
            ("a.b=y", False),
            ("flag=true", True),
            ("flag=false", False),
            ("n>1", True),
            ("n>2", False),
            ("n=2", True),
            ("words=w", True),
            ("words=v", False),
            ("missing=x", False),
            ("missing>0", False),
        ],
    )
    def test_conditions(self, condition: str, expected: bool) -> None:
        facts = {"always": True, "a.b": "x", "flag": True, "n": 2, "words": frozenset({"w"})}
        assert holds(condition, facts) is expected

    @pytest.mark.parametrize("body", ["  title {x},\n", "  title = {x},\n"])
    def test_a_malformed_entry_is_named(self, body: str, tmp_path: Path) -> None:
        file = tmp_path / "some.bib"
        file.write_text(f"@misc{{key2000,\n{body}}}\n")
        with pytest.raises(CrlError, match="key2000"):
            read_bibliography(file)


class TestRuns:
    def test_hypercrl_on_the_cart_pole(self, tmp_path: Path) -> None:
        found = keys(leave(tmp_path / "run", "env=cartpole_length"))
        libraries = {"crl", "towers2024gymnasium", "ansel2024pytorch", "yadan2019hydra", "todorov2012mujoco"}
        method = {"huang2021hypercrl", "vonoswald2020hypernetworks", "pinneri2020icem", "timmer1995noise"}
        reports = {"agarwal2021precipice", "lopezpaz2017gem", "wolczyk2021world"}
        assert found == libraries | method | reports

    def test_what_was_measured_counts_once_there_are_results(self, tmp_path: Path) -> None:
        overrides = ["env=cartpole_length", "continual=finetune", "planner=random_shooting"]
        before = keys(leave(tmp_path / "a", *overrides))
        results = {"reach": {}, "forgetting": 0.1, "forgetting_from_best": None, "visits": [{"plasticity": {"x": 1}}]}
        after = keys(leave(tmp_path / "b", *overrides, **results))
        assert after - before == {"abel2023continual", "huang2021hypercrl", "sokar2023dormant", "roy2007rank"}

    def test_a_model_free_agent_has_no_strategy_and_no_planner(self, tmp_path: Path) -> None:
        found = keys(leave(tmp_path / "run", "env=cartpole_length", "agent=sb3_sac"))
        assert {"haarnoja2018sac", "raffin2021stable", "wolczyk2021world"} <= found
        assert not found & {"huang2021hypercrl", "vonoswald2020hypernetworks", "pinneri2020icem", "fujimoto2018td3"}

    @pytest.mark.parametrize(
        ("overrides", "there", "not_there"),
        [
            (["continual=hypercrl_ewc"], {"kirkpatrick2017ewc", "huang2021hypercrl"}, {"zenke2017si"}),
            (["continual=si", "planner=mppi"], {"zenke2017si", "williams2018mppi"}, {"huang2021hypercrl"}),
            (["planner.beta=0"], {"pinneri2020icem"}, {"timmer1995noise"}),
            (["dynamics.out_var=true"], {"chua2018pets"}, set()),
            (["exploration.handover=0.5"], {"ecoffet2021return"}, set()),
        ],
    )
    def test_settings_decide(self, overrides: list[str], there: set[str], not_there: set[str], tmp_path: Path) -> None:
        found = keys(leave(tmp_path / "run", "env=cartpole_length", *overrides))
        assert there <= found
        assert not not_there & found

    def test_a_frozen_run_cites_what_the_played_run_used(self, tmp_path: Path) -> None:
        played = leave(tmp_path / "played", "env=cartpole_length", "continual=pnn")
        found = keys(leave(tmp_path / "run", "env=cartpole_length", "agent=frozen", f"agent.run={played}"))
        assert {"rusu2016progressive", "pinneri2020icem"} <= found

    def test_an_environment_without_a_simulator(self, tmp_path: Path) -> None:
        folder = leave(tmp_path / "run", "env=tests.tiny:SLIDES")
        assert not keys(folder) & {"todorov2012mujoco", "coumans2021pybullet"}

    @pytest.mark.parametrize(
        ("env", "expected"),
        [("door_open", {"mujoco"}), ("ugv_mission", set()), ("quadrotor_mission", {"mujoco"})],
    )
    def test_simulators_of_environments(self, env: str, expected: set[str]) -> None:
        notes: list[str] = []
        assert simulators(compose([f"env={env}"]), notes) == expected
        assert notes == []

    def test_a_simulator_that_is_not_there_is_a_note(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing(self: Any, index: int, render_mode: str | None = None) -> Any:
            raise CrlError("task 0 needs 'pybullet', which is not installed")

        monkeypatch.setattr("crl.sequences.TaskSequence.make", missing)
        found, notes = cite(leave(tmp_path / "run", "env=cartpole_length"))
        assert found
        assert any("needs 'pybullet'" in note for note in notes)


class TestPlugins:
    def test_a_plug_in_declares_its_own(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tiny.Puppet, "bibtex", "@misc{own2030,\n  title = {Own},\n}", raising=False)
        monkeypatch.setattr(tiny.Slide, "bibtex", "@misc{slide2031,\n  title = {Slide},\n}", raising=False)
        found, _ = cite(leave(tmp_path / "run", "env=tests.tiny:SLIDES", "continual=tests.tiny:Puppet"))
        assert [citation.keys for citation in found[-2:]] == [("own2030",), ("slide2031",)]
        assert "continual=tests.tiny:Puppet, as it says itself" in found[-2].reason

    def test_one_that_is_no_bibtex_is_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tiny.Slide, "bibtex", "see our paper", raising=False)
        with pytest.raises(CrlError, match=r"bibtex of env=tests\.tiny:SLIDES is no BibTeX"):
            cite(leave(tmp_path / "run", "env=tests.tiny:SLIDES"))


class TestCommand:
    def test_it_prints_bibtex_with_reasons(self, tmp_path: Path) -> None:
        folder = leave(tmp_path / "run", "env=cartpole_length", version="9.9")
        done = CliRunner().invoke(app, ["cite", str(folder)])
        assert done.exit_code == 0, done.output
        assert "% continual=hypercrl\n@inproceedings{vonoswald2020hypernetworks," in done.stdout
        assert "  version = {9.9}," in done.stdout
        assert set(keys_of(done.stdout)) == keys(folder)

    def test_it_writes_a_file(self, tmp_path: Path) -> None:
        folder = leave(tmp_path / "run", "env=tests.tiny:SLIDES")
        done = CliRunner().invoke(app, ["cite", str(folder), "--out", str(tmp_path / "run.bib")])
        assert done.stdout == f"{tmp_path / 'run.bib'}\n"
        assert set(keys_of((tmp_path / "run.bib").read_text())) == keys(folder)
        done = CliRunner().invoke(app, ["cite", str(folder), "--out", str(tmp_path / "nowhere" / "run.bib")])
        assert done.exit_code == 2
        assert "existing folder" in done.stderr
