"""HyperCRL: Huang, Xie, Bharadhwaj, Shkurti, ICRA 2021 (arXiv 2009.11997), with von Oswald et al.'s regulariser.

One learning step at task t:

1. w = h(e_t; Theta), task loss L(w);
2. e_t takes its own Adam step from L alone;
3. (``lookahead``) dTheta = the step the optimiser would take from the unclipped task gradient, detached;
4. R = beta / n * sum_j || h(e_j; Theta + dTheta) - w*_j ||^2 over the n other tasks seen, w*_j = h(e_j; Theta*),
   Theta* = Theta when the task began;
5. Theta takes its Adam step from grad(L + R), clipped.

All other embeddings go through h as one batch, and no copy of Theta per task exists. The cost of a step grows linearly
with n, until the Gram form of the sum is cheaper (:mod:`crl.dynamics.output_distance`; a full hypernetwork without
penalties or memories): it costs the same for any n, and makes no weights of other tasks. ``continual.protect = m``
bounds the cost from the start: every step draws m of the n other tasks without replacement and takes beta / m times the
sum over them. Its expectation is R (von Oswald et al. 2020, section 3, suggest it). The targets w*_j are computed from
Theta*, at the task's begin for the full sum and at every step for drawn tasks.
Deviations: the look-ahead is an option (off: no measured gain for 40 % of the step); plans may use an exponential
average of (Theta, e_t), and the average becomes Theta when the task ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.config.declared.components import GENERATORS
from crl.continual.composable import Composable
from crl.continual.optimiser import Adam
from crl.continual.part import Host
from crl.continual.strategy import Loss, Storage
from crl.dynamics.hypernetwork import make_hypernetwork
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class HyperCRL(Composable):
    """Task-conditional hypernetwork with output regularisation; see the module's text.

    Attributes:
        protected: The earlier tasks that R sums over in the present step, in the order of its rows.
    """

    HOST = Host.HYPERNETWORK
    STARTS_LIKE = True
    SETTINGS: ClassVar[tuple[str, ...] | None] = GENERATORS["hypercrl"]
    kept_once: tuple[str, ...] = ("parameters", "anchor")

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(config, network, generator, device)
        self.hypernetwork = make_hypernetwork(config.dynamics.hypernetwork, network)
        self.parameters = {
            name: value.to(self.device).requires_grad_() for name, value in self.hypernetwork.initial(generator).items()
        }
        self.embeddings: dict[int, Tensor] = {}
        self._generated: Tensor | None = None
        self._start_task()

    # ------------------------------------------------------------------ the life of a task
    def begin_task(self, task: int) -> None:
        """Draw e_t ~ N(0, 1) for a new task (a known one keeps its own) and remember the others' outputs."""
        if task not in self.embeddings:
            size = self.config.dynamics.hypernetwork.embedding
            self.embeddings[task] = torch.randn(size, generator=self.generator).to(self.device)
        for index, embedding in self.embeddings.items():
            embedding.requires_grad_(index == task)
        self.task = task
        self._start_task()
        self._begin_parts(task)

    def start_like(self, task: int, other: int) -> None:
        """Start from the other task's embedding, and so from the weights that Theta makes of it."""
        with torch.no_grad():
            self.embeddings[task].copy_(self.embeddings[other])
        self._average.clear()

    def _start_task(self) -> None:
        config = self.config.learning
        self.optimiser = Adam(self.parameters, config.lr, config.clip)
        own = {"embedding": self.embeddings[self.task]} if self.task in self.embeddings else {}
        self._embedding_optimiser = Adam(own, config.lr_embedding, config.clip) if own else None
        self._average.clear()
        self._remember()

    def _remember(self) -> None:
        """Compute the protected outputs w*_j of all other tasks from the present Theta."""
        others = self.others()
        self._others = torch.stack([self.embeddings[index].detach() for index in others]) if others else None
        self._anchor = {name: value.detach().clone() for name, value in self.parameters.items()} if others else {}
        self._protect()

    def others(self) -> list[int]:
        """The tasks that are protected: all that have begun but the current one, in the order of the rows of R."""
        return [index for index in self.embeddings if index != self.task]

    def _protect(self) -> None:
        """Protect all other tasks, until :meth:`_draw` draws some."""
        self.protected = self.others()
        self._targets, self._distance = None, None
        if self._draws():
            return  # targets are n rows of P weights: they are computed for the drawn tasks alone
        if self._others is not None and self._plain_sum():
            self._distance = self.hypernetwork.distance_from(self._anchor, self._others)
        if self._distance is not None:
            return
        if self._others is not None:
            with torch.no_grad():
                self._targets = self.hypernetwork.generate(self._anchor, self._others)

    def _plain_sum(self) -> bool:
        """Whether R is the plain sum of squares: penalties weigh single weights, memories replay on generated ones."""
        own = type(self)
        derived = own.importance is not HyperCRL.importance or own.retention is not HyperCRL.retention
        return not (self.penalties or self.memories or derived)

    def _draws(self) -> bool:
        """Whether a step protects some of the other tasks only."""
        return 0 < self.config.continual.protect < len(self.others())

    def _draw(self) -> Tensor | None:
        """Embeddings [m, N] of the tasks that this step protects; ``None`` if there are none."""
        if self._others is None or self.config.continual.beta == 0:
            return None
        if not self._draws():
            return self._others
        others = self.others()
        index = torch.randperm(len(others), generator=self.generator)[: self.config.continual.protect]
        self.protected = [others[int(at)] for at in index]
        rows = self._others[index.to(self._others.device)]
        with torch.no_grad():
            self._targets = self.hypernetwork.generate(self._anchor, rows)
        return rows

    def end_task(self, rows: Windows) -> None:
        """Make the averaged parameters the parameters, and show the rows to the parts."""
        averaged = self._average.of(self._averaged())
        with torch.no_grad():
            for name, value in self._averaged().items():
                value.copy_(averaged[name])
        self._average.clear()
        self._end_parts(rows)

    # ------------------------------------------------------------------ one learning step
    def step(self, loss: Loss) -> dict[str, Tensor]:
        """One gradient step; see the module's text."""
        assert self._embedding_optimiser is not None, "begin_task comes before step"
        self.optimiser.zero()
        self._embedding_optimiser.zero()
        others = self._draw()
        own = self.embeddings[self.task].unsqueeze(0)
        together = others is not None and self._distance is None and not self.config.continual.lookahead
        # Both losses in one pass: R does not depend on e_t, whose gradient therefore is the task's alone.
        rows = torch.cat([own, others]) if together and others is not None else own
        weights = self.hypernetwork.generate(self.parameters, rows)
        generated = weights[0]
        self.watch(generated)
        with self._watching():
            task_loss = loss(generated)
        report = {"task": task_loss.detach()}
        total = task_loss
        if together:
            retain = self.retention(weights[1:])
            report["retain"] = retain.detach()
            total = total + retain
        elif others is not None and self._distance is not None and not self.config.continual.lookahead:
            retain = self._summed(self.parameters)
            report["retain"] = retain.detach()
            total = total + retain
        total.backward()
        if others is not None and self.config.continual.lookahead:
            report["retain"] = self._look_ahead(others)
        self.watched(generated)
        self._before_step()
        self._transform()
        self._embedding_optimiser.step()
        self._move()
        self._average.update(self._averaged())
        return report

    def watch(self, weights: Tensor) -> None:
        """See the generated weights [P] of the current task before they are judged."""
        for part in self.penalties:
            part.watch(weights)

    def watched(self, weights: Tensor) -> None:
        """See them again when the gradients are known."""
        for part in self.penalties:
            part.watched(weights)

    def _look_ahead(self, others: Tensor) -> Tensor:
        """Add grad R, taken where the task step would lead, to the gradients of Theta; returns R."""
        changes = self.optimiser.lookahead()
        ahead = {name: value + changes[name] for name, value in self.parameters.items()}
        if self._distance is not None:
            retain = self._summed(ahead)
        else:
            retain = self.retention(self.hypernetwork.generate(ahead, others))
        retain.backward()
        return retain.detach()

    def _summed(self, parameters: Mapping[str, Tensor]) -> Tensor:
        """R without the weights that it compares."""
        assert self._distance is not None
        return self.config.continual.beta / len(self.protected) * self._distance(parameters)

    def retention(self, weights: Tensor) -> Tensor:
        """R, and what the memories replay, for the generated weights [n, P] of the tasks in :attr:`protected`."""
        assert self._targets is not None
        total = self.config.continual.beta / len(weights) * self.importance(weights - self._targets)
        self._generated = weights
        for part in self.memories:
            loss = part.replay()
            total = total if loss is None else total + loss
        self._generated = None
        return total

    def importance(self, difference: Tensor) -> Tensor:
        """Squared distance of generated weights [n, P] from the protected ones, weighted where a part says so."""
        for part in self.penalties:
            weighting = part.weighting(self.protected)
            if weighting is not None:
                return (weighting * difference.square()).sum()
        return difference.square().sum()

    def shared(self) -> dict[str, Tensor]:
        """Theta."""
        return self.parameters

    def differentiable(self, task: int) -> Tensor:
        """What is generated in this step for one of the tasks in :attr:`protected`, [P]."""
        assert self._generated is not None, "earlier tasks are replayed in the course of a step"
        return self._generated[self.protected.index(task)]

    def replayable(self) -> list[int]:
        """The tasks that this step protects."""
        return self.protected

    # ------------------------------------------------------------------ what others ask for
    def weights(self, task: int) -> Tensor:
        """Target weights [P] of a task that has begun."""
        averaged = self._average.of(self._averaged())
        embedding = averaged["embedding"] if task == self.task else self.embeddings[task]
        with torch.no_grad():
            return self.hypernetwork.generate(averaged, embedding.unsqueeze(0))[0]

    def _rate(self, factor: float) -> None:
        self.optimiser.factor = factor
        if self._embedding_optimiser is not None:
            self._embedding_optimiser.factor = factor

    def storage(self) -> Storage:
        """One embedding per task, and what the parts keep; targets are recomputed from one snapshot of Theta."""
        return self._with_parts(4 * self.config.dynamics.hypernetwork.embedding)

    def _averaged(self) -> dict[str, Tensor]:
        return {**self.parameters, "embedding": self.embeddings[self.task]}

    def state_dict(self) -> dict[str, Any]:
        """Theta, embeddings, snapshot Theta*, optimisers, average and parts."""
        own = self._embedding_optimiser
        return {
            "task": self.task,
            "parameters": {name: value.detach().clone() for name, value in self.parameters.items()},
            "embeddings": {index: value.detach().clone() for index, value in self.embeddings.items()},
            "anchor": {name: value.clone() for name, value in self._anchor.items()},
            "optimiser": self.optimiser.state_dict(),
            "embedding_optimiser": {} if own is None else own.state_dict(),
            "average": self._average.state_dict(),
            "generator": self.generator.get_state(),
            **self._state_of_parts(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.generator.set_state(state["generator"])
        saved = restoring.same(state["parameters"], "parameters", self.parameters)
        with torch.no_grad():
            for name, value in self.parameters.items():
                value.copy_(saved[name])
        like = torch.empty(self.config.dynamics.hypernetwork.embedding, device=self.device)
        self.embeddings = restoring.tensors(state["embeddings"], "embeddings", like)
        self.task = int(state["task"])
        if self.task in self.embeddings:
            self.embeddings[self.task].requires_grad_()
        self._start_task()
        self._anchor = restoring.some(state["anchor"], "anchor", self.parameters)
        self._protect()
        with restoring.part("optimiser"):
            self.optimiser.load_state_dict(state["optimiser"])
        if self._embedding_optimiser is not None:
            with restoring.part("embedding_optimiser"):
                self._embedding_optimiser.load_state_dict(state["embedding_optimiser"])
        with restoring.part("average"):
            moving = self._averaged() if self.task in self.embeddings else self.parameters
            self._average.load_state_dict(state["average"], moving)
        self._load_parts(state)
