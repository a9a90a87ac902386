"""Strategies put together by hand: what they are, what is refused and why, and parts given by their path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from crl.config.asking.composing import compose
from crl.continual.gradients.gradient import Gradient
from crl.continual.memories.coreset import Coreset
from crl.continual.penalties.ewc import EWC
from crl.errors import CrlError, SettingsError
from crl.restoring import UnfitStateError
from tests.crl.continual.trials import error, learn, network_of, part_of, strategy_of


class Frozen(Gradient):  # type: ignore[type-arg]
    """Nothing of what is shared moves."""

    SETTINGS: ClassVar[tuple[str, ...] | None] = ()

    def transform(self, gradients: Mapping[str, Tensor]) -> None:
        for gradient in gradients.values():
            gradient.zero_()


HERE = f"{__name__}:Frozen"


def test_a_list_and_a_part_by_its_kind_are_the_same_composition() -> None:
    assert compose(["continual=[ewc,coreset]"]).continual.name == "ewc+coreset"
    assert compose(["continual=ewc", "+memory=coreset"]).continual.name == "ewc+coreset"


def test_a_composition_has_the_parts_of_both_and_keeps_more_than_one() -> None:
    lost = {}
    for name in ("finetune_heads", "ewc+coreset"):
        strategy = strategy_of(name, ewc_lambda=3.0)
        learn(strategy, 0, 200)
        before = error(strategy, 0)
        learn(strategy, 2, 200)
        lost[name] = error(strategy, 0) - before
    assert lost["ewc+coreset"] < 0.5 * lost["finetune_heads"]
    network = network_of(strategy)
    kept = part_of(strategy, EWC).bytes_per_task() + part_of(strategy, Coreset).bytes_per_task()
    assert strategy.storage().bytes_per_task == kept + 4 * network.network.head_size
    assert strategy.storage().revisits_data


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("hypercrl+ewc", "ewc does not fit, because a hypernetwork makes the weights"),
        ("ewc+pnn", "pnn makes the weights by itself"),
        ("snapshot+si", "si does not fit, because finished tasks have weights of their own"),
        ("packnet+coreset", "coreset does not fit"),
        ("pnn+coreset", "takes no parts"),
        ("ewc+nothing", "unknown strategy 'nothing'"),
    ],
)
def test_impossible_pairs_are_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(CrlError, match=reason):
        strategy_of(name)


@pytest.mark.parametrize("name", [HERE, f"ewc+{HERE}", f"hypercrl+{HERE}"])
def test_a_part_given_by_its_path_acts(name: str) -> None:
    strategy = strategy_of(name)
    shared = strategy.shared()  # type: ignore[attr-defined]
    before = {key: value.detach().clone() for key, value in shared.items()}
    learn(strategy, 0, 10)
    assert all(torch.equal(value.detach(), before[key]) for key, value in shared.items())


def test_options_of_parts_are_checked() -> None:
    with pytest.raises(SettingsError, match="redo_every is 0: it must be a number of at least 1"):
        strategy_of("redo", options={"redo_every": 0})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("l2", {"l2_strength": float("inf")}),
        ("l2", {"l2_strength": float("nan")}),
        ("coso", {"coso_rank": 2.5}),
        ("packnet", {"packnet_steps": 2.5}),
        ("packnet", {"packnet_keep": "all"}),
        ("sparse", {"sparse_every": "often"}),
        ("vcl", {"vcl_std": float("nan")}),
        ("hyperinterval", {"interval_radius": "wide"}),
        ("lae", {"lora_rank": 1.5}),
        ("olora", {"olora_strength": float("nan")}),
    ],
)
def test_an_option_that_is_no_fitting_number_is_named(name: str, options: dict[str, Any]) -> None:
    ((option, _),) = options.items()
    with pytest.raises(SettingsError, match=rf"continual\.options\.{option} is .*: it must be a (whole )?number"):
        strategy_of(name, options=options)


@pytest.mark.parametrize(
    ("saved", "reason"),
    [("coreset", "a strategy with coreset, which this one"), ("finetune_heads", "no protected of ewc")],
)
def test_a_state_of_another_composition_is_refused(saved: str, reason: str) -> None:
    other = strategy_of(saved)
    learn(other, 0, 3)
    with pytest.raises(UnfitStateError, match=reason):
        strategy_of("ewc").load_state_dict(other.state_dict())
