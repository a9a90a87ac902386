"""Numbers, paths and interpolations in settings: what is meant is taken, and all else is one clear line."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as property_settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from crl.cli import app
from crl.config import Config
from crl.config.asking.composing import compose, load_yaml, to_yaml
from crl.config.asking.request import keys
from crl.config.limits import MEANINGS, RANGES, leaves, validate
from crl.config.types import kinds
from crl.errors import CrlError, SettingsError
from crl.sequences import SequenceError, load_sequence

DIGITS = "9" * 5000


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (f"seed={DIGITS}", "it holds a number of too many digits"),
        (f"seed={DIGITS[:4000]}", "seed is a number of about 4,000 digits: it must be between 0"),
        (f"learning.lr={DIGITS[:400]}", "learning.lr is inf"),
        (f"threads=1{'0' * 30}", "it must be at most 4,096"),
        ("planner.samples=1000000000", "planner.samples is 1000000000: it must be at most 10,000,000"),
        ("planner.temperature=1e-300", "planner.temperature is 1e-300: it must be at least 1e-30"),
        ("learning.clip=1e31", "learning.clip is 1e+31: it must be at most"),
        ("planner.beta=1e308", "planner.beta is 1e+308: it must be at most 100"),
        ("planner.samples=9000000", "planner.samples times planner.horizon must not exceed 100,000,000"),
        ("dynamics.hidden=[]", "dynamics.hidden must name at least one layer, such as dynamics.hidden=[128,128]"),
        ("dynamics.hypernetwork.hidden=[]", "dynamics.hypernetwork.hidden must name at least one layer"),
        ("dynamics.hidden=[1000000,1000000]", "must not ask for more than 10,000,000,000 weights"),
        ("dynamics.hypernetwork.hidden=[1000000,1000000]", "must not ask for more than 10,000,000,000 weights"),
        ("steps=1.5", "budget.steps cannot be [1.5]: it must be one or several whole numbers"),
        ("steps=true", "budget.steps cannot be [True]: it must be one or several whole numbers"),
        ("seed=1.5", "seed cannot be 1.5: it must be a whole number"),
        ("seed=[1]", "seed cannot be [1]: it must be a whole number"),
        ("callbacks=null", "callbacks cannot be None: it must be one or several names"),
        ("continual.options=3", "continual.options cannot be 3: it must be settings in braces"),
        (
            "dynamics.hidden=${oc.env:HOME}",
            "dynamics.hidden cannot be ['/home/someone']: it must be one or",
        ),
        ("planner.std=${oc.env:HOME}", "planner.std cannot be '/home/someone': it must be a number"),
        ("seed=${oc.env:CRL_NOWHERE}", "can't be resolved: Environment variable 'CRL_NOWHERE' not found"),
        ("seed=${seed}", "seed=${seed} can't be resolved: Recursive interpolation detected"),
        ("seed=${nothing}", "seed=${nothing} can't be resolved: Interpolation key 'nothing' not found"),
        ("run_dir=\\${x}", "run_dir cannot be '${x}'"),
        ("run_dir='${'", "run_dir cannot be '${'"),
        ("env=${oc.env:HOME}", "unknown env '/home/someone'"),
        (f"env={'x' * 5000}", "(5,000 characters)"),
        (f"seed={'[' * 3000}", "cannot read 'seed=[[[[["),
        ("data=a.mcap,b.mcap", "one value per run"),
        ("budget.steps=???", "budget.steps"),
    ],
)
def test_one_clear_line(override: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    with pytest.raises(SettingsError) as caught:
        compose([override])
    assert expected in caught.value.message
    assert len(caught.value.message) < 400
    assert "\n" not in caught.value.message


@pytest.mark.parametrize(
    ("strategy", "whole"),
    [
        ("hypercrl", True),
        ("[hypercrl,coreset]", True),
        ("hyperinterval", True),
        ("tests.tiny:Own", True),
        ("hypercrl_recurrent", False),
        ("hypercrl_chunked", False),
        ("ewc", False),
    ],
)
def test_only_a_full_hypernetwork_is_as_large_as_one(strategy: str, whole: bool) -> None:
    asked = [f"continual={strategy}", "dynamics.hypernetwork.hidden=[30000]", "dynamics.hidden=[900,900]"]
    if whole:
        with pytest.raises(SettingsError, match="kind=chunked asks for fewer"):
            compose(asked, unread=True)
    else:
        compose(asked, unread=True)


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("steps=1e3", "budget.steps", [1000]),
        ("steps=[1e3,500]", "budget.steps", [1000, 500]),
        ("tasks=2", "env.tasks", [2]),
        ("seed=1e3", "seed", 1000),
        ("learning.lr=1", "learning.lr", 1.0),
        ("callbacks=wandb", "callbacks", ["wandb"]),
        ("flow.identification.measured=x", "flow.identification.measured", ["x"]),
        ("dynamics.hidden=${flow.field.hidden}", "dynamics.hidden", [128, 128, 128]),
        ("dynamics.hidden=${oc.decode:'[3,4]'}", "dynamics.hidden", [3, 4]),
        ("seed=${oc.env:CRL_SEED}", "seed", 7),
        ("seed=${oc.env:CRL_NOWHERE,3}", "seed", 3),
        ("name=run_${oc.env:CRL_SEED}", "name", "run_7"),
        ("env=${oc.env:CRL_SEQUENCE}", "env.name", "door_open"),
        ("run_dir=~/läufe & mehr (2)", "run_dir", "/home/someone/läufe & mehr (2)"),
        ("missions.waypoints=~/a=b.csv", "missions.waypoints", "/home/someone/a=b.csv"),
        ("data=~/x.mcap", "data.source", "/home/someone/x.mcap"),
        ("data=minari:D4RL/pen/x-v2", "data.source", "minari:D4RL/pen/x-v2"),
        ("agent.run=/tmp/it's", "agent.run", "/tmp/it's"),
        ("name=007", "name", "007"),
        ("name=1e3", "name", "1e3"),
        ("name=true", "name", "true"),
        ("name=null", "name", None),
        ("run_dir='a,b'", "run_dir", "a,b"),
        ("learning.clip=1e30", "learning.clip", 1e30),
        ("budget.steps=1_000_000_000", "budget.steps", [10**9]),
    ],
)
def test_what_is_meant(override: str, key: str, value: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in (("HOME", "/home/someone"), ("CRL_SEED", "7"), ("CRL_SEQUENCE", "door_open")):
        monkeypatch.setenv(name, text)
    reads = {
        "agent.run": ["agent=frozen"],
        "flow": ["refiner=afm"],
        "body": ["refiner=afm"],
        "missions": ["refiner=afm"],
    }
    config = compose([*reads.get(key, reads.get(key.partition(".")[0], [])), override])
    assert dict(leaves(config))[key] == value
    (tmp_path / "config.yaml").write_text(to_yaml(config), encoding="utf-8")
    assert load_yaml(tmp_path / "config.yaml") == config


def test_a_path_that_needs_quotes_says_which(workplace: Path) -> None:
    for word, hint in (("data=a,b.mcap", "'data=\"a,b.mcap\"'"), ("data='a", "quotes")):
        done = CliRunner().invoke(app, ["train", word])
        assert done.exit_code == 2
        assert hint in done.stderr
    assert compose(['data="a,b.mcap"']).data.source == "a,b.mcap"


@pytest.mark.parametrize("group", ["env", "continual", "planner", "agent"])
@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("../../etc/passwd:x", "it is not of the form package.module:Name"),
        ("./fig.py:S", "write fig:S, and start in the folder that holds fig.py"),
        (":S", "it is not of the form"),
        ("fig:", "it is not of the form"),
        ("..fig:S", "it is not of the form"),
    ],
)
def test_a_path_is_no_module(group: str, path: str, hint: str, workplace: Path) -> None:
    done = CliRunner().invoke(app, ["train", f"{group}={path}"])
    assert done.exit_code == 2
    assert hint in done.stderr
    assert list(workplace.iterdir()) == []


def test_a_file_is_no_module_either(workplace: Path) -> None:
    with pytest.raises(SequenceError, match=r"(?s)No module named 'fig'.*write fig:S, and start in the folder that"):
        load_sequence("fig.py:S")


class TestEveryNumber:
    def test_it_has_a_finite_range(self) -> None:
        numbers = {key for key, kind in kinds().items() if kind.scalar in (int, float)}
        assert numbers == set(RANGES), "a new number needs a range in its field"
        for key, limits in RANGES.items():
            assert math.isfinite(limits.low), key
            assert math.isfinite(min(limits.high, limits.most)), key
            for wrong in (10**400, -(10**400), math.inf, -math.inf, math.nan):
                assert wrong not in limits, key

    def test_a_list_has_an_end(self) -> None:
        for key, kind in kinds().items():
            if not kind.listed or kind.scalar is not int:
                continue
            config = Config()
            section, _, name = key.rpartition(".")
            node: Any = config
            for part in section.split("."):
                node = getattr(node, part)
            setattr(node, name, [1] * (MEANINGS[key].longest + 1))
            with pytest.raises(SettingsError, match="entries: at most"):
                validate(config)

    def test_types_are_those_of_the_defaults(self) -> None:
        for key, value in leaves(Config()):
            assert kinds()[key].holds(value), key

    def test_an_object_of_another_type_is_named(self) -> None:
        with pytest.raises(SettingsError, match=r"dynamics\.hidden cannot be '/root': it must be one or several whole"):
            validate(dataclasses.replace(Config(), dynamics=dataclasses.replace(Config().dynamics, hidden="/root")))


VALUES = st.one_of(
    st.sampled_from(
        ["", "[]", "[[1]]", "{}", "{a: 1}", "null", "true", "nan", "-inf", "1e400", "${seed}", "${x", "???"]
    ),
    st.sampled_from(["range(1,2)", "glob(*)", "float(nan)", "a,b", "0x10", "'", "~", "ä&b", "\\", "[null]", "[1e3,]"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8),
    st.integers().map(str),
    st.floats().map(str),
)


@property_settings(max_examples=25)
@given(st.sampled_from(keys()), VALUES)
def test_nothing_but_our_own_errors(key: str, value: str) -> None:
    with contextlib.suppress(CrlError):
        compose([f"{key}={value}"])
