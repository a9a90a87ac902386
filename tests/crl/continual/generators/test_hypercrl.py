"""HyperCRL's step: the batched package against the published formulation, in float64; and what it is for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from crl.config import Config, HypernetworkConfig
from crl.continual.composing import make_strategy
from crl.continual.generators.hypercrl import HyperCRL
from crl.dynamics import hypernetwork
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows
from tests.crl.states import bits, differences, numbers
from tests.oracles.hypercrl import PlainChunkedHypernetwork, PlainHyperCRL, PlainHypernetwork
from tests.oracles.target_network import members

NETWORK = TargetNetwork(2, [6], 2)
NO_ROWS = Windows(torch.empty(0, 2), torch.empty(1, 0, 0), torch.empty(1, 0, 2))
Loss = Callable[[Tensor], Tensor]


@pytest.fixture
def _double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def settings(kind: str = "full", **changes: object) -> Config:
    config = Config()
    config.dynamics.hypernetwork = HypernetworkConfig(kind=kind, embedding=3, hidden=[7, 5], chunk=11)
    config.learning.lr = 3e-3
    config.learning.lr_embedding = 5e-3
    for name, value in changes.items():
        setattr(config.continual if hasattr(config.continual, name) else config.learning, name, value)
    return config


def strategy(config: Config | None = None, seed: int = 0, network: TargetNetwork = NETWORK) -> HyperCRL:
    return HyperCRL(config or settings(), network, torch.Generator().manual_seed(seed))


def task_loss(task: int, step: int = 0, size: float = 1.0) -> Loss:
    """Squared error on a batch of a task's own function; different batches at different steps."""
    generator = torch.Generator().manual_seed(1000 * task + step)
    x = torch.randn(1, 16, 2, generator=generator)
    y = torch.stack([torch.sin(x[..., 0] + task), (task - 1) * x[..., 1]], dim=-1)
    return lambda weights: size * (NETWORK.forward(weights, x) - y).square().mean()


def oracle_of(crl: HyperCRL) -> PlainHyperCRL:
    """The published formulation with the same initial numbers."""
    config = crl.config
    plain = {"full": PlainHypernetwork, "chunked": PlainChunkedHypernetwork}[config.dynamics.hypernetwork.kind]
    network = plain(crl.parameters, crl.network.tensor_sizes, config.dynamics.hypernetwork.activation)
    return PlainHyperCRL(
        network,
        lr=config.learning.lr,
        lr_embedding=config.learning.lr_embedding,
        clip=config.learning.clip,
        beta=config.continual.beta,
        lookahead=config.continual.lookahead,
    )


def deviation(crl: HyperCRL, oracle: PlainHyperCRL) -> float:
    """Largest difference of any number of Theta and of the embeddings."""
    named = oracle.hypernetwork.named()
    assert named.keys() == crl.parameters.keys()
    pairs = [(crl.parameters[name], named[name]) for name in named]
    pairs += [(crl.embeddings[task], oracle.embeddings[task]) for task in oracle.embeddings]
    return max(float((one - other).detach().abs().max()) for one, other in pairs)


def side_by_side(config: Config, tasks: list[int], steps: int, size: float = 1.0) -> float:
    """Train both; assert equal losses at every step; return the largest deviation of the parameters."""
    crl = strategy(config)
    oracle, worst = oracle_of(crl), 0.0
    for visit, task in enumerate(tasks):
        crl.begin_task(task)
        oracle.begin(task, crl.embeddings[task])
        for step in range(steps):
            # Gradients of very different norm, so that a missing or joint clip would show.
            loss = task_loss(task, 10 * visit + step, size * 20.0 ** (step % 2))
            report = crl.step(loss)
            task_term, penalty = oracle.step(loss)
            assert float(report["task"]) == pytest.approx(float(task_term), rel=1e-12, abs=1e-12)
            if len(oracle.embeddings) > 1 and config.continual.beta > 0:
                assert float(report["retain"]) == pytest.approx(float(penalty), rel=1e-9, abs=1e-12)
            else:
                assert "retain" not in report
            worst = max(worst, deviation(crl, oracle))
        crl.end_task(NO_ROWS)
    return worst


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("lookahead", [False, True])
@pytest.mark.parametrize("beta", [0.0, 0.05, 5.0])
@pytest.mark.parametrize("kind", ["full", "chunked"])
@pytest.mark.parametrize("init", ["base", "xavier"])
def test_every_step_is_the_published_one(kind: str, init: str, beta: float, lookahead: bool) -> None:
    """Four tasks, of which one comes back: losses to 1e-12, Theta and all embeddings to 1e-9."""
    config = settings(kind, beta=beta, lookahead=lookahead)
    config.dynamics.hypernetwork.init = init
    assert side_by_side(config, [0, 1, 2, 0, 3], steps=5) < 1e-9


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("size", [1e-2, 1e3])
def test_both_clips_are_the_published_ones(size: float) -> None:
    assert side_by_side(settings(beta=1.0, lookahead=True, clip=0.5), [0, 1], steps=8, size=size) < 1e-9


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("change", [{"beta": 0.06}, {"lookahead": False}, {"clip": 1.0}])
def test_the_comparison_would_notice(change: dict) -> None:
    """The negative control of the tests above: an oracle with one setting changed goes elsewhere."""
    crl = strategy(settings(beta=0.05, lookahead=True, clip=0.5))
    oracle = oracle_of(crl)
    for name, value in change.items():
        setattr(oracle, name, value)
    for task in (0, 1):
        crl.begin_task(task)
        oracle.begin(task, crl.embeddings[task])
        for step in range(5):
            loss = task_loss(task, step, 10.0 * (1 + step))
            crl.step(loss)
            oracle.step(loss)
    assert deviation(crl, oracle) > 1e-6


@pytest.mark.usefixtures("_double")
def test_the_loss_of_real_modules_is_the_functional_one() -> None:
    """The oracle's weights, read into ``nn.Linear``, predict what the package's do."""
    crl = strategy()
    crl.begin_task(0)
    x = torch.randn(1, 5, 2)
    weights = oracle_of(crl).hypernetwork(crl.embeddings[0]).detach()
    (network,) = members(weights, [2, 6, 2], "silu", 1)
    torch.testing.assert_close(NETWORK.forward(crl.weights(0), x)[0], network(x[0]), rtol=0, atol=1e-12)


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("lookahead", [False, True])
def test_the_embedding_learns_from_the_task_alone(lookahead: bool) -> None:
    """Whatever beta is, the new embedding takes the same first step; earlier embeddings never move."""
    after = []
    for beta in (0.0, 100.0):
        crl = strategy(settings(beta=beta, lookahead=lookahead))
        crl.begin_task(0)
        crl.step(task_loss(0))
        crl.begin_task(1)
        old = bits(crl.embeddings[0])
        # One step moves Theta away from its snapshot; only then R has a gradient. Look at the gradient itself.
        with torch.no_grad():
            crl.parameters["head.bias"].add_(0.1)
        crl.step(task_loss(1))
        assert not crl.embeddings[0].requires_grad
        assert bits(crl.embeddings[0]) == old
        after.append(crl.embeddings[1].detach().clone())
    torch.testing.assert_close(after[0], after[1], rtol=0, atol=1e-15)


def test_optimisers_start_afresh_with_every_task() -> None:
    crl = strategy()
    crl.begin_task(0)
    for step in range(3):
        crl.step(task_loss(0, step))
    assert float(crl.state_dict()["optimiser"]["head.bias"]["step"]) == 3
    crl.scale_lr(0.1)
    crl.begin_task(1)
    state = crl.state_dict()
    assert "head.bias" not in state["optimiser"]
    assert "embedding" not in state["embedding_optimiser"]
    # Adam's first step has the size of the learning rate: the full one again.
    before = crl.parameters["head.bias"].detach().clone()
    crl.step(task_loss(1))
    assert float((crl.parameters["head.bias"].detach() - before).abs().max()) == pytest.approx(3e-3, rel=1e-2)


@pytest.mark.usefixtures("_double")
def test_targets_are_those_of_the_snapshot_before_and_after_a_restart() -> None:
    crl = strategy()
    for task in range(3):
        crl.begin_task(task)
        snapshot = oracle_of(crl).hypernetwork
        expected = [snapshot(crl.embeddings[other]).detach() for other in range(task)]
        for step in range(4):
            crl.step(task_loss(task, step))
    torch.testing.assert_close(crl._targets, torch.stack(expected), rtol=0, atol=1e-12)
    restored = strategy(seed=1)
    restored.load_state_dict(crl.state_dict())
    assert bits(restored._targets) == bits(crl._targets)
    assert bits(restored._others) == bits(crl._others)


def learn(crl: HyperCRL, task: int, steps: int) -> float:
    """Train on a task; returns its loss on data of its own."""
    crl.begin_task(task)
    for step in range(steps):
        crl.step(task_loss(task, step % 20))
    crl.end_task(NO_ROWS)
    return float(task_loss(task, 999)(crl.weights(task)))


@pytest.mark.parametrize("kind", ["full", "chunked"])
@pytest.mark.parametrize("lookahead", [False, True])
def test_the_regulariser_keeps_old_tasks_and_without_it_they_are_lost(kind: str, lookahead: bool) -> None:
    moved, worse = {}, {}
    for beta in (0.05, 0.0):
        crl = strategy(settings(kind, beta=beta, lookahead=lookahead, lr=1e-2, lr_embedding=1e-2))
        learned = learn(crl, 0, 250)
        assert learned < 0.1
        old = crl.weights(0)
        assert learn(crl, 2, 250) < 0.6  # the new one is learned all the same
        moved[beta] = float((crl.weights(0) - old).norm())
        worse[beta] = float(task_loss(0, 999)(crl.weights(0))) - learned
    assert moved[0.0] > 8 * moved[0.05]
    assert worse[0.0] > 0.5
    assert worse[0.05] < 0.1


def test_a_task_that_comes_back_keeps_its_embedding_and_is_not_held_back_by_itself() -> None:
    crl = strategy(settings(beta=0.05, lr=1e-2, lr_embedding=1e-2))
    learn(crl, 0, 30)
    crl.begin_task(0)
    assert "retain" not in crl.step(task_loss(0))  # alone, nothing is protected
    for task in (1, 2):
        learn(crl, task, 30)
    embedding, output = bits(crl.embeddings[0]), crl.weights(0)
    before = float(task_loss(0, 999)(output))
    crl.begin_task(0)
    assert bits(crl.embeddings[0]) == embedding
    assert bits(crl.weights(0)) == bits(output)
    assert bits(crl._others) == bits(torch.stack([crl.embeddings[1], crl.embeddings[2]]))
    for step in range(150):
        crl.step(task_loss(0, step % 20))
    assert float(task_loss(0, 999)(crl.weights(0))) < 0.5 * before
    assert sorted(crl.embeddings) == [0, 1, 2]


@pytest.mark.parametrize("lookahead", [False, True])
def test_neither_graph_nor_memory_grows_by_a_network_per_task(lookahead: bool) -> None:
    """What autograd saves: as many tensors of the size of Theta's head with 8 earlier tasks as with one."""
    config = settings(lookahead=lookahead)
    config.dynamics.hypernetwork.hidden = [7, 40]
    large = 40 * NETWORK.size  # the head's matrix [hidden, P]; the outputs of all tasks [T, P] stay smaller
    counts, sizes = {}, {}
    crl = strategy(config)
    for task in range(9):
        crl.begin_task(task)
        saved: set[int] = set()

        def note(tensor: Tensor, saved: set[int] = saved) -> Tensor:
            if tensor.numel() >= large:
                saved.add(tensor.untyped_storage().data_ptr())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            crl.step(task_loss(task))
        counts[task], sizes[task] = len(saved), numbers(crl.state_dict())
    assert counts[1] == counts[8] <= 2
    # What a checkpoint holds grows by exactly what is said to be stored: an embedding.
    assert {sizes[t + 1] - sizes[t] for t in range(1, 8)} == {crl.storage().bytes_per_task}


def test_averaged_weights_are_planned_with_and_become_the_parameters() -> None:
    crl = strategy(settings(average=0.9))
    crl.begin_task(0)
    for step in range(12):
        crl.step(task_loss(0, step))
    raw = crl.hypernetwork.generate(crl.parameters, crl.embeddings[0].unsqueeze(0))[0]
    averaged = crl.weights(0)
    assert not torch.allclose(raw, averaged)
    crl.end_task(NO_ROWS)
    assert bits(crl.weights(0)) == bits(averaged)
    crl.begin_task(1)
    assert bits(crl.weights(0)) == bits(averaged)
    torch.testing.assert_close(crl._targets[0], averaged)


def test_new_embeddings_are_standard_normal() -> None:
    crl = strategy()
    for task in range(300):
        crl.begin_task(task)
    drawn = torch.stack([crl.embeddings[task].detach() for task in range(300)])
    torch.testing.assert_close(drawn.mean(dim=0), torch.zeros(3), rtol=0, atol=0.2)
    torch.testing.assert_close(drawn.std(dim=0), torch.ones(3), rtol=0, atol=0.15)


# ---------------------------------------------------------------------- a bounded number of protected tasks
def five_tasks(protect: int, **changes: object) -> HyperCRL:
    """A strategy in its fifth task, whose Theta has moved."""
    crl = strategy(settings(protect=protect, beta=0.5, **changes))
    for task in range(5):
        crl.begin_task(task)
        crl.step(task_loss(task))
    return crl


def gradient_of(crl: HyperCRL) -> Tensor:
    """The gradient of R at the present Theta, flat."""
    rows = crl._draw()
    assert rows is not None
    retain = crl.retention(crl.hypernetwork.generate(crl.parameters, rows))
    found = torch.autograd.grad(retain, list(crl.parameters.values()))
    return torch.cat([part.flatten() for part in found])


@pytest.mark.usefixtures("_double")
def test_drawn_tasks_give_the_full_gradient_on_average() -> None:
    """All pairs out of four tasks are drawn: the mean over the six pairs is the full sum, exactly."""
    whole, some = five_tasks(0), five_tasks(2)
    some.load_state_dict(whole.state_dict())
    found: dict[frozenset[int], Tensor] = {}
    for _ in range(200):
        gradient = gradient_of(some)
        pair = frozenset(some.protected)
        assert len(pair) == 2 and pair < {0, 1, 2, 3}
        if pair in found:
            torch.testing.assert_close(found[pair], gradient, rtol=0, atol=1e-12)
        found[pair] = gradient
    assert len(found) == 6
    torch.testing.assert_close(torch.stack(list(found.values())).mean(dim=0), gradient_of(whole), rtol=0, atol=1e-12)


@pytest.mark.parametrize("lookahead", [False, True])
def test_protecting_as_many_tasks_as_there_are_is_the_full_sum(lookahead: bool) -> None:
    whole, bounded = (five_tasks(protect, lookahead=lookahead) for protect in (0, 4))
    assert not differences(whole.state_dict(), bounded.state_dict())


@pytest.mark.parametrize("lookahead", [False, True])
def test_a_bounded_step_makes_the_weights_of_few_tasks_only(lookahead: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for earlier in (10, 40):
        crl = strategy(settings(protect=3, lookahead=lookahead))
        for task in range(earlier + 1):
            crl.begin_task(task)
        rows: list[int] = []
        generate = crl.hypernetwork.generate

        def counted(parameters: object, embeddings: Tensor, rows: list[int] = rows, generate=generate) -> Tensor:  # type: ignore[no-untyped-def]
            rows.append(len(embeddings))
            return generate(parameters, embeddings)

        monkeypatch.setattr(crl.hypernetwork, "generate", counted)
        crl.step(task_loss(earlier))
        made.append(sum(rows))
    assert made == [7, 7]  # its own, the three that are protected, and their targets


def test_drawn_tasks_are_kept_too() -> None:
    """Six tasks, one protected per step: earlier ones move little; without protection they are lost."""
    moved = {}
    for beta in (0.5, 0.0):
        crl = strategy(settings(beta=beta, protect=1, lr=1e-2, lr_embedding=1e-2))
        for task in range(5):
            learn(crl, task, 60)
        old = {task: crl.weights(task) for task in range(5)}
        learn(crl, 5, 200)
        moved[beta] = max(float((crl.weights(task) - old[task]).norm()) for task in old)
    assert moved[0.0] > 5 * moved[0.5]


@pytest.fixture
def _gram(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Gram form, however few tasks there are."""
    monkeypatch.setattr(hypernetwork, "pays", lambda tasks, hidden: True)


def visited(config: Config, tasks: int) -> HyperCRL:
    """A strategy after a step of each of some tasks."""
    crl = strategy(config)
    for task in range(tasks):
        crl.begin_task(task)
        crl.step(task_loss(task))
    return crl


@pytest.mark.usefixtures("_double", "_gram")
@pytest.mark.parametrize("lookahead", [False, True])
def test_in_gram_form_every_step_is_the_published_one(lookahead: bool) -> None:
    config = settings(beta=5.0, lookahead=lookahead)
    assert side_by_side(config, [0, 1, 2, 0, 3], steps=5) < 1e-9


@pytest.mark.usefixtures("_gram")
def test_in_gram_form_a_step_makes_the_weights_of_the_current_task_only(monkeypatch: pytest.MonkeyPatch) -> None:
    crl = visited(settings(beta=5.0), 3)
    made: list[int] = []
    generate = crl.hypernetwork.generate
    monkeypatch.setattr(
        crl.hypernetwork, "generate", lambda parameters, rows: made.append(len(rows)) or generate(parameters, rows)
    )
    crl.begin_task(3)
    report = crl.step(task_loss(3))
    assert "retain" in report
    assert made == [1]


@pytest.mark.usefixtures("_gram")
def test_in_gram_form_a_restart_changes_nothing() -> None:
    crl = visited(settings(beta=5.0), 3)
    crl.begin_task(3)
    for step in range(3):
        crl.step(task_loss(3, step))
    other = strategy(settings(beta=5.0), seed=9)
    other.load_state_dict(crl.state_dict())
    for one in (crl, other):
        for step in range(3, 6):
            one.step(task_loss(3, step))
    assert not differences(crl.state_dict(), other.state_dict())


def test_weights_that_are_weighed_or_replayed_are_generated() -> None:
    for name in ("hypercrl_ewc", "hypercrl_replay"):
        config = settings(beta=5.0)
        config.continual.name = name
        crl = make_strategy(config, NETWORK, torch.Generator().manual_seed(0))
        assert isinstance(crl, HyperCRL)
        for task in range(60):
            crl.begin_task(task)
        assert crl._distance is None
        assert crl._targets is not None


@pytest.mark.usefixtures("_gram")
def test_a_class_with_a_distance_of_its_own_keeps_it() -> None:
    class Absolute(HyperCRL):
        def importance(self, difference: Tensor) -> Tensor:
            return difference.abs().sum()

    crl = Absolute(settings(beta=5.0), NETWORK, torch.Generator().manual_seed(0))
    for task in range(3):
        crl.begin_task(task)
    assert crl._distance is None
    assert crl._targets is not None
