"""What components declare to read: compared with what they really read, and with what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from crl.agents.factory import make_agent
from crl.config import Config
from crl.config.asking.composing import compose, fingerprint, fingerprints, to_plain, to_yaml
from crl.config.asking.request import GROUPS
from crl.config.declared import agents as agent_kinds
from crl.config.declared.components import GENERATORS, PARTS, PLANNERS, REFINERS
from crl.config.declared.compositions import compositions, elements, strategies
from crl.config.fingerprints import digest_before, fits
from crl.config.reading import defaults, settings_read, unread_of
from crl.errors import SettingsError
from crl.plugins import import_path, load_plugin, points
from crl.sequences import load_sequence
from crl.training.runner import train
from crl.training.runs.folder import RunFolder, find_unfinished
from crl.training.runs.settings import settings_to_go_on
from tests import tiny, tiny_missions
from tests.crl.config.recording import recording
from tests.crl.every_strategy import sampled

AGENTS = {"mpc": agent_kinds.MPC, "random": agent_kinds.RANDOM, "sb3_sac": agent_kinds.SB3}


def reads(config: Config) -> set[str]:
    """What a whole run reads."""
    watched, read = recording(config)
    train(watched, tiny.quiet()[0])
    return read


@pytest.mark.parametrize("name", sampled(strategies()))
def test_a_strategy_reads_what_it_declares(name: str, tmp_path: Path) -> None:
    extra = ["dynamics.ensemble=2", "dynamics.out_var=true", "learning.initial_steps=2", "learning.final_steps=2"]
    config = tiny.settings(tmp_path, f"continual={name}", "budget.steps=[32]", *extra)
    assert sorted(reads(config) - settings_read(config)) == []


@pytest.mark.parametrize("name", PLANNERS)
def test_a_planner_reads_what_it_declares(name: str, tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, f"planner={name}", "tasks=[0]", "budget.steps=[48]")
    read = reads(config)
    assert sorted(read - settings_read(config)) == []
    assert {key for key in PLANNERS[name] if key in defaults()} - read <= {"planner.pessimism"}, "declared, never read"


@pytest.mark.parametrize("name", ["random", "sb3_sac", "sb3_td3", "sb3_ddpg"])
def test_an_agent_reads_what_it_declares(name: str, tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, f"agent={name}")
    assert sorted(reads(config) - settings_read(config)) == []


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("afm", "lifelong", "l1", "none") else pytest.param(name, marks=pytest.mark.slow)
        for name in REFINERS
        if name not in ("off", "indi")  # a rival of l1, for rates
    ],
)
def test_a_refiner_reads_what_it_declares(name: str, tmp_path: Path) -> None:
    config = tiny_missions.settings(tmp_path, f"refiner={name}", "missions.steps=60")
    if name in ("afm_learned", "afm_unstructured"):
        config.flow.encoder.updates = 5
    assert sorted(reads(config) - settings_read(config)) == []


def test_the_class_of_a_component_has_its_declaration() -> None:
    own = {name for name, point in points(GROUPS["planner"]).items() if point.dist and point.dist.name == "crl"}
    assert own == set(PLANNERS)
    for name in own:
        assert load_plugin(GROUPS["planner"], name, "planner").SETTINGS is PLANNERS[name]
    for name in compositions():
        for path in elements(name):
            module = path.partition(":")[0].rpartition(".")[2].removesuffix("_chunked")
            says = import_path(path, "part").SETTINGS
            assert says is {**GENERATORS, **PARTS}.get(module), path


@pytest.mark.parametrize("kind", AGENTS)
def test_an_agent_is_of_the_kind_that_its_settings_tell(kind: str, tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, f"agent={kind}")
    agent = make_agent(config, load_sequence(config.env.name).spec(0))
    assert agent.kind is AGENTS[kind]
    assert set(agent_kinds.kind_of(config).settings or ()) <= set(agent.SETTINGS or ())


def test_with_a_refiner_there_is_an_agent_of_missions(tmp_path: Path) -> None:
    config = tiny_missions.settings(tmp_path, "refiner=none")
    assert agent_kinds.kind_of(config) is agent_kinds.PILOT
    assert make_agent(config, load_sequence(config.env.name).spec(0)).kind.flies_missions


def test_every_declared_key_exists() -> None:
    declared = {key for table in (strategies(), PLANNERS) for keys in table.values() for key in keys}
    for kind in (agent_kinds.MPC, agent_kinds.PILOT, agent_kinds.SB3, agent_kinds.FROZEN):
        declared |= set(kind.settings or ())
    known = defaults()
    assert [key for key in declared if not any(name == key or name.startswith(f"{key}.") for name in known)] == []


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["env=ugv_mission", "refiner=afm", "continual=ewc", "continual.beta=7", "agent.lr=0.5"],
            "continual.beta has no meaning for continual=ewc; agent.lr has no meaning for refiner=afm",
        ),
        (["env=ugv_mission", "refiner=afm", "agent.hidden=[7]"], "did you mean dynamics.hidden or flow.field.hidden?"),
        (
            ["env=ugv_mission", "refiner=none", "flow.tracking.window=9"],
            "flow.tracking.window has no meaning for refiner=none",
        ),
        (
            ["env=ugv_mission", "refiner=afm", "flow.encoder.context=9"],
            "flow.encoder.context has no meaning for refiner=afm",
        ),
        (["continual=hypercrl", "continual.ewc_lambda=3"], "read with continual=ewc"),
        (["continual=finetune", "continual.heads=task"], "continual.heads has no meaning for continual=finetune"),
        (["planner=mppi", "planner.elites=3"], "planner.elites: read with planner=cem, planner=icem"),
        (["agent=random", "planner.samples=3"], "planner.samples has no meaning for agent=random"),
        (["body.stride=3"], "body.stride has no meaning for refiner=off"),
        (["data.robot=husky"], "data.robot has no meaning for data=null"),
        (["agent=random", "refiner=afm", "env=ugv_mission"], "a refiner is for agent=mpc"),
    ],
)
def test_a_setting_that_nothing_reads_is_refused(overrides: list[str], expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        compose(overrides)
    assert expected in str(caught.value)
    config = compose(overrides, unread=True) if "a refiner is for" not in expected else None
    assert config is None or unread_of(config, [text.partition("=")[0] for text in overrides])


def test_what_a_recipe_sets_for_another_method_is_no_fault() -> None:
    config = compose(["env=quadrotor_mission", "refiner=off"])  # its recipe has settings of missions
    assert config.body.stride == 2
    assert "body.stride" not in settings_read(config)


def test_a_setting_that_nothing_reads_does_not_count() -> None:
    one, other = compose(), compose()
    other.continual.ewc_lambda, other.body.stride, other.agent.lr = 7.0, 3, 0.5
    assert fingerprint(one) == fingerprint(other)
    other.continual.beta = 7.0
    assert fingerprint(one) != fingerprint(other)


def test_runs_of_earlier_versions_are_known_by_their_fingerprints() -> None:
    config = compose(["env=door_open"])
    plain = to_plain(config)
    before = digest_before(plain)
    assert before != fingerprint(config)
    assert fingerprints(config) == (fingerprint(config), before)
    assert fits(before, plain, plain)
    assert not fits(before, to_plain(compose(["env=door_open", "seed=1"])), plain | {"seed": 1})


def test_an_unfinished_run_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    config = compose(["env=door_open", "seed=4"])
    folder = RunFolder.create(tmp_path, "old", digest_before(to_plain(config)))
    folder.write_text(folder.config, to_yaml(config))
    assert find_unfinished(tmp_path, fingerprints(config)) == folder.path
    assert find_unfinished(tmp_path, fingerprints(compose(["env=door_open", "seed=5"]))) is None
    assert settings_to_go_on(folder) == config
