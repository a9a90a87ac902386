"""Sources and meanings of settings, against what is really composed and what the dataclasses say."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from crl.config import Config
from crl.config.asking.composing import compose, names, profiles
from crl.config.limits import RANGES, leaves
from crl.reporting.explaining.settings_meaning import allowed, meanings, sections
from crl.reporting.explaining.settings_sources import COMMAND_LINE, DEFAULT, set_by, sources
from tests.scripts_by_path import load_script

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize(("env", "profile"), list(itertools.product(names("env"), profiles())))
@pytest.mark.parametrize("method", [[], ["continual=finetune", "planner=cem"], ["agent=sb3_sac"]])
def test_every_value_is_the_one_that_its_source_gives(env: str, profile: str, method: list[str]) -> None:
    chosen = [f"env={env}", f"profile={profile}", "seed=17", *method]
    values, defaults = dict(leaves(compose(chosen))), dict(leaves(Config()))
    for key, source in sources(chosen).items():
        if source == COMMAND_LINE:
            assert key in ("seed", "env.name", "profile", "continual.name", "planner.name", "agent.name")
        elif source == DEFAULT:
            assert values[key] == defaults[key], key
        else:
            group, name = source.removesuffix(".yaml").rsplit("/", 1)
            assert values[key] == set_by(group, name)[key], (key, source)


def test_the_sources_of_a_run() -> None:
    found = sources(
        ["env=cartpole_length", "planner.samples=7", "continual.options.depth=3", "tasks=[9,0]", "profile=full"]
    )
    assert found["planner.samples"] == found["continual.options"] == found["env.tasks"] == COMMAND_LINE
    assert found["planner.horizon"] == "env/cartpole_length.yaml"
    assert found["planner.rounds"] == "planner/cartpole_length/icem.yaml"
    assert found["budget.steps"] == "profile/cartpole_length/full.yaml, dealt to these tasks"
    assert found["device"] == DEFAULT


def test_every_setting_has_a_meaning() -> None:
    """The metadata of its field says it."""
    said = meanings()
    assert list(said) == [key for key, _ in leaves(Config())]
    assert [key for key, text in said.items() if not text] == []
    assert said["checkpoint.seconds"].startswith("Least time between two checkpoints (s)")
    assert said["dynamics.hypernetwork.hidden"] == "Widths of the hypernetwork's hidden layers."
    assert not any("\n" in text or "``" in text for text in said.values())


def test_every_section_is_described_by_its_class() -> None:
    found = sections()
    assert found["planner"] == "Sampling planner (MPC)."
    paths = [key.split(".")[:-1] for key, _ in leaves(Config())]
    assert {".".join(path[:end]) for path in paths for end in range(len(path) + 1)} == set(found)
    assert all(text.endswith(".") and "`" not in text for text in found.values()), found


def test_ranges_and_choices() -> None:
    assert allowed("planner.samples") == str(RANGES["planner.samples"]) == "at least 1"
    assert allowed("device") == "auto, cpu, cuda"
    assert allowed("name") == ""


def test_the_page_of_settings_is_as_it_would_be_written() -> None:
    """If not: python scripts/page_settings.py."""
    script = load_script("scripts/page_settings.py")
    written = script.PAGE.read_text(encoding="utf-8")
    assert script.page(written) == written
    assert written.count("| `") >= len(meanings())
