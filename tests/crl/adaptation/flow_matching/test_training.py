"""Flow matching: the regression target gives the right map, learns to undo signs, and resumes to the bit."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from crl.adaptation.flow_matching.action_flow import ActionFlow, fit_flow
from crl.adaptation.flow_matching.integration import transport
from crl.adaptation.flow_matching.training import FlowTrainer, Pairs, flow_matching_loss, simulate_pairs
from crl.adaptation.flow_matching.velocity_field import VelocityField
from crl.config.sections.flow import FlowConfig
from crl.seeding import torch_generator
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle

SMALL = {"field_hidden": [64, 64], "field_regimes": 512, "field_updates": 1200, "field_batch": 256, "field_lr": 5e-3}


def one_channel(config: FlowConfig, conditioned: bool = True) -> tuple[FlowTrainer, Tensor]:
    """A trainer for a body of one channel whose gain g is its context; a* = clip(a / g)."""
    generator = torch.Generator().manual_seed(0)
    sign = torch.where(torch.rand(512, 1, generator=generator) < 0.5, -1.0, 1.0)
    gain = sign * (0.5 + 1.5 * torch.rand(512, 1, generator=generator))
    action = 2 * torch.rand(512, 16, 1, generator=generator) - 1
    target = (action / gain.unsqueeze(1)).clamp(-1, 1)
    pairs = Pairs(action, target, action, gain)
    field = VelocityField(1, 1, config.field.hidden, torch.Generator().manual_seed(0))
    return FlowTrainer(config.field, field, pairs, seed=0), gain


@pytest.mark.parametrize("gain", [-2.0, -1.0, -0.6, 0.6, 1.0, 1.7])
def test_the_flow_of_a_linear_body_is_the_quotient_projected(gain: float, trained: FlowTrainer) -> None:
    action = torch.linspace(-1, 1, 41).unsqueeze(1)
    velocity = trained.field.conditioned(action, action, torch.full((41, 1), gain))
    end = transport(velocity, action)
    error = (end - (action / gain).clamp(-1, 1)).abs()
    assert float(error.mean()) < 0.1
    # The paths are straight, so that the grid hardly matters.
    assert float((end - transport(velocity, action, solver="dopri5")).abs().max()) < 0.03


@pytest.fixture(scope="module")
def trained() -> FlowTrainer:
    trainer, _ = one_channel(flow_config(**SMALL))
    trainer.fit()
    return trainer


def test_without_the_action_in_its_condition_no_flow_undoes_a_sign() -> None:
    """With start and action independent, the best field of x alone at t = 1/2, where all paths cross, is zero."""
    action = 2 * torch.rand(4096, 1, generator=torch.Generator().manual_seed(0)) - 1
    middle = torch.lerp(action, -action, 0.5)
    assert float(middle.abs().max()) == 0  # one point, velocities -2 a of mean zero: the regression is blind
    velocities = -2 * action
    blind = float((velocities - velocities.mean()).square().mean())
    assert blind == pytest.approx(float(velocities.square().mean()), rel=1e-3)


def test_the_loss_is_the_regression_of_the_difference() -> None:
    """A field that says a* - a has no loss; a constant offset costs its square."""
    start, target = torch.randn(8, 2), torch.randn(8, 2)

    class Exact(VelocityField):
        offset = 0.0

        def velocity(
            self, weights: Tensor, time: Tensor, point: Tensor, action: Tensor, guess: Tensor, features: Tensor
        ) -> Tensor:
            assert bool(((time >= 0) & (time < 1)).all())
            torch.testing.assert_close(point, torch.lerp(start, target, time))
            return target - start + self.offset

    field = Exact(2, 1, [4], torch.Generator().manual_seed(0))
    condition, generator = torch.zeros(8, 1), torch.Generator().manual_seed(0)
    assert float(flow_matching_loss(field, start, target, start, condition, 0.0, generator)) < 1e-12
    field.offset = 0.5
    assert float(flow_matching_loss(field, start, target, start, condition, 0.0, generator)) == pytest.approx(0.25)


def test_the_folded_field_is_the_trained_one() -> None:
    field = VelocityField(2, 3, [16, 16], torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    features = torch.randn(5, 3, generator=generator) * 4 + 1
    field.normalise(features)
    action, point = torch.randn(5, 2, generator=generator), torch.randn(5, 2, generator=generator)
    time = torch.tensor(0.3)
    plain = field.velocity(field.weights, time.expand(5, 1), point, action, action - 0.3, features)
    torch.testing.assert_close(field.conditioned(action, action - 0.3, features)(time, point), plain)


def test_training_resumes_to_the_bit_and_repeats() -> None:
    config = flow_config(**{**SMALL, "field_updates": 30})
    whole, _ = one_channel(config)
    whole.fit()
    first, _ = one_channel(config)
    first.fit(13)
    state = first.state_dict()
    first.fit()
    second, _ = one_channel(config)
    second.load_state_dict(state)
    second.fit()
    assert torch.equal(whole.field.weights, first.field.weights)
    assert torch.equal(whole.field.weights, second.field.weights)
    assert second.done == 30


def test_contexts_do_not_know_the_actions_they_refine() -> None:
    """Windows and pairs are drawn apart: other pairs leave the contexts as they are."""
    config = flow_config(field_regimes=64, field_actions=4)
    ours = bodies.structured(config)
    pairs = simulate_pairs(bodies.simulator(config), ours, bodies.calibration(), config, seed=3)
    again = simulate_pairs(bodies.simulator(config), ours, bodies.calibration(), config, seed=3)
    assert torch.equal(pairs.start, again.start)
    assert torch.equal(pairs.target, again.target)
    assert torch.equal(pairs.features, again.features)
    spread = (pairs.start - pairs.start.mean(dim=1, keepdim=True)).std()
    assert float(spread) > 0.3  # the actions of one regime cover the box
    correlation = torch.corrcoef(torch.cat([pairs.start[:, 0], pairs.features], dim=1).T)[:2, 2:]
    assert float(correlation.abs().max()) < 0.5


@pytest.mark.slow
def test_the_unicycles_flow_reaches_the_quotient_for_the_published_gains(unicycle_flow: ActionFlow) -> None:
    ident = unicycle_flow.identifier
    action = bodies.BOX.sample(200, torch.Generator().manual_seed(0))
    for gains in unicycle.GAINS:
        context = bodies.structured(unicycle_flow.config).context_of(torch.diag(torch.tensor(gains)))
        refined = bodies.BOX.clip(unicycle_flow.refine(action, context.expand(200, -1)))
        wanted = bodies.BOX.clip(action / torch.tensor(gains))
        assert float(((refined - wanted) / bodies.BOX.half).abs().mean()) < 0.08, gains
    assert ident.size == 2


def test_a_fit_is_a_function_of_its_seed() -> None:
    config = flow_config(
        field_hidden=[8], field_regimes=32, field_actions=2, field_updates=5, encoder_updates=3, encoder_hidden=[8, 8]
    )
    for kind in ("structured", "learned"):
        flows = [
            fit_flow(
                config, unicycle.ACTION, bodies.simulator(config), bodies.calibration(), identifier=kind, seed=seed
            )
            for seed in (1, 1, 2)
        ]
        assert torch.equal(flows[0].field.weights, flows[1].field.weights)
        assert not torch.equal(flows[0].field.weights, flows[2].field.weights)


class Slow:
    """A body that follows its commands so late that one step shows next to nothing of them."""

    box = bodies.BOX
    scale = torch.ones(2)
    lags: list[int] = []  # noqa: RUF012

    def observations(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.zeros(count, 2)

    def regimes(self, count: int, generator: torch.Generator) -> Tensor:
        """Gains, one of which is often 1."""
        gains = torch.exp(torch.randn(count, 2, generator=generator))
        gains = torch.where(torch.rand(count, 2, generator=generator) < 0.5, -gains, gains)
        return torch.where(torch.rand(count, 2, generator=generator) < 0.4, torch.ones(1), gains)

    def nominal(self, observation: Tensor, action: Tensor) -> Tensor:
        return 1e-6 * action

    def changed(self, observation: Tensor, action: Tensor, regime: Tensor) -> Tensor:
        return 1e-6 * self.effective(action, regime)

    def effective(self, action: Tensor, regime: Tensor) -> Tensor:
        return action * regime


def test_a_command_that_one_step_hardly_shows_is_undone_all_the_same() -> None:
    """The nearest transition alone would be any action, and a context from such a window a guess."""
    config = flow_config(**SMALL, identification_structure="gains")
    identifier = bodies.structured(config)
    pairs = simulate_pairs(Slow(), identifier, bodies.calibration(), config, 0)
    box = bodies.BOX
    action, target = box.from_flow(pairs.start), box.from_flow(pairs.target)
    regime = Slow().regimes(config.field.regimes, torch_generator(0, "flow-pairs")).unsqueeze(1)
    wanted = box.clip(action / regime)
    torch.testing.assert_close(target, wanted, atol=0.02, rtol=0)


def test_a_nominal_context_leaves_actions_as_they_are() -> None:
    config = flow_config(**SMALL, identification_structure="gains")
    identifier = bodies.structured(config)
    pairs = simulate_pairs(Slow(), identifier, bodies.calibration(), config, 0)
    flow = ActionFlow(config, unicycle.ACTION, identifier, bodies.calibration(), 0)
    FlowTrainer(config.field, flow.field, pairs, 0).fit()
    flow.field.weights = flow.field.weights.detach()
    action = bodies.BOX.sample(200, torch.Generator().manual_seed(1))
    refined = bodies.BOX.clip(flow.refine(action, torch.zeros(200, 2)))
    assert float(((refined - action) / bodies.BOX.half).abs().mean()) < 0.05


def test_a_regression_learns_the_quotient_in_one_step() -> None:
    trainer, gains = one_channel(flow_config(**SMALL, field_objective="regression"))
    trainer.fit()
    for gain in (-2.0, -1.0, 0.6, 1.7):
        action = torch.linspace(-1, 1, 41).unsqueeze(1)
        velocity = trainer.field.conditioned(action, action, torch.full((41, 1), gain))
        end = action + velocity(torch.zeros(()), action)
        assert float((end - (action / gain).clamp(-1, 1)).abs().mean()) < 0.1
    assert gains.shape == (512, 1)


def test_where_two_answers_are_right_a_regression_learns_their_mean() -> None:
    """Half the pairs say +0.8 and half -0.8: by squared error the best single answer is 0, which nobody said."""
    generator = torch.Generator().manual_seed(1)
    start = 0.1 * torch.randn(512, 16, 1, generator=generator)
    target = torch.where(torch.rand(512, 16, 1, generator=generator) < 0.5, -0.8, 0.8)
    pairs = Pairs(start, target, start, torch.zeros(512, 1))
    config = flow_config(**{**SMALL, "field_updates": 400}, field_objective="regression")
    trainer = FlowTrainer(
        config.field, VelocityField(1, 1, config.field.hidden, torch.Generator().manual_seed(0)), pairs, seed=0
    )
    trainer.fit()
    action = torch.linspace(-0.1, 0.1, 11).unsqueeze(1)
    end = action + trainer.field.conditioned(action, action, torch.zeros(11, 1))(torch.zeros(()), action)
    assert float(end.abs().max()) < 0.3


@pytest.mark.parametrize("objective", ["matching", "regression"])
def test_without_its_guess_a_flow_still_learns_what_its_network_can(objective: str) -> None:
    config = flow_config(**SMALL, field_guess=False, field_objective=objective)
    simulator = bodies.simulator(config)
    flow = fit_flow(config, unicycle.ACTION, simulator, bodies.calibration())
    generator = torch.Generator().manual_seed(3)
    context = flow.identifier.describes(simulator.regimes(200, generator))
    assert context is not None
    action = 0.5 * flow.box.sample(200, generator)
    wanted = flow.box.clip(flow.identifier.inverse_command(action, context))
    error = (flow.box.clip(flow.refine(action, context)) - wanted).abs().mean()
    assert float(error) < 0.5 * float((action - wanted).abs().mean())
    untrained = fit_flow(config, unicycle.ACTION, simulator, bodies.calibration(), train=False)
    assert torch.allclose(untrained.refine(action, context), action, atol=1e-6)  # it begins at the plan
