"""Settings with another name: told on the command line, read in files, and fingerprinted as before."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from crl.config import Config
from crl.config.asking.composing import compose, fingerprint, fingerprints, load_yaml, to_plain
from crl.config.asking.request import keys
from crl.config.fingerprints import digest, digest_before
from crl.config.limits import leaves
from crl.config.renamed import MOVED, RENAMED, formerly, migrated
from crl.errors import SettingsError
from crl.training.runs.folder import RunFolder
from crl.training.runs.settings import read_settings, recorded_settings

CHOSEN = ("env=ugv_mission", "refiner=afm", "flow.tracking.window=9", "flow.identification.penalty_coupling=5")


@pytest.mark.parametrize("former", RENAMED)
def test_a_former_name_is_refused_with_the_new_one(former: str) -> None:
    with pytest.raises(SettingsError, match=f"unknown key '{former}': it is '{RENAMED[former]}' now"):
        compose([f"{former}=1"])


def test_every_setting_of_the_flow_has_moved_from_another_name() -> None:
    assert sorted(MOVED.values()) == sorted(key for key, _ in leaves(Config()) if key.startswith("flow."))
    assert set(RENAMED.values()) <= set(keys())
    assert not set(RENAMED) & set(keys())


def test_to_former_names_and_back_changes_nothing() -> None:
    plain = to_plain(compose(CHOSEN))
    before = formerly(plain)
    assert before["flow"]["window"] == 9
    assert before["flow"]["price_coupling"] == 5
    assert not any(isinstance(value, dict) for value in before["flow"].values())
    assert migrated(before) == plain
    assert plain == to_plain(compose(CHOSEN))  # neither changes what it is given


def test_a_run_with_former_names_is_read_and_known(tmp_path: Path) -> None:
    config = compose(CHOSEN)
    folder = RunFolder(tmp_path)
    folder.config.write_text(OmegaConf.to_yaml(OmegaConf.create(formerly(to_plain(config)))))
    assert load_yaml(folder.config) == config
    for recorded in fingerprints(config):
        (tmp_path / "fingerprint").write_text(recorded + "\n")
        assert read_settings(folder) == (config, None)
        assert recorded_settings(tmp_path).plain == to_plain(config)
    (tmp_path / "fingerprint").write_text(fingerprint(compose([*CHOSEN, "flow.tracking.window=10"])) + "\n")
    assert read_settings(folder)[1] is not None


def test_fingerprints_are_those_of_former_names() -> None:
    """The values are those that the version with flat settings gave for the same runs."""
    assert (
        fingerprint(compose(["env=ugv_mission", "refiner=afm", "threads=1"]))
        == "6cb85023000a0f31146cb5b2bf896b719db7ef02ba35075ed0d04f9f2eed81e5"
    )
    assert (
        digest_before(to_plain(compose(["env=ugv_mission", "refiner=afm", "threads=1"])))
        == "b79beb29d5c60852516613c09df4d7e76d63508519550c887391f5333b32d2e8"
    )
    assert (
        fingerprint(compose(["env=quadrotor_mission_rates", "refiner=regression", "threads=1"]))
        == "f91042d48fcc09ac81500e8bdcdf1d48cb3d5773930ce792d759b20ec5c798a2"
    )


def test_a_damaged_group_is_left_for_the_check() -> None:
    plain = {"flow": {"window": 9, "tracking": 5}}
    assert migrated(plain) == plain
    assert digest({"flow": {"tracking": 5}, "seed": 1}) != digest({"seed": 2})
