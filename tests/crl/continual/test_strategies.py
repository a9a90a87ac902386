"""What every retention strategy promises, over all that are installed; and what finetune and single mean."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from crl.checks.regression import NETWORK, RegressionLossEvaluator, loss_on, rows_of
from crl.config import Config, HypernetworkConfig
from crl.config.declared.compositions import compositions
from crl.continual.composing import make_strategy
from crl.continual.strategy import Strategy
from crl.errors import CrlError
from tests.crl.states import bits, differences, numbers

NAMES = sorted(compositions())
CASES = [*NAMES, "hypercrl:lookahead", *(f"{name}:protect" for name in NAMES if name.startswith("hypercrl"))]


PASSING = ("average", "generator", "gradient", "path", "before", "steps")
"""What a step that moves nothing may change: it is counted, may draw a batch, and settles the account of the last."""
REPLAYS = {"coreset", "hypercrl_replay", "multitask", "mixing", "perturbed", "conpet_static", "ilora", "kfpf"}
REVISITS = {*REPLAYS, "agem"}
CLONES = {"clonex", "self_distilled", "selected", "distilled", "activations", "general", "fpf"}
"""These read old inputs, and judge nothing on them in a task; the last one judges them when a task ends."""
PENALISED = {
    "ewc",
    "si",
    "l2",
    "l2_init",
    "mas",
    "vcl",
    "zscl",
    "generative",
    "generative_kernel",
    *REPLAYS - {"kfpf"},
    *CLONES - {"fpf"},
    *(name for name in NAMES if name.startswith(("hyper", "few_shot"))),
}


OFTEN = {
    "zscl": {"zscl_every": 2},
    "packnet": {"packnet_steps": 40},
    "fpf": {"fpf_steps": 3},
    "kfpf": {"fpf_steps": 2, "kfpf_every": 4},
    "sparse": {"sparse_every": 9},
    "sparcl": {"sparcl_every": 9},
    "few_shot": {"few_shot_tasks": 2},
}
"""Options with which what is seldom done is done in these short lives."""


def make(case: str, seed: int = 0, **learning: float) -> Strategy:
    name, _, variant = case.partition(":")
    config = Config()
    config.continual.name = name
    config.continual.lookahead = variant == "lookahead"
    config.continual.protect = int(variant == "protect")
    kind = "chunked" if name == "hypercrl_chunked" else "full"
    config.dynamics.hypernetwork = HypernetworkConfig(kind=kind, embedding=3, hidden=[5], chunk=11)
    for key, value in {"average": 0.9, "lr": 1e-2, "lr_embedding": 1e-2, **learning}.items():
        setattr(config.learning, key, value)
    config.continual.memory = 20
    config.continual.options = dict(OFTEN.get(name, {}))
    strategy = make_strategy(config, NETWORK, torch.Generator().manual_seed(seed))
    strategy.evaluator = RegressionLossEvaluator(strategy)
    return strategy


def loss_of(strategy: Strategy, task: int, step: int = 0) -> Callable[[Tensor], Tensor]:
    return loss_on(strategy, task, rows_of(task, step))


def end(strategy: Strategy, task: int) -> None:
    strategy.end_task(rows_of(task, count=64))


def steps(strategy: Strategy, task: int, start: int, count: int) -> None:
    for step in range(start, start + count):
        strategy.step(loss_of(strategy, task, step))


def phases(strategy: Strategy, stop: str) -> None:
    """The life of a strategy up to a phase."""
    if stop == "before any task":
        return
    strategy.begin_task(0)
    if stop == "task begun":
        return
    steps(strategy, 0, 0, 7)
    if stop == "in the first task":
        return
    strategy.scale_lr(0.3)
    steps(strategy, 0, 7, 4)
    strategy.scale_lr(1.0)  # the learner sets it before every step, so that it is no part of the state
    end(strategy, 0)
    if stop == "task ended":
        return
    strategy.begin_task(1)
    if stop == "second task begun":
        return
    steps(strategy, 1, 0, 13)
    if stop == "in the second task":
        return
    end(strategy, 1)
    strategy.begin_task(0)
    steps(strategy, 0, 20, 6)


PHASES = [
    "before any task",
    "task begun",
    "in the first task",
    "task ended",
    "second task begun",
    "in the second task",
    "a task has come back",
]


def go_on(strategy: Strategy, phase: str) -> list[Tensor]:
    """The same future for everyone: go on where that is possible, then a new task, then an old one."""
    outputs = []
    if phase != "before any task":
        task = 1 if "second" in phase else 0
        steps(strategy, task, 50, 6)
        outputs.append(strategy.weights(task))
        end(strategy, task)
    for task in (2, 0):
        strategy.begin_task(task)
        steps(strategy, task, 60, 6)
        outputs.append(strategy.weights(task))
        end(strategy, task)
    return [*outputs, strategy.weights(2), strategy.weights(0)]


LATE = PHASES[3:]
"""Where a part that only acts between tasks, or late in one, has most to save."""
ALL_PHASES = ("hypercrl", "coreset", "ewc", "pnn", "packnet", "conpet", "grown", "redo")
"""One of each kind of generator and of part is tried in every phase, the others in the late ones."""


@pytest.mark.parametrize(
    ("case", "phase"), [(case, phase) for case in CASES for phase in (PHASES if case in ALL_PHASES else LATE)]
)
def test_a_restored_strategy_has_the_same_future_to_the_bit(case: str, phase: str) -> None:
    original, restored = make(case), make(case, seed=9)
    phases(original, phase)
    state = original.state_dict()
    restored.load_state_dict(state)
    assert not differences(restored.state_dict(), state)
    future = go_on(original, phase)
    # The saved state is a copy: what the original did since then is not in it.
    again = make(case, seed=8)
    again.load_state_dict(state)
    for other in (restored, again):
        assert [bits(w) for w in go_on(other, phase)] == [bits(w) for w in future]
        assert not differences(other.state_dict(), original.state_dict())


@pytest.mark.parametrize("case", CASES)
def test_the_generator_alone_decides(case: str) -> None:
    torch.manual_seed(0)
    untouched = torch.get_rng_state()
    one, same, other = (make(case, seed) for seed in (3, 3, 4))
    for strategy in (one, same, other):
        phases(strategy, "the end")
    assert not differences(one.state_dict(), same.state_dict())
    assert bits(one.weights(0)) != bits(other.weights(0))
    assert torch.equal(torch.get_rng_state(), untouched)


@pytest.mark.parametrize("case", CASES)
def test_every_strategy_learns_its_task(case: str) -> None:
    strategy = make(case)
    strategy.begin_task(0)
    before = float(loss_of(strategy, 0, 999)(strategy.weights(0)))
    steps(strategy, 0, 0, 150)
    assert float(loss_of(strategy, 0, 999)(strategy.weights(0))) < 0.3 * before


@pytest.mark.parametrize("case", CASES)
def test_weights_are_detached_and_ending_a_task_does_not_change_them(case: str) -> None:
    strategy = make(case)
    strategy.begin_task(0)
    steps(strategy, 0, 0, 12)
    weights = strategy.weights(0)
    assert weights.shape == (NETWORK.size,)
    assert not weights.requires_grad
    copy = weights.clone()
    end(strategy, 0)
    assert (bits(strategy.weights(0)) != bits(copy)) is strategy.CHANGES_AT_END
    strategy.begin_task(1)
    steps(strategy, 1, 0, 5)
    assert bits(weights) == bits(copy)  # no view of what moves


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_moves_nothing(case: str, bad: float) -> None:
    strategy = make(case, average=0.0)
    phases(strategy, "in the second task")
    before = strategy.state_dict()
    report = strategy.step(lambda weights: (weights * bad).sum())
    assert not math.isfinite(float(report["task"]))
    after = strategy.state_dict()
    for state in (before, after):
        for name in [name for name in state if name.rpartition(".")[2] in PASSING]:
            del state[name]
    assert not differences(before, after)
    steps(strategy, 1, 90, 1)
    assert differences(
        before, {key: value for key, value in strategy.state_dict().items() if key.rpartition(".")[2] not in PASSING}
    )


@pytest.mark.parametrize("case", CASES)
def test_a_loss_that_is_not_finite_leaves_the_average_finite(case: str) -> None:
    strategy = make(case)
    phases(strategy, "in the second task")
    for step in range(12):
        strategy.step(lambda weights: (weights * math.nan).sum())
        assert torch.isfinite(strategy.weights(1)).all(), step


@pytest.mark.parametrize("case", CASES)
def test_reports_are_detached_numbers(case: str) -> None:
    strategy = make(case)
    phases(strategy, "in the second task")
    report = strategy.step(loss_of(strategy, 1))
    assert "task" in report
    assert ("retain" in report) is (case.partition(":")[0] in PENALISED)
    assert all(value.ndim == 0 and not value.requires_grad for value in report.values())


@pytest.mark.parametrize("case", CASES)
def test_a_rate_of_zero_stands_still(case: str) -> None:
    strategy = make(case, average=0.0)
    phases(strategy, "in the second task")
    before = bits(strategy.weights(1))
    strategy.scale_lr(0.0)
    steps(strategy, 1, 40, 3)
    assert bits(strategy.weights(1)) == before
    strategy.scale_lr(1.0)
    steps(strategy, 1, 40, 3)
    assert bits(strategy.weights(1)) != before


# After one task Hebbian units know all of the three inputs of this network's first layer: nothing grows.
@pytest.mark.parametrize("case", [case for case in CASES if case != "hebbian"])
def test_storage_tells_how_the_state_grows_per_task(case: str) -> None:
    strategy, sizes, once = make(case, average=0.0), [], []
    for task in range(5):
        strategy.begin_task(task)
        steps(strategy, task, 0, 2)
        state = strategy.state_dict()
        sizes.append(numbers({name: part for name, part in state.items() if name not in ("optimiser", "average")}))
        once.append(numbers([state[name] for name in strategy.kept_once]))
        end(strategy, task)
    assert len({*once[1:]}) == 1, "what is kept once does not grow"
    # The second task's begin may add what is kept only once (the snapshot Theta*); from then on it is the tasks alone.
    grown = (sizes[-1] - sizes[1]) / 3
    stated = strategy.storage().bytes_per_task
    if case in (
        "gradient_projection",
        "pnn",
        "coso",
        "olora",
        "experts",
        "adaptors",
    ):  # no two tasks need the same: on average
        assert stated == pytest.approx(grown, rel=0.5)
    else:
        assert grown == stated
        # Two tasks are enough where the strategy names what it keeps once.
        assert (sizes[1] - once[1]) - (sizes[0] - once[0]) == stated


@pytest.mark.parametrize("case", CASES)
def test_strategies_look_at_old_data_where_they_say_so(case: str) -> None:
    strategy = make(case)
    phases(strategy, "in the second task")
    evaluator = strategy.evaluator
    assert isinstance(evaluator, RegressionLossEvaluator)
    name = case.partition(":")[0]
    assert (evaluator.old_rows > 0) is (name in REVISITS)
    assert strategy.storage().revisits_data is (name in REVISITS | CLONES)


def test_finetune_has_one_network_and_forgets() -> None:
    strategy = make("finetune")
    strategy.begin_task(0)
    steps(strategy, 0, 0, 200)
    end(strategy, 0)
    learned = float(loss_of(strategy, 0, 999)(strategy.weights(0)))
    start = strategy.weights(0)
    strategy.begin_task(2)
    assert bits(strategy.weights(2)) == bits(start)  # it goes on from where it is
    steps(strategy, 2, 0, 200)
    end(strategy, 2)
    assert bits(strategy.weights(0)) == bits(strategy.weights(2))
    assert float(loss_of(strategy, 0, 999)(strategy.weights(0))) > 5 * learned


def test_snapshot_goes_on_from_the_last_task_and_forgets_nothing() -> None:
    strategy, finetune = make("snapshot"), make("finetune")
    for one in (strategy, finetune):
        one.begin_task(0)
        steps(one, 0, 0, 60)
        end(one, 0)
    learned = strategy.weights(0)
    for one in (strategy, finetune):
        one.begin_task(1)
    assert bits(strategy.weights(1)) == bits(learned)  # it goes on from where it is
    for one in (strategy, finetune):
        steps(one, 1, 0, 60)
        end(one, 1)
    assert bits(strategy.weights(1)) == bits(finetune.weights(1))  # it learns as fine-tuning does
    assert bits(strategy.weights(0)) == bits(learned)
    strategy.begin_task(0)
    assert bits(strategy.weights(0)) == bits(learned)  # and goes on with its own copy
    steps(strategy, 0, 60, 10)
    assert bits(strategy.weights(0)) != bits(learned)
    assert strategy.storage().bytes_per_task == 4 * NETWORK.size


def test_heads_alone_keep_a_layer_and_lose_the_trunk() -> None:
    strategy = make("finetune_heads")
    strategy.begin_task(0)
    steps(strategy, 0, 0, 200)
    end(strategy, 0)
    before = strategy.weights(0)
    learned = float(loss_of(strategy, 0, 999)(before))
    strategy.begin_task(2)
    steps(strategy, 2, 0, 200)
    end(strategy, 2)
    after, trunk = strategy.weights(0), NETWORK.size - NETWORK.head_size
    assert bits(after[trunk:]) == bits(before[trunk:])
    assert bits(after[:trunk]) != bits(before[:trunk])
    assert float(loss_of(strategy, 0, 999)(after)) > 2 * learned


def test_single_starts_anew_and_forgets_nothing() -> None:
    strategy = make("single")
    strategy.begin_task(0)
    fresh = strategy.weights(0)
    steps(strategy, 0, 0, 100)
    end(strategy, 0)
    learned = strategy.weights(0)
    strategy.begin_task(1)
    start = strategy.weights(1)
    assert bits(start) not in (bits(fresh), bits(learned))
    assert float(start.std()) == pytest.approx(float(fresh.std()), rel=0.5)
    steps(strategy, 1, 0, 100)
    end(strategy, 1)
    assert bits(strategy.weights(0)) == bits(learned)
    strategy.begin_task(0)
    assert bits(strategy.weights(0)) == bits(learned)  # it goes on with its own
    steps(strategy, 0, 0, 10)
    assert bits(strategy.weights(0)) != bits(learned)


def test_single_is_what_a_strategy_without_other_tasks_would_be() -> None:
    """The reference for transfer: learning task 1 after task 0 is learning it alone, with other initial weights."""
    after, alone = make("single"), make("single")
    after.begin_task(0)
    steps(after, 0, 0, 30)
    end(after, 0)
    alone.begin_task(0)  # draws its weights, learns nothing
    for strategy in (after, alone):
        strategy.begin_task(1)
        steps(strategy, 1, 0, 30)
    assert bits(after.weights(1)) == bits(alone.weights(1))


def test_an_unknown_strategy_names_the_nearest() -> None:
    with pytest.raises(CrlError, match=r"unknown strategy 'hypercrll'.*hypercrl"):
        make("hypercrll")


@pytest.mark.parametrize("name", ["finetune", "single"])
@pytest.mark.parametrize("average", [0.0, 0.9])
def test_checkpoints_of_before_there_were_heads_are_read(name: str, average: float) -> None:
    original, restored = (make(name, seed=seed, average=average) for seed in (0, 1))
    phases(original, "in the second task")
    state = original.state_dict()
    old = {key: part for key, part in state.items() if key in ("optimiser", "average", "generator", "finished")}
    old["weights"] = state["trunk"]
    old["optimiser"] = {"weights": state["optimiser"]["trunk"]}
    sums = state["average"]["sums"]
    old["average"] = {**state["average"], "sums": {"weights": sums["trunk"]} if sums else {}}
    if name == "single":
        old["task"] = 1
    restored.load_state_dict(old)
    for task in (0, 1):
        assert bits(restored.weights(task)) == bits(original.weights(task))
    if name == "finetune":  # which task it was in was not saved: it goes on with the next
        end(original, 1)
        end(restored, 0)
    for strategy in (original, restored):
        strategy.begin_task(2)
        steps(strategy, 2, 0, 6)
    assert bits(restored.weights(2)) == bits(original.weights(2))
