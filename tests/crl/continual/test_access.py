"""What strategies need of tasks, and look at again: inferred or refused, with the part that needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pytest
from torch import Tensor

from crl.config.asking.composing import compose
from crl.continual.access import inferred
from crl.continual.gradients.gradient import Gradient
from crl.continual.strategy import Labels
from crl.errors import SettingsError
from tests.crl.continual.trials import learn, strategy_of


class Halved(Gradient):  # type: ignore[type-arg]
    """A part that says nothing of tasks, as one of a user's own may do."""

    SETTINGS: ClassVar[tuple[str, ...] | None] = ()

    def transform(self, gradients: Mapping[str, Tensor]) -> None:
        for gradient in gradients.values():
            gradient *= 0.5


HERE = f"{__name__}:Halved"


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("coreset", {"revisits": False}, "coreset looks at transitions of finished tasks again"),
        ("ewc+agem+coreset", {"revisits": False}, "agem and coreset look at"),
    ],
)
def test_what_looks_at_more_than_it_may_is_refused(name: str, settings: dict[str, object], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        strategy_of(name, **settings)


@pytest.mark.parametrize(
    ("name", "told", "needs"),
    [
        ("hypercrl", "boundaries", ["HyperCRL has to be told which task it is"]),
        ("ewc", "boundaries", ["SharedNetwork has to be told which task it is"]),
        ("ewc", "none", ["SharedNetwork has to be told which task it is", "ewc has to be told when a task ends"]),
        ("finetune+coreset", "none", ["coreset has to be told when a task ends"]),
        (f"finetune+{HERE}", "none", ["halved has to be told when a task ends"]),
        ("pnn", "boundaries", ["PNN has to be told which task it is"]),
        ("pnn", "told", []),
        ("finetune+migu+redo+l2_init", "none", []),
    ],
)
def test_what_is_not_told_has_to_be_inferred(name: str, told: str, needs: list[str]) -> None:
    assert inferred(strategy_of(name, labels=told), Labels(told)) == needs


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("finetune", {"revisits": False}),
        ("ewc", {"heads": "shared", "revisits": False}),
        ("hypercrl", {"revisits": False}),
        ("pnn", {"revisits": False}),
    ],
)
def test_what_looks_at_no_more_learns(name: str, settings: dict[str, object]) -> None:
    learn(strategy_of(name, **settings), 0, 3)


def test_the_settings_are_read_with_every_strategy() -> None:
    config = compose(["continual=pnn", "continual.labels=told", "continual.revisits=false"])
    assert config.continual.revisits is False
    with pytest.raises(SettingsError, match="labels"):
        compose(["continual.labels=some"])
