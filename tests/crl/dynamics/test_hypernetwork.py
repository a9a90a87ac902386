"""Hypernetworks, all tasks as one batch, against one module per task and head."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch

from crl.config import HypernetworkConfig
from crl.dynamics.hypernetwork import Hypernetwork, make_hypernetwork
from crl.dynamics.network import TargetNetwork
from tests.oracles.hypercrl import PlainChunkedHypernetwork, PlainHypernetwork

TARGET = TargetNetwork(3, [5, 4], 2, ensemble=2)
PLAIN = {"full": PlainHypernetwork, "chunked": PlainChunkedHypernetwork}
KINDS = [(kind, init) for kind in PLAIN for init in ("base", "xavier")]


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def make(kind: str, init: str, **changes: object) -> tuple[Hypernetwork, HypernetworkConfig]:
    config = HypernetworkConfig(kind=kind, init=init, embedding=3, hidden=[6, 5], chunk=13, chunk_embedding=4)
    for name, value in changes.items():
        setattr(config, name, value)
    return make_hypernetwork(config, TARGET), config


@pytest.mark.parametrize(("kind", "init"), KINDS)
def test_a_batch_of_tasks_gives_what_one_module_gives_per_task(kind: str, init: str) -> None:
    hypernetwork, config = make(kind, init)
    parameters = hypernetwork.initial(torch.Generator().manual_seed(0))
    embeddings = torch.randn(4, 3)
    plain = PLAIN[kind](parameters, TARGET.tensor_sizes, config.activation)
    expected = torch.stack([plain(embedding) for embedding in embeddings])
    weights = hypernetwork.generate(parameters, embeddings)
    assert weights.shape == (4, TARGET.size)
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("kind", "init"), KINDS)
def test_every_parameter_matters(kind: str, init: str) -> None:
    hypernetwork, _ = make(kind, init)
    parameters = hypernetwork.initial(torch.Generator().manual_seed(0))
    for value in parameters.values():
        value.requires_grad_()
    hypernetwork.generate(parameters, torch.randn(4, 3)).square().sum().backward()
    for name, value in parameters.items():
        assert (value.grad != 0).any(), name


def test_base_starts_like_an_ordinary_network() -> None:
    hypernetwork, config = make("full", "base", hidden=[6, 50])
    parameters = hypernetwork.initial(torch.Generator().manual_seed(0))
    ordinary = torch.cat(
        [torch.full((n,), 1 / math.sqrt(3 * TARGET.layers[i // 2][0])) for i, n in enumerate(TARGET.tensor_sizes)]
    )
    assert float((parameters["head.bias"] / ordinary).std()) == pytest.approx(1, rel=0.1)
    # With hidden activations of size one, the head adds ``head_scale`` times an ordinary deviation.
    share = parameters["head.weight"].std(dim=0) * math.sqrt(50) / ordinary
    assert float(share.mean()) == pytest.approx(config.head_scale, rel=0.05)
    none, _ = make("full", "base", head_scale=0.0)
    parameters = none.initial(torch.Generator().manual_seed(0))
    weights = none.generate(parameters, torch.randn(2, 3))
    torch.testing.assert_close(weights[0], weights[1])


def test_xavier_is_per_head_with_zero_biases() -> None:
    big = TargetNetwork(30, [40], 2)
    hypernetwork = make_hypernetwork(HypernetworkConfig(init="xavier", hidden=[20, 60]), big)
    parameters = hypernetwork.initial(torch.Generator().manual_seed(0))
    assert all((value == 0).all() for name, value in parameters.items() if name.endswith("bias"))
    for head in torch.split(parameters["head.weight"], big.tensor_sizes, dim=1):
        expected = math.sqrt(2 / (60 + head.shape[1]))
        assert float(head.std()) == pytest.approx(expected, rel=0.15)
    trunk = parameters["trunk.1.weight"]
    assert float(trunk.std()) == pytest.approx(math.sqrt(2 / 80), rel=0.05)


def test_the_chunked_one_is_small_and_its_last_chunk_is_cut() -> None:
    full, chunked = (make(kind, "xavier")[0].initial(torch.Generator().manual_seed(0)) for kind in PLAIN)
    size = {name: sum(v.numel() for v in p.values()) for name, p in (("full", full), ("chunked", chunked))}
    assert size["chunked"] < size["full"] / 2
    assert TARGET.size % 13 != 0  # or the next line would not test a cut
    assert chunked["chunks"].shape == (math.ceil(TARGET.size / 13), 4)


def test_the_generator_alone_decides() -> None:
    for kind, init in KINDS:
        hypernetwork, _ = make(kind, init)
        one, same, other = (hypernetwork.initial(torch.Generator().manual_seed(s)) for s in (0, 0, 1))
        assert all(torch.equal(one[name], same[name]) for name in one)
        assert not torch.equal(one["head.weight"], other["head.weight"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "huge"}, "kind 'huge' is unknown: use one of"),
        ({"init": "zero"}, "init 'zero' is unknown: use 'base' or 'xavier'"),
        ({"hidden": []}, "at least one hidden layer"),
    ],
)
def test_an_unknown_choice_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_hypernetwork(HypernetworkConfig(**changes), TARGET)


def test_the_recurrent_one_makes_each_chunk_of_those_before() -> None:
    config = HypernetworkConfig(kind="recurrent", embedding=3, hidden=[9, 4], chunk=13, chunk_embedding=2)
    network = make_hypernetwork(config, TARGET)
    parameters = network.initial(torch.Generator().manual_seed(0))
    embeddings = torch.randn(2, 3, generator=torch.Generator().manual_seed(1))
    unit = torch.nn.GRUCell(5, 4)
    with torch.no_grad():
        for name, tensor in (("input", "ih"), ("state", "hh")):
            getattr(unit, f"weight_{tensor}").copy_(parameters[f"unit.{name}"])
            getattr(unit, f"bias_{tensor}").copy_(parameters[f"unit.{name}_bias"])
        for row, made in zip(embeddings, network.generate(parameters, embeddings), strict=True):
            state, chunks = torch.zeros(4), []
            for chunk in parameters["chunks"]:
                state = unit(torch.cat([row, chunk]), state)
                chunks.append(state @ parameters["head.weight"] + parameters["head.bias"])
            torch.testing.assert_close(made, torch.cat(chunks)[: TARGET.size] + parameters["base"])
    moved = {**parameters, "chunks": parameters["chunks"].clone()}
    moved["chunks"][1] += 1
    change = (network.generate(moved, embeddings) - network.generate(parameters, embeddings))[0] != 0
    assert not bool(change[:13].any())
    assert bool(change[13:26].any())
    assert bool(change[26:].any())
