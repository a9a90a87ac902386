from __future__ import annotations

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from crl.cli import app
from crl.commands import config as command
from crl.config.asking.composing import compose, to_yaml


def crl(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["config", *arguments])


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Console:
    """A terminal of 80 columns, recorded."""
    console = Console(width=80, force_terminal=True, record=True, color_system=None)
    monkeypatch.setattr(command, "out", console)
    return console


def test_a_pipe_gets_plain_yaml() -> None:
    done = crl("env=door_open", "seed=3")
    assert done.stdout == to_yaml(compose(["env=door_open", "seed=3"]))


def test_a_terminal_gets_a_table_and_yaml_on_request(narrow: Console) -> None:
    assert crl("env=door_open", "seed=3").exit_code == 0
    text = narrow.export_text()
    assert max(map(len, text.splitlines())) <= 80
    lines = [line for line in text.splitlines() if line.startswith(" seed ")]
    assert lines
    assert "3" in lines[0]
    assert "command" in lines[0]
    assert "door_open" in text
    assert "Least time" in text
    assert crl("env=door_open", "seed=3", "--yaml").stdout == to_yaml(compose(["env=door_open", "seed=3"]))


def test_only_what_differs_from_the_defaults(narrow: Console) -> None:
    assert crl("--changed", "env=door_open", "planner.samples=70").exit_code == 0
    text = narrow.export_text()
    assert "samples" in text
    assert "smoothing" not in text
    assert " default   " not in text


def test_what_nothing_reads_is_marked(narrow: Console) -> None:
    assert crl("--table", "planner=mppi").exit_code == 0
    lines = narrow.export_text().splitlines()
    assert all("not read" in line for line in lines if line.startswith(" elites "))
    assert not any("not read" in line for line in lines if line.startswith(" temperature "))
    assert any(line.startswith(" elites ") for line in lines)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["continual=[ewc,pnn]"], "pnn makes the weights by itself"),
        (["continual=hypercrl", "+memory=ewc"], "ewc does not fit"),
        (["continual=l2", "continual.options.l2_strength=-1"], "l2_strength is -1"),
        (["continual=coreset", "continual.revisits=false"], "looks at transitions of finished tasks again"),
    ],
)
def test_a_strategy_that_training_refuses_is_refused(words: list[str], said: str) -> None:
    done = crl("env=cartpole_length", *words)
    assert (done.exit_code, said in done.stderr) == (2, True), done.output


def test_a_table_where_there_is_no_terminal() -> None:
    done = crl("--table")
    assert done.exit_code == 0
    assert "Sampling planner" in done.stdout


def test_a_wrong_key_is_refused_with_the_nearest() -> None:
    done = crl("--table", "planer.samples=3")
    assert done.exit_code == 2
    assert "did you mean 'planner.samples'?" in done.stderr
