"""Options of plug-ins: what nobody reads is refused, and the nearest is named."""

from __future__ import annotations

import warnings
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crl import plugins
from crl.cli import app
from crl.config import AgentConfig, Config, ContinualConfig
from crl.config.asking.plugins import check_options
from crl.errors import SettingsError


class Says:
    """A plug-in's class that names its options."""

    OPTIONS = ("strength", "memory")


def silent() -> None:
    """What stands behind an entry point may be a function."""


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def points(group: str) -> list[EntryPoint]:
        return [EntryPoint("says", f"{__name__}:Says", group), EntryPoint("silent", f"{__name__}:silent", group)]

    monkeypatch.setattr(plugins, "entry_points", points)
    monkeypatch.setattr(EntryPoint, "load", lambda point: Says if point.name == "says" else silent)


def strategy(name: str, **options: object) -> Config:
    return Config(continual=ContinualConfig(name=name, options=options))


def test_a_declared_option_is_taken(installed: None) -> None:
    check_options(strategy("says", strength=0.1))
    check_options(strategy("silent"))


def test_another_one_is_refused_with_the_nearest(installed: None) -> None:
    with pytest.raises(SettingsError, match=r"continual=says has no option 'strenth': did you mean 'strength'\?"):
        check_options(strategy("says", strenth=0.1))
    with pytest.raises(SettingsError, match="agent=says has no option 'memry': did you mean 'memory'"):
        check_options(Config(agent=AgentConfig(name="says", options={"memry": 1})))


def test_a_plug_in_that_says_nothing_works_as_before(installed: None) -> None:
    with pytest.warns(UserWarning, match="if one of strenth is misspelt, nobody notices"):
        check_options(strategy("silent", strenth=0.1))


@pytest.mark.parametrize("name", ["hypercrl", "finetune", "pnn"])
def test_those_of_this_package_have_none(name: str, workplace: Path) -> None:
    for command in ("train", "config", "sweep"):
        done = CliRunner().invoke(app, [command, f"continual={name}", "continual.options.strenth=0.1"])
        assert done.exit_code == 2, done.output
        assert f"continual={name} has no options: continual.options.strenth would do nothing" in done.stderr
    assert list(workplace.iterdir()) == []


def test_an_algorithms_arguments_are_its_own_affair() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_options(Config(agent=AgentConfig(name="sb3_sac", options={"ent_coef": "auto"})))


def test_callbacks_are_checked_wherever_settings_are(workplace: Path) -> None:
    for command in ("train", "config", "sweep"):
        done = CliRunner().invoke(app, [command, "env=cartpole_length", "callbacks=wandbb"])
        assert done.exit_code == 2, done.output
        assert "unknown callback 'wandbb': did you mean 'wandb'?" in done.stderr


class Reads(Says):
    """A plug-in's class that says what it reads."""

    SETTINGS = ("continual.options", "continual.beta", "learning.lr")


def test_a_plug_in_is_held_to_what_it_says_that_it_reads() -> None:
    config = strategy(f"{__name__}:Reads")
    check_options(config, ["continual", "continual.beta", "learning.lr", "learning.batch", "planner.samples"])
    with pytest.raises(SettingsError, match=r"continual\.energy and learning\.average have no meaning for continual="):
        check_options(config, ["continual.beta", "continual.energy", "learning.average"])
    check_options(strategy(f"{__name__}:Says"), ["continual.energy", "learning.average"])
