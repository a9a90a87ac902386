from __future__ import annotations

import dataclasses
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from crl.config import Config
from crl.config.asking import composing as settings
from crl.config.asking.composing import compose, fingerprint, fingerprints, load_yaml, to_plain, to_yaml
from crl.config.fingerprints import WITHOUT_EFFECT
from crl.config.limits import CHOICES, RANGES, leaves, validate
from crl.errors import CrlError, SettingsError


def everything_in(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value, *(inner for item in value.values() for inner in everything_in(item))]
    if isinstance(value, list):
        return [value, *(inner for item in value for inner in everything_in(item))]
    if dataclasses.is_dataclass(value):
        return [value, *(inner for item in vars(value).values() for inner in everything_in(item))]
    return [value]


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small configs folder of the test's own; returns it."""
    folder = tmp_path / "configs"

    def write(path: str, text: str) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    write("config.yaml", "defaults: [crl_schema, _self_]\n")
    write("continual/hypercrl.yaml", "name: hypercrl\nbeta: 1.0\n")
    write("planner/icem.yaml", "name: icem\nsamples: 101\nhorizon: 101\nrounds: 11\nelites: 11\nkeep: 1\n")
    write(
        "env/cartpole_length.yaml",
        "# @package _global_\nenv: {name: cartpole_length}\n"
        "planner: {samples: 102, horizon: 102, rounds: 12, elites: 12}\n",
    )
    write("planner/cartpole_length/icem.yaml", "# @package planner\nsamples: 103\nhorizon: 103\nrounds: 13\n")
    write("profile/quick.yaml", "# @package _global_\nplanner: {samples: 104, horizon: 104}\nseed: 4\n")
    write("profile/full.yaml", "# @package _global_\nseed: 5\n")
    write("profile/cartpole_length/full.yaml", "# @package _global_\nplanner: {samples: 106}\n")
    monkeypatch.setattr(settings, "config_dir", lambda: folder)
    return folder


class TestPrecedence:
    def test_later_layers_win(self, configs: Path) -> None:
        config = compose(["planner.samples=107"])
        assert config.planner.samples == 107  # the user
        assert config.planner.horizon == 104  # over the profile
        assert config.planner.rounds == 13  # over the planner on this sequence
        assert config.planner.elites == 12  # over the sequence
        assert config.planner.keep == 1  # over the planner
        assert config.planner.std == Config().planner.std  # over the defaults
        assert config.continual.beta == 1.0

    def test_a_sequences_own_profile_replaces_the_generic_one(self, configs: Path) -> None:
        config = compose(["profile=full"])
        assert config.planner.samples == 106
        assert config.seed == Config().seed

    def test_other_sequences_get_the_generic_profile(self, configs: Path) -> None:
        config = compose(["profile=full", "env=my_package.module:sequence"])
        assert config.seed == 5
        assert config.planner.samples == 101

    def test_no_profile_for_a_sequence_is_no_error_if_another_has_it(self, configs: Path) -> None:
        (configs / "profile/cartpole_length/tiny.yaml").write_text("# @package _global_\nseed: 6\n")
        assert compose(["profile=tiny"]).seed == 6
        assert compose(["profile=tiny", "env=a:b"]).seed == Config().seed

    def test_the_last_of_two_equal_keys_wins(self) -> None:
        assert compose(["seed=1", "seed=2"]).seed == 2
        assert compose(["env=door_open", "env=cartpole_length"]).env.name == "cartpole_length"

    def test_an_unreadable_file_is_named(self, configs: Path) -> None:
        (configs / "planner/icem.yaml").write_text("name: icem\nsample: 3\n")
        with pytest.raises(SettingsError, match=r"planner/icem\.yaml.*'sample'"):
            compose([])


class TestShippedFiles:
    @pytest.mark.parametrize("env", ["door_open", "cartpole_length"])
    @pytest.mark.parametrize("profile", ["quick", "full"])
    @pytest.mark.parametrize("continual", ["hypercrl", "hypercrl_chunked", "finetune", "single"])
    def test_every_strategy_composes(self, env: str, profile: str, continual: str) -> None:
        config = compose([f"env={env}", f"profile={profile}", f"continual={continual}"])
        assert (config.env.name, config.profile) == (env, profile)
        assert config.continual.name == continual
        assert config.dynamics.hypernetwork.kind == ("chunked" if continual.endswith("chunked") else "full")

    @pytest.mark.parametrize("env", ["door_open", "cartpole_length"])
    @pytest.mark.parametrize("planner", ["icem", "cem", "mppi", "random_shooting"])
    def test_every_planner_composes(self, env: str, planner: str) -> None:
        assert compose([f"env={env}", f"planner={planner}"]).planner.name == planner

    def test_every_file_is_valid_yaml(self) -> None:
        for path in settings.config_dir().rglob("*.yaml"):
            assert isinstance(yaml.safe_load(path.read_text()), dict), path

    def test_the_quick_profile_of_the_doors_opens_bar_and_levers(self) -> None:
        assert compose(["env=door_open"]).env.tasks == [0, 2, 4]

    def test_the_full_profile_of_the_doors_keeps_its_budget(self) -> None:
        budget = compose(["env=door_open", "profile=full"]).budget
        tasks = compose(["env=door_open", "profile=full"]).env.tasks
        assert tasks == [0, 1, 2, 3, 4]
        assert sum(budget.steps * (5 if len(budget.steps) == 1 else 1)) <= 12_000

    @pytest.mark.parametrize(
        "continual", ["hypercrl", "hypercrl_chunked", "coreset", "ewc", "si", "finetune", "single"]
    )
    @pytest.mark.parametrize("planner", ["icem", "cem"])
    @pytest.mark.parametrize(("profile", "may_differ"), [("full", set()), ("quick", {"env.tasks"})])
    def test_the_held_out_pushers_run_with_the_settings_of_the_known(
        self, continual: str, planner: str, profile: str, may_differ: set[str]
    ) -> None:
        chosen = [f"continual={continual}", f"planner={planner}", f"profile={profile}"]
        known, held_out = (dict(leaves(compose([f"env={env}", *chosen]))) for env in ("pusher", "pusher_held_out"))
        assert {key for key in known if known[key] != held_out[key]} - may_differ == {"env.name"}

    @pytest.mark.parametrize(("short", "long"), [("cartpole_length", "cartpole_100"), ("pusher", "pusher_100")])
    def test_long_sequences_differ_in_their_budgets_alone(self, short: str, long: str) -> None:
        few, many = (dict(leaves(compose([f"env={env}", "profile=full"]))) for env in (short, long))
        differ = {key for key in few if few[key] != many[key]}
        assert (
            {"env.name"}
            <= differ
            <= {"env.name", "env.tasks", "budget.steps"} | {key for key in differ if key.startswith("evaluation.")}
        )

    def test_defaults_compose_without_arguments(self) -> None:
        assert compose().env.name == Config().env.name


class TestResult:
    def test_nothing_of_omegaconf_leaks(self) -> None:
        config = compose(["env=door_open", "continual.options.depth=3", "continual.options.sizes=[1,2]"])
        assert isinstance(config, Config)
        assert not [item for item in everything_in(config) if OmegaConf.is_config(item)]
        assert config.continual.options == {"depth": 3, "sizes": [1, 2]}

    def test_two_compositions_share_nothing(self) -> None:
        first, second = compose(), compose()
        first.budget.steps.append(1)
        assert second.budget.steps != first.budget.steps

    def test_hydra_may_be_in_use_already(self) -> None:
        from hydra import compose as hydra_compose
        from hydra import initialize_config_dir

        with initialize_config_dir(config_dir=str(settings.config_dir()), version_base="1.3"):
            assert compose(["seed=3"]).seed == 3
            assert hydra_compose("config").seed == Config().seed

    def test_importing_the_module_imports_neither_torch_nor_a_simulator(self) -> None:
        heavy = "[m for m in ('torch', 'mujoco', 'pybullet') if m in sys.modules]"
        code = f"import sys, crl.config.asking.composing; print({heavy})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


class TestShortKeys:
    def test_tasks_and_steps(self) -> None:
        config = compose(["tasks=[0,1]", "steps=[300,400]"])
        assert config.env.tasks == [0, 1]
        assert config.budget.steps == [300, 400]

    @pytest.mark.parametrize("key", ["steps", "budget.steps"])
    def test_a_single_number_serves_as_a_list(self, key: str) -> None:
        assert compose([f"{key}=300"]).budget.steps == [300]

    def test_a_single_task(self) -> None:
        assert compose(["tasks=3"]).env.tasks == [3]

    def test_tasks_null_plays_each_once(self) -> None:
        assert compose(["env=door_open", "tasks=null"]).env.tasks is None

    def test_another_order_of_tasks_takes_its_budgets_along(self, configs: Path) -> None:
        profile = configs / "profile/cartpole_length/full.yaml"
        profile.write_text("# @package _global_\nenv: {tasks: [0, 2, 4]}\nbudget: {steps: [10, 30, 20]}\n")
        assert compose(["profile=full"]).budget.steps == [10, 30, 20]
        assert compose(["profile=full", "tasks=[4,0,4,1]"]).budget.steps == [20, 10, 20, 30]
        assert compose(["profile=full", "tasks=null"]).budget.steps == [30]
        assert compose(["profile=full", "tasks=[4,0]", "steps=7"]).budget.steps == [7]
        profile.write_text("# @package _global_\nbudget: {steps: [10, 30, 20]}\n")
        assert compose(["profile=full", "tasks=[2,1]"]).budget.steps == [20, 30]

    def test_name_is_another_way_to_choose(self) -> None:
        assert compose(["env.name=door_open"]) == compose(["env=door_open"])
        assert compose(["planner.name=cem"]) == compose(["planner=cem"])
        assert compose(["continual.name=single"]) == compose(["continual=single"])


class TestPlugins:
    def test_a_users_own_sequence(self) -> None:
        config = compose(["env=my_package.module:attribute", "planner=cem"])
        assert config.env.name == "my_package.module:attribute"
        assert config.planner.samples == compose(["planner=cem", "env=x:y"]).planner.samples

    def test_an_installed_plug_in_needs_no_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def points(group: str) -> list[EntryPoint]:
            return [EntryPoint("mine", "my_package:Mine", group)]

        monkeypatch.setattr(settings, "entry_points", points)
        config = compose(["planner=mine", "continual=mine", "env=mine"])
        assert (config.planner.name, config.continual.name, config.env.name) == ("mine", "mine", "mine")


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("planer.samples=3", "unknown key 'planer.samples': did you mean 'planner.samples'?"),
        ("samples=3", "unknown key 'samples': did you mean 'planner.samples'?"),
        ("planner.sample=3", "did you mean 'planner.samples'?"),
        ("zzz=1", "unknown key 'zzz'; `crl config` prints every key"),
        ("env=dooropen", "unknown env 'dooropen': did you mean 'door_open'?"),
        ("continual=hypercrll", "did you mean 'hypercrl'?"),
        ("planner=icemm", "did you mean 'icem'?"),
        ("profile=ful", "unknown profile 'ful': did you mean 'full'?"),
        ("dynamics.loss=mes", "dynamics.loss cannot be 'mes': did you mean 'mse'?"),
        ("planner.samples=abc", "planner.samples cannot be 'abc'"),
        ("planner.samples=6.5", "planner.samples cannot be 6.5"),
        ("seed=null", "seed cannot be None"),
        ("learning={lr: 1}", "'learning' is a section: set one of learning.average"),
        ("planner={samples: 3}", "planner takes a name"),
        ("env=null", "env takes a name"),
        ("seed=1,2", "one value per run"),
        ("~seed", "cannot be deleted"),
        ("seed", "Settings are written key=value"),
        ("steps=-5", "budget.steps is -5: it must be at least 1"),
        ("steps=[100,0]", "budget.steps is 0: it must be at least 1"),
        ("steps=[]", "budget.steps must hold at least one number"),
        ("tasks=[-1]", "env.tasks is -1: it must be at least 0"),
        ("tasks=[]", "env.tasks must name at least one task"),
        ("learning.events=1.5", "learning.events is 1.5: it must be between 0 and 1"),
        ("learning.lr=0", "learning.lr is 0.0: it must be more than 0"),
        ("learning.lr=nan", "learning.lr is nan"),
        ("learning.lr=inf", "learning.lr is inf"),
        ("planner.elites=10000", "planner.elites must not exceed planner.samples"),
        ("planner.pessimism=-1", "planner.pessimism is -1.0: it must be at least 0"),
        ("planner.pessimism=1", "dynamics.ensemble of at least 2"),
        ("name=../elsewhere", "name must be a plain folder name"),
        ("name=latest", "name must be a plain folder name"),
    ],
)
def test_a_wrong_setting_is_explained(override: str, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        compose([override])
    assert expected in str(caught.value)
    assert isinstance(caught.value, CrlError)


class TestLimits:
    def test_every_number_has_a_range_and_every_name_exists(self) -> None:
        """A new number needs a range in its field."""
        known = dict(leaves(Config()))
        numbers = {
            key
            for key, value in known.items()
            if (isinstance(value, int | float) and not isinstance(value, bool))
            or (isinstance(value, list) and value and all(isinstance(item, int) for item in value))
        }
        assert numbers - set(RANGES) == set()
        assert set(RANGES) | set(CHOICES) <= set(known)

    def test_the_defaults_are_valid(self) -> None:
        validate(Config())

    def test_a_rule_between_settings(self) -> None:
        config = Config()
        config.learning.recent, config.learning.events = 0.6, 0.5
        with pytest.raises(SettingsError, match=r"recent \+ learning\.events"):
            validate(config)

    def test_pessimism_is_refused_where_nothing_reads_it(self) -> None:
        assert compose(["planner.pessimism=1", "dynamics.ensemble=2"]).planner.pessimism == 1
        with pytest.raises(SettingsError, match="must be 0 with a refiner"):
            compose(["env=ugv_mission", "refiner=afm", "planner.pessimism=1", "dynamics.ensemble=2"])


class TestFiles:
    def test_what_is_written_is_read_back(self, tmp_path: Path) -> None:
        config = compose(["env=door_open", "learning.lr=3e-7", "continual.options.x=[1,2]", "name='1e3'", "tasks=null"])
        (tmp_path / "config.yaml").write_text(to_yaml(config))
        assert load_yaml(tmp_path / "config.yaml") == config

    def test_settings_that_were_not_written_get_their_defaults(self, tmp_path: Path) -> None:
        (tmp_path / "config.yaml").write_text("seed: 7\n")
        assert load_yaml(tmp_path / "config.yaml") == dataclasses.replace(Config(), seed=7)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("planner: {sampels: 3}\n", "unknown setting 'planner.sampels': did you mean 'planner.samples'?"),
            (
                "planner: {samples: many}\n",
                "planner.samples: Value 'many' of type 'str' could not be converted to Integer",
            ),
            ("planner: {samples: -1}\n", "planner.samples is -1"),
            ("planner: [1\n", "is not valid YAML"),
            ("- 1\n", "holds no settings"),
            ("planner: 3\n", "config.yaml"),
        ],
    )
    def test_a_broken_file_is_explained(self, tmp_path: Path, text: str, expected: str) -> None:
        path = tmp_path / "config.yaml"
        path.write_text(text)
        with pytest.raises(SettingsError) as caught:
            load_yaml(path)
        assert expected in str(caught.value)
        assert str(path) in str(caught.value)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"nowhere\.yaml"):
            load_yaml(tmp_path / "nowhere.yaml")


class TestFingerprint:
    @pytest.mark.parametrize(
        "override", ["run_dir=elsewhere", "name=mine", "resume=true", "videos=false", "checkpoint.seconds=1"]
    )
    def test_what_does_not_decide_the_result_does_not_count(self, override: str) -> None:
        assert fingerprint(compose([override])) == fingerprint(compose([]))

    @pytest.mark.parametrize(
        "override", ["seed=1", "planner.std=0.51", "steps=17", "env=door_open", "continual.options.x=1", "threads=2"]
    )
    def test_what_decides_the_result_counts(self, override: str) -> None:
        assert fingerprint(compose([override])) != fingerprint(compose([]))

    def test_what_was_added_counts_and_its_default_leaves_older_fingerprints_as_they_were(self) -> None:
        assert "4048048087eeac281073fd9631f15a1462dfcc528274edd0848d817631a5a12b" in fingerprints(compose([]))
        two = ["dynamics.ensemble=2"]
        for added in ("planner.pessimism=0.5", "budget.validation_stop=true", "budget.carry=true"):
            assert fingerprint(compose([*two, added])) != fingerprint(compose(two)), added

    def test_every_setting_is_covered_once(self) -> None:
        assert set(WITHOUT_EFFECT) <= set(to_plain(Config()))

    def test_it_is_the_same_in_every_process(self) -> None:
        code = "from crl.config.asking.composing import *; print(fingerprint(compose(['env=door_open'])))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == fingerprint(compose(["env=door_open"]))
