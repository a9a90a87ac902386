"""The command that makes a run again composes to the very same settings."""

from __future__ import annotations

import shlex

import pytest

from crl.config.asking.composing import compose, fingerprint, to_plain
from crl.reporting.explaining.reproduce import train_command
from crl.reporting.store.entry import flat

CASES = [
    ["env=cartpole_length"],
    ["env=pusher", "profile=full", "seed=3", "continual=ewc", "continual.ewc_lambda=12.5"],
    ["env=door_open", "tasks=[2,0]", "planner=mppi", "planner.samples=77", "dynamics.hidden=[8,9]"],
    ["env=pusher", "tasks=[0,1,0]", "steps=[100,200,300]"],
    ["env=cartpole_length", "agent=random", "seed=9"],
    ["env=cartpole_length", "agent=sb3_sac", "agent.lr=1e-5", "agent.options.ent_coef=auto_0.1"],
    ["env=cartpole_length", "agent=frozen", "agent.run='runs/a run, 1'"],
    ["env=cartpole_length", "data=/data/läufe & (2)/it's \\ a=b~.mcap"],
    ["env=cartpole_length", "data=007"],
    ["env=tests.tiny:SLIDES", "continual.options.words=[a,b]", "exploration.noise=0.0", "device=cpu", "threads=2"],
]


@pytest.mark.parametrize("overrides", CASES, ids=lambda case: case[0] + "+" + case[-1])
def test_the_command_composes_to_the_same_run(overrides: list[str]) -> None:
    config = compose([*overrides, "run_dir=somewhere", "name=mine", "videos=false"])
    words = shlex.split(train_command(to_plain(config)))
    assert words[:2] == ["crl", "train"]
    assert fingerprint(compose(words[2:])) == fingerprint(config)
    assert train_command(flat(to_plain(config))) == shlex.join(words), "flat or nested"
    assert not any(word.startswith(("run_dir", "name", "videos")) for word in words)


def test_what_the_composition_gives_is_left_out() -> None:
    plain = to_plain(compose(["env=pusher", "profile=full", "seed=1"]))
    assert train_command(plain) == "crl train env=pusher continual=hypercrl planner=icem profile=full seed=1"


def test_settings_of_another_version_are_spelt_out() -> None:
    plain = flat(to_plain(compose(["env=pusher"])))
    assert "old.setting=7" in train_command({**plain, "old.setting": 7})
    assert "planner.samples=1" in train_command({**plain, "env.name": "gone_sequence", "planner.samples": 1})
