"""``crl.strategy``: regression tasks in sequence, without a robot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import crl
from crl.config.declared.compositions import compositions
from crl.errors import CrlError

NAMES = sorted(compositions())
QUICK = {"learning.batch": 64, "learning.lr": 5e-3, "learning.lr_embedding": 5e-3}
GENERATED = {
    "dynamics.hypernetwork.hidden": [16], "dynamics.hypernetwork.embedding": 4, "dynamics.hypernetwork.chunk": 100,
}  # fmt: skip
"""Read by the strategies that generate weights."""


def quick(name: str) -> dict[str, object]:
    """Settings with which a strategy learns in a second."""
    return {**QUICK, **(GENERATED if name.startswith("hypercrl") else {})}


def data(task: int, count: int = 256) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """y = (sin(x_0 + task), 10 + (task - 1) x_1): with an offset that only normalisers can see."""
    x = np.random.default_rng(task).normal(size=(count, 2))
    return x, np.stack([np.sin(x[:, 0] + task), 10 + (task - 1) * x[:, 1]], axis=-1)


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_learns_a_task(name: str) -> None:
    learner = crl.strategy(name, inputs=2, outputs=2, hidden=[16], settings=quick(name))
    x, y = data(0)
    learner.fit(0, (x, y), steps=0)
    before = np.square(learner.predict(0, x) - y).mean()
    assert learner.fit(0, (x, y), steps=300) < 0.2 * before
    assert learner.predict(0, x).shape == y.shape


def test_a_strategy_keeps_what_finetune_forgets() -> None:
    lost = {}
    for name in ("hypercrl", "snapshot", "finetune"):
        settings = {**quick(name), **({"continual.beta": 1.0} if name == "hypercrl" else {})}
        learner = crl.strategy(name, inputs=2, outputs=2, hidden=[16], settings=settings)
        first = learner.fit(0, data(0), steps=400)
        learner.fit(2, data(2), steps=400)
        x, y = data(0)
        lost[name] = float(np.square(learner.predict(0, x) - y).mean()) - first
    assert lost["snapshot"] == pytest.approx(0, abs=1e-6)
    assert lost["hypercrl"] < 0.1 * lost["finetune"]


def test_a_task_that_comes_back_goes_on() -> None:
    learner = crl.strategy("hypercrl", inputs=2, outputs=2, hidden=[16], settings=quick("hypercrl"))
    learner.fit(0, data(0), steps=100)
    first = learner.fit(0, data(0), steps=200)
    learner.fit(1, data(1), steps=50)
    assert learner.fit(0, data(0), steps=200) <= 1.5 * first
    assert learner.tasks == [0, 1]


def test_bad_data_are_named() -> None:
    learner = crl.strategy("finetune", inputs=2, outputs=2)
    x, y = data(0)
    with pytest.raises(ValueError, match=r"x \(N, 2\) and y \(N, 2\)"):
        learner.fit(0, (x[:, :1], y))
    with pytest.raises(ValueError, match="N >= 1"):
        learner.fit(0, (x[:0], y[:0]))
    with pytest.raises(ValueError, match="not finite"):
        learner.fit(0, (x, y * np.nan))
    with pytest.raises(ValueError, match="task is -1"):
        learner.fit(-1, (x, y))
    with pytest.raises(ValueError, match="steps is -1"):
        learner.fit(0, (x, y), steps=-1)
    learner.fit(0, (x.tolist(), y.tolist()), steps=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"x is \(N, 2\), not \(4, 1\)"):
        learner.predict(0, x[:4, :1])
    with pytest.raises(CrlError, match="task 3 was not learned"):
        learner.predict(3, x)
    with pytest.raises(CrlError, match="did you mean 'hypercrl'"):
        crl.strategy("hypercrll", inputs=2, outputs=2)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "2", None])
@pytest.mark.parametrize("size", ["inputs", "outputs"])
def test_sizes_are_whole_numbers_of_at_least_one(size: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=f"{size} "):
        crl.strategy("finetune", **{"inputs": 2, "outputs": 2, size: wrong})


def test_one_hidden_layer_may_be_a_number() -> None:
    assert crl.strategy("finetune", inputs=2, outputs=2, hidden=8).config.dynamics.hidden == [8]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"task": 1.5}, "task must be a whole number"),
        ({"task": "1"}, "task must be a whole number"),
        ({"task": None}, "task must be a whole number"),
        ({"steps": 2.5}, "steps must be a whole number"),
        ({"steps": None}, "steps must be a whole number"),
        ({"data": None}, "2 arrays: x, y"),
        ({"data": np.zeros((4, 2))}, "2 arrays: x, y"),
        ({"data": (np.full((4, 2), None), np.zeros((4, 2)))}, "x must be real numbers"),
        ({"data": (np.zeros((4, 2)), np.full((4, 2), 1j))}, "y must be real numbers"),
        ({"data": ([[0.0, 1.0], [1.0]], np.zeros((2, 2)))}, "x can't be read as an array"),
    ],
)
def test_what_is_refused_leaves_everything_as_it_was(wrong: dict[str, Any], said: str) -> None:
    learner, spared = (crl.strategy("hypercrl", inputs=2, outputs=2) for _ in range(2))
    for one in (learner, spared):
        one.fit(0, data(0), steps=1)
    with pytest.raises(ValueError, match=said):
        learner.fit(**{"task": 1, "data": data(1), "steps": 1, **wrong})
    assert learner.tasks == [0]
    for one in (learner, spared):
        one.fit(0, data(0), steps=2)
    found, wanted = (one.predict(0, data(0)[0]) for one in (learner, spared))
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", ["hypercrl", "ewc", "pnn"])
def test_tasks_may_be_numbers_of_numpy(name: str) -> None:
    learner = crl.strategy(name, inputs=2, outputs=2)
    for task in np.arange(2):
        learner.fit(task, data(int(task)), steps=np.int64(1))
    assert [type(task) for task in learner.tasks] == [int, int]
    assert learner.predict(np.int64(1), np.zeros((1, 2))).shape == (1, 2)
