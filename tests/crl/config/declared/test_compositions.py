"""Names of strategies that are put together: how they are written, what they read, and what is refused."""

from __future__ import annotations

import pytest

from crl.config import Config
from crl.config.asking.composing import compose, fingerprint, fingerprints, to_plain
from crl.config.asking.plugins import check_options
from crl.config.declared.components import GENERATORS, PARTS
from crl.config.declared.compositions import compositions, elements, own_code, strategy_settings
from crl.config.fingerprints import digest, digest_before
from crl.errors import SettingsError
from crl.training.runs.trust import named_code


@pytest.mark.parametrize(
    "overrides",
    [["continual=[ewc,coreset]"], ["continual=ewc+coreset"], ["continual=ewc", "+memory=coreset"]],
)
def test_the_ways_to_write_a_composition_mean_the_same(overrides: list[str]) -> None:
    config = compose(overrides)
    assert config.continual.name == "ewc+coreset"
    assert fingerprint(config) == fingerprint(compose(["continual=ewc+coreset"]))
    assert fingerprint(config) != fingerprint(compose(["continual=ewc"]))


def test_what_is_saved_holds_the_names_alone() -> None:
    """So that runs of before there were parts go on, and a run never changes its composition."""
    config = compose(["continual=ewc"])
    assert config.continual.parts == []
    old = to_plain(config)
    del old["continual"]["parts"]
    assert (digest(old), digest_before(old)) == fingerprints(config)
    with pytest.raises(SettingsError, match=r"continual\.parts has no meaning"):
        compose(["continual=ewc", "continual.parts=[a]"])


def test_a_composition_reads_what_its_generator_and_all_parts_read() -> None:
    expected = {*GENERATORS["hypercrl"], *PARTS["coreset"]}
    assert set(strategy_settings("hypercrl+coreset") or ()) == expected, "nothing of the second one's generator"
    assert strategy_settings("ewc+my_module:Name") is None
    compose(["continual=[ewc,coreset]", "continual.memory=7", "continual.ewc_lambda=3"])
    with pytest.raises(SettingsError, match=r"continual\.si_c has no meaning for continual=ewc\+coreset"):
        compose(["continual=[ewc,coreset]", "continual.si_c=3"])
    with pytest.raises(SettingsError, match=r"continual\.heads has no meaning"):
        compose(["continual=[hypercrl,coreset]", "continual.heads=shared"])


def test_an_unknown_name_among_several_is_named_with_the_nearest() -> None:
    with pytest.raises(SettingsError, match=r"unknown continual 'coresett'.*coreset"):
        compose(["continual=[ewc,coresett]"])


def test_options_that_no_part_has_are_refused() -> None:
    check_options(compose(["continual=[ewc,mas]", "continual.options.mas_strength=2"]))
    with pytest.raises(SettingsError, match=r"continual=ewc\+mas has no option 'mas_strenth'.*mas_strength"):
        check_options(compose(["continual=[ewc,mas]", "continual.options.mas_strenth=2"]))
    with pytest.raises(SettingsError, match="continual=ewc has no options"):
        check_options(compose(["continual=ewc", "continual.options.depth=2"]))


def test_code_that_is_named_among_several_is_asked_about() -> None:
    assert own_code("hypercrl+their_module:Name") == ("their_module:Name",)
    config = Config()
    config.continual.name = "hypercrl+their_module:Name"
    assert "their_module:Name" in named_code(config)


def test_every_composition_begins_with_one_generator() -> None:
    for name in compositions():
        first, *others = elements(name)
        assert first.startswith("crl.continual.generators.")
        assert not any(other.startswith("crl.continual.generators.") for other in others)
