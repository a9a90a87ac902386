"""The planners whose decisions can be exported, step by step as they are in :mod:`crl.planning`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from crl.exporting.policy.step import Carried, PolicyStep, refit
from crl.planning.colour import coloured, colouring
from crl.planning.mppi import LEAST_SPREAD, REACH, RESOLUTION, ar1


class ICEMStep(PolicyStep):
    """A decision of iCEM (:mod:`crl.planning.icem`)."""

    CARRIED: tuple[str, ...] = ("mean", "kept", "kept_valid")
    colouring: Tensor

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type]
        self.register_buffer("colouring", colouring(self.config.beta, self.config.horizon))
        self._keep = min(self.config.keep, self.config.elites)
        if not self._keep:
            self.CARRIED = ("mean",)

    def shapes(self) -> list[tuple[int, ...]]:
        """See the base."""
        config, size = self.config, self.planner.size
        counts = [max(round(config.samples * config.decay**-i), 2 * config.elites) for i in range(config.rounds)]
        shapes: list[tuple[int, ...]] = [(count, size, self.colouring.shape[1]) for count in counts]
        return [*shapes, (self._keep, 1, size)] if self._keep else shapes

    def start(self) -> Carried:
        """The middle of the range, and no elites."""
        kept = torch.zeros(self._keep, self.config.horizon, self.planner.size)
        return (self.middle(), kept, torch.zeros(self._keep)) if self._keep else (self.middle(),)

    def carried(self) -> Carried:
        """The last plan and its elites."""
        state, start = self.planner.state_dict(), self.start()
        mean = start[0] if state["mean"] is None else state["mean"]
        if not self._keep:
            return (mean,)
        kept, valid = start[1].clone(), start[2].clone()
        if state["kept"] is not None:
            kept[: len(state["kept"])], valid[: len(state["kept"])] = state["kept"], 1.0
        return mean, kept, valid

    def decide(self, observation: Tensor, drawn: Sequence[Tensor], carried: Carried) -> tuple[Tensor, Tensor, Carried]:
        """See the base."""
        config, planner = self.config, self.planner
        mean, *elites_before = carried
        kept, valid = elites_before or (mean.new_zeros(0, *mean.shape), mean.new_zeros(0))
        std = (config.std * planner.half).expand(config.horizon, -1)
        best, value = mean[0], torch.tensor(-torch.inf)
        for index in range(config.rounds):
            noise = coloured(drawn[index], self.colouring, config.scales)
            pool, counts = [mean + std * noise], [torch.ones(len(noise))]
            if self._keep:
                pool.append(kept)
                counts.append(valid)
            if index == config.rounds - 1:
                pool.append(mean.unsqueeze(0))
                counts.append(torch.ones(1))
            actions = planner.clip(torch.cat(pool))
            found = torch.where(torch.cat(counts) > 0, self.returns(observation, actions), -torch.inf)
            values, order = torch.topk(found, config.elites)
            elites = actions[order]
            best = torch.where(values[0] > value, elites[0, 0], best)
            value = torch.maximum(value, values[0])
            mean, std = refit(elites, values, mean, std, config.momentum)
            some = torch.isfinite(values[0])
            kept = torch.where(some, elites[: self._keep], kept)
            valid = torch.where(some, torch.isfinite(values[: self._keep]).float(), valid)
        after = torch.cat([mean[1:], mean[-1:]])
        if not self._keep:
            return best, value > -torch.inf, (after,)
        tail = mean[-1] + config.std * planner.half * drawn[-1]
        return best, value > -torch.inf, (after, planner.clip(torch.cat([kept[:, 1:], tail], dim=1)), valid)


class CEMStep(PolicyStep):
    """A decision of plain CEM (:mod:`crl.planning.cem`)."""

    def shapes(self) -> list[tuple[int, ...]]:
        """See the base."""
        return [(self.config.samples, self.config.horizon, self.planner.size)] * (self.config.rounds + 1)

    def decide(self, observation: Tensor, drawn: Sequence[Tensor], carried: Carried) -> tuple[Tensor, Tensor, Carried]:
        """See the base."""
        config, planner = self.config, self.planner
        mean, std = self.middle(), (config.std * planner.half).expand(config.horizon, -1)
        for noise in drawn[:-1]:
            actions = planner.clip(mean + std * noise)
            values, order = torch.topk(self.returns(observation, actions), min(config.elites, config.samples))
            mean, std = refit(actions[order], values, mean, std, config.momentum)
        return *_best(planner.clip(mean + std * drawn[-1]), self, observation), ()


class RandomShootingStep(PolicyStep):
    """A decision of random shooting (:mod:`crl.planning.random_shooting`)."""

    NOISE = "uniform in [0, 1)"

    def shapes(self) -> list[tuple[int, ...]]:
        """See the base."""
        return [(self.config.samples, self.config.horizon, self.planner.size)]

    def draw(self, generator: torch.Generator) -> Tensor:
        """See the base."""
        return torch.rand(*self.shapes()[0], generator=generator).reshape(-1)

    def decide(self, observation: Tensor, drawn: Sequence[Tensor], carried: Carried) -> tuple[Tensor, Tensor, Carried]:
        """See the base."""
        planner = self.planner
        actions = planner.clip(planner.low + (planner.high - planner.low) * drawn[0])
        return *_best(actions, self, observation), ()


class MPPIStep(PolicyStep):
    """A decision of MPPI (:mod:`crl.planning.mppi`)."""

    CARRIED = ("mean",)
    smoothing: Tensor

    def __init__(self, *args: object, **named: object) -> None:
        super().__init__(*args, **named)  # type: ignore[arg-type]
        self.register_buffer("smoothing", ar1(self.config.smoothing, self.config.horizon))

    def shapes(self) -> list[tuple[int, ...]]:
        """See the base."""
        return [(self.config.samples, self.config.horizon, self.planner.size)] * self.config.rounds

    def start(self) -> Carried:
        """The middle of the range."""
        return (self.middle(),)

    def carried(self) -> Carried:
        """The last plan."""
        mean = self.planner.state_dict()["mean"]
        return self.start() if mean is None else (mean,)

    def decide(self, observation: Tensor, drawn: Sequence[Tensor], carried: Carried) -> tuple[Tensor, Tensor, Carried]:
        """See the base."""
        config, planner = self.config, self.planner
        mean, found = planner.inside(carried[0]), torch.tensor(False)
        for white in drawn:
            noise = torch.einsum("hm,kma->kha", self.smoothing, white)
            actions = planner.clip(torch.cat([mean.unsqueeze(0), mean + config.std * planner.half * noise]))
            values = self.returns(observation, actions).double()
            some = torch.isfinite(values).any()
            # Those that are not finite have an infinite loss, and so no weight.
            losses = (values.max() - values) / (config.temperature * _spread(values))
            weights = torch.softmax(-torch.where(some, losses, 0.0), dim=0).to(actions.dtype)
            mean = torch.where(some, (weights.view(-1, 1, 1) * actions).sum(dim=0), mean)
            found = found | some
        after = torch.lerp(mean, torch.cat([mean[1:], mean[-1:]]), config.shift)
        return planner.clip(mean)[0], found, (after,)


def _best(actions: Tensor, step: PolicyStep, observation: Tensor) -> tuple[Tensor, Tensor]:
    """The first action of the best of sequences [K, H, A], and whether its return is finite."""
    values = step.returns(observation, actions)
    value, best = values.max(dim=0)
    return actions[best, 0], value > -torch.inf


def _spread(values: Tensor) -> Tensor:
    """:func:`crl.planning.mppi.spread_of` of the finite ones among returns [N], float64; the others are -inf."""
    ordered = torch.sort(values, descending=True).values
    count = torch.isfinite(values).sum()
    losses = ordered[0] - ordered
    limit = torch.tensor(torch.inf, dtype=torch.float64)
    for share, reach in REACH:
        at = (share * (count - 1).clamp_min(0).double()).long()
        loss = losses[at]
        limit = torch.where(loss > RESOLUTION * ordered[0].abs(), torch.minimum(limit, reach * loss), limit)
    counted = (losses <= limit) & torch.isfinite(losses)
    number = counted.sum().clamp_min(1)
    mean = torch.where(counted, losses, 0.0).sum() / number
    variance = torch.where(counted, (losses - mean) ** 2, 0.0).sum() / number
    return variance.sqrt().clamp_min(LEAST_SPREAD)


STEPS: Mapping[str, type[PolicyStep]] = {
    "icem": ICEMStep,
    "cem": CEMStep,
    "mppi": MPPIStep,
    "random_shooting": RandomShootingStep,
}
"""By ``planner.name``."""
