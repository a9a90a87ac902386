"""The group ``agent``: names, refusals, and settings that only some agents read."""

from __future__ import annotations

import dataclasses
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from crl.config import AgentConfig, Config
from crl.config.asking.composing import compose, config_dir, fingerprint, load_yaml, names, to_yaml
from crl.errors import SettingsError

MODEL_FREE = ("sb3_sac", "sb3_td3", "sb3_ddpg")


def test_the_default_is_the_model_based_agent() -> None:
    assert compose() == compose(["agent=mpc"])
    assert compose().agent == AgentConfig()
    assert compose(["continual=finetune"]).method == "finetune"


def test_every_installed_agent_has_a_file() -> None:
    files = {path.stem for path in (config_dir() / "agent").glob("*.yaml")}
    assert files == {point.name for point in entry_points(group="crl.agents")} == set(names("agent"))


@pytest.mark.parametrize("name", [*MODEL_FREE, "random"])
@pytest.mark.parametrize("env", ["cartpole_length", "door_open", "pusher", "half_cheetah_body"])
def test_every_agent_composes(name: str, env: str) -> None:
    config = compose([f"agent={name}", f"env={env}", "profile=full"])
    assert (config.agent.name, config.method, config.env.name) == (name, name, env)
    assert compose([f"agent.name={name}", f"env={env}", "profile=full"]) == config


def test_options_are_free() -> None:
    config = compose(["agent=sb3_td3", "agent.options.policy_delay=3", "agent.hidden=64", "agent.keep_buffer=true"])
    assert config.agent.options == {"policy_delay": 3}
    assert (config.agent.hidden, config.agent.keep_buffer) == ([64], True)
    assert compose(["agent=sb3_sac"]).agent.options == {"ent_coef": "auto_0.1"}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["agent=sb3_sacc"], "unknown agent 'sb3_sacc': did you mean 'sb3_sac'?"),
        (["agent=mcp"], "unknown agent 'mcp': did you mean 'mpc'?"),
        (
            ["agent=sb3_dqn"],
            "there is no agent 'sb3_dqn': DQN chooses among discrete actions, and the actions here are",
        ),
        (["agent=sb3_ppo"], "PPO is on-policy"),
        (["agent=null"], "agent takes a name"),
        (["agent=sb3_sac", "continual=ewc"], "continual has no meaning for agent=sb3_sac"),
        (["agent=sb3_sac", "continual.beta=1"], "continual.beta has no meaning for agent=sb3_sac"),
        (["agent=random", "planner=cem"], "planner has no meaning for agent=random"),
        (["agent.lr=0.1"], "agent.lr has no meaning for agent=mpc"),
        (["agent=random", "agent.hidden=[3]"], "agent.hidden has no meaning for agent=random"),
        (["agent=frozen"], "agent.run must name the run"),
        (["agent=sb3_sac", "agent.run=x"], "agent.run is for agent=frozen"),
        (["agent=sb3_sac", "agent.gamma=1.1"], "agent.gamma is 1.1: it must be between 0 and 1"),
        (["agent=sb3_sac", "agent.tau=0"], "agent.tau is 0.0: it must be more than 0"),
        (["agent=sb3_sac", "agent.hiden=3"], "did you mean 'agent.hidden'?"),
    ],
)
def test_a_wrong_setting_is_explained(overrides: list[str], expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        compose(overrides)
    assert expected in str(caught.value)


def test_runs_from_before_there_were_agents_go_on() -> None:
    """Their settings have no section ``agent``, and their fingerprints did not count it."""
    config = compose(["env=door_open"])
    assert "agent" in to_yaml(config)
    assert fingerprint(dataclasses.replace(config, agent=AgentConfig(lr=1.0))) == fingerprint(config)
    assert fingerprint(compose(["agent=random"])) != fingerprint(compose())
    assert fingerprint(compose(["agent=sb3_sac"])) != fingerprint(compose(["agent=sb3_sac", "agent.lr=0.1"]))


def test_settings_without_the_section_are_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("seed: 3\n")
    assert load_yaml(path) == dataclasses.replace(Config(), seed=3)
