"""Unrolls a body's ensemble for K action sequences at once: the hot loop of missions.

A step is few and small operations, so that their number counts: the first layer reads state, cosines, sines and
commands in one product, and angles are wrapped after the last step. A body whose changes depend on its command alone
is not unrolled at all. Positions, headings and goals are put together at the end, too. Where the compiled kernel is
there (:mod:`crl.planning.compiling`), all steps are one call of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from crl.dynamics.body import Body
from crl.dynamics.task_model import TaskModel
from crl.planning.compiling import compiled
from crl.planning.folding import Folded, affine, affine_of_one, fold


class BodyRollout:
    """A body's model with its normalisers folded in.

    Args:
        body: What is read and predicted.
        model: The ensemble; its mean is unrolled.
        weights: Weights [P]; the model's own by default.
        context: What a model with a context is told of the body, for all steps.
    """

    def __init__(
        self, body: Body, model: TaskModel, weights: Tensor | None = None, context: Tensor | None = None
    ) -> None:
        self._body = body
        used = model.weights if weights is None else weights
        folded = fold(model.model, used, model.normalisers, model.network)
        if context is not None:
            folded = folded.held(body.state_features + body.commands + body.remembered, context)
        self._members, self._act = folded.members, folded.act
        first, self._bias = folded.flat_first()
        sizes = [body.state_features, body.commands, body.remembered]
        of_state, of_command, of_before, of_action = first.split([*sizes, len(first) - sum(sizes)])
        self._angles = torch.tensor(body.angles, dtype=torch.long)
        # Angles themselves are not read, only their cosines and sines; to leave them out would cost a copy per step.
        plain = of_state.new_zeros(len(body.state), first.shape[1])
        levels = len(body.state) - len(body.angles)
        plain[[at for at in range(len(body.state)) if at not in body.angles]] = of_state[:levels]
        self._first = torch.cat([plain, of_state[levels:], of_action, of_command, of_before])
        self._middle = folded.middle
        self._last = folded.last
        self._last_bias = folded.last_bias.sum(dim=0)
        self._compiled = compiled(_by_field(folded, body), body.state_layout(), model.model.config.kernel)
        self.offset: Tensor | None = None
        """Added to the changes of every step, [D], in axes of the present heading: an estimated disturbance."""
        self.reach: Callable[[Tensor], Tensor] | None = None
        """What the body is able to do of actions [K, H, A]; ``None``: all."""
        self.effect: Callable[[Tensor], Tensor] | None = None
        """The nominal commands that actions [K, H, A] amount to; ``None``: they themselves."""
        self.before: Tensor | None = None
        """The change of the step before the first, [D], for a model that reads it; ``None``: nothing changed."""
        self.hold = 1
        """Steps of the model for which every action is held."""

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        """Trajectories [K, H + 1, S] from one observation [S] under actions [K, H, A]; the first is the observation."""
        samples = actions.shape[0]
        if self.reach is not None:
            actions = self.reach(actions)
        if self.effect is not None:
            actions = self.effect(actions)
        if self.hold > 1:
            actions = actions.repeat_interleave(self.hold, dim=1)
        return self._unrolled(observation, actions, samples, actions.shape[1])[:, :: self.hold]

    def _unrolled(self, observation: Tensor, actions: Tensor, samples: int, horizon: int) -> Tensor:
        """Trajectories [K, H + 1, S] of so many samples K and model's steps H."""
        body = self._body
        driven = actions
        if body.commands:
            before = torch.cat([observation[body.command].expand(samples, 1, -1), actions[:, :-1]], dim=1)
            driven = torch.cat([actions, before], dim=-1)
        if self._compiled is not None and not (driven.requires_grad or observation.requires_grad):
            after, moves = self._compiled(observation[body.state], driven, self.offset, self.before)
            return body.assemble(observation, body.wrapped(after[:, 1:]), moves, actions)
        state = observation[body.state].expand(samples, -1)
        if not body.state and not body.remembered:
            rows = torch.addmm(self._bias, driven.reshape(samples * horizon, -1), self._first)
            changes = self._network(rows).view(samples, horizon, -1)
            if self.offset is not None:
                changes = changes + self.offset
            return body.assemble(observation, actions.new_zeros(samples, horizon, 0), changes, actions)
        steps = driven.transpose(0, 1).contiguous()
        found, states = [], []
        change = state.new_zeros(samples, body.changes) if self.before is None else self.before.expand(samples, -1)
        for step in range(horizon):
            reads = [state, steps[step]]
            if body.angles:
                angle = state.index_select(-1, self._angles)
                reads[1:1] = [angle.cos(), angle.sin()]
            if body.remembered:
                reads.append(change)
            change = self._network(torch.addmm(self._bias, torch.cat(reads, dim=-1), self._first))
            if self.offset is not None:
                change = change + self.offset
            state = body.moved(state, change)
            found.append(change)
            states.append(state)
        wrapped = body.wrapped(torch.stack(states, dim=1))
        return body.assemble(observation, wrapped, torch.stack(found, dim=1), actions)

    def _network(self, x: Tensor) -> Tensor:
        """Mean changes [N, D] from the first layer's sums [N, E * hidden]."""
        x = self._act(x)
        if self._members == 1:
            for matrix, bias in self._middle:
                x = self._act(affine_of_one(bias[0, 0], x, matrix[0]))
            return torch.addmm(self._last_bias[0], x, self._last[0])
        x = x.view(x.shape[0], self._members, -1).transpose(0, 1)
        for matrix, bias in self._middle:
            x = self._act(affine(bias, x, matrix))
        return torch.bmm(x, self._last).sum(dim=0) + self._last_bias


def _by_field(folded: Folded, body: Body) -> Folded:
    """The networks with inputs as the kernel gives them: those of one element of the state after the other.

    Then actions, the command before and the changes of the step before, as in the rollout; as a model reads them, the
    command comes first, and the actions last.
    """
    levels = len(body.state) - len(body.angles)
    order: list[int] = []
    for at in range(len(body.state)):
        if at in body.angles:
            angle = levels + body.angles.index(at)
            order += [angle, angle + len(body.angles)]
        else:
            order.append(at - sum(other < at for other in body.angles))
    ends = [body.state_features, body.state_features + body.commands, body.features]
    of_command, of_before = range(*ends[:2]), range(*ends[1:])
    of_action = range(body.features, folded.first.shape[1])
    return replace(folded, first=folded.first[:, [*order, *of_action, *of_command, *of_before]])
