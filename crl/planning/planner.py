"""What all planners are: sample action sequences, score them on the model, keep the best.

A planner is a function of (model, observation, its own warm start, a generator): no global randomness.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.errors import CrlError
from crl.planning.deadline import Deadline
from crl.plugins import load_maker
from crl.types import ActionSpec, Reward, Success, Terminated

Model = Callable[[Tensor, Tensor], Tensor]
"""Maps an observation [S] and actions [K, H, A] to trajectories [K, H + 1, S].

With a planner's ``pessimism`` above 0 it gives those of every member of an ensemble, [E, K, H + 1, S].
"""

Worth = Callable[[Tensor], Tensor]
"""Maps observations [..., S] to what is expected to be earned from there on, [...]."""

GROUP = "crl.planners"


class PlanningFailed(CrlError):
    """No sampled sequence had a finite return; the agent takes the safe action."""


@dataclass
class Plan:
    """The chosen action sequence [H, A], a predicted return and the number of sequences tried.

    The return is that of the sequence itself; a planner that averages sequences (MPPI) gives the best one's.

    Attributes:
        actions: The sequence, [H, A].
        value: A predicted return.
        samples: Sequences that were scored.
        rounds: Rounds in which any were.
        complete: Whether all was done that the settings ask for; if not, the deadline was too short for it.
    """

    actions: Tensor
    value: float
    samples: int
    rounds: int = 1
    complete: bool = True


class Planner(ABC):
    """Base of the sampling planners.

    Args:
        config: Samples, horizon, rounds and the planner's own settings.
        action: Range of the actions; every sample is clipped to it, and the model sees the clipped one.
        device: Where tensors live.

    Attributes:
        SETTINGS: Settings that it reads, as dotted keys; ``None``: it does not say, and is taken to read all of
            ``planner``.
        terminated: Which observations end an imagined episode, and
        success: which of these are successes; see :meth:`until`.
        worth: What is earned after the last state; see :meth:`beyond`.
    """

    SETTINGS: ClassVar[tuple[str, ...] | None] = None

    def __init__(self, config: PlannerConfig, action: ActionSpec, device: torch.device | str = "cpu") -> None:
        self.config = config
        self.device = torch.device(device)
        self.terminated: Terminated | None = None
        self.success: Success | None = None
        self.worth: Worth | None = None
        self.clock: Callable[[], float] = time.monotonic
        """Tells the time (s) for deadlines."""
        self.pessimism = config.pessimism
        """Above 0, ``plan`` wants a model of every member; whoever plans may set it to 0 for a while."""
        self.limit(action)
        self.size = action.size

    @abstractmethod
    def plan(
        self,
        model: Model,
        reward: Reward,
        observation: Tensor,
        generator: torch.Generator,
        *,
        deadline: float | None = None,
    ) -> Plan:
        """Plan from an observation [S].

        Args:
            model: The model.
            reward: The task's reward.
            observation: Where to begin, [S].
            generator: Source of the samples.
            deadline: Seconds after which the best plan so far is given; 0: as long as it takes, ``None``:
                ``planner.deadline``. A planner of your own may do without it.

        Raises:
            PlanningFailed: Every sampled sequence had a non-finite return.
        """

    def within(self, deadline: float | None) -> Deadline:
        """The time of a plan that begins now; see :meth:`plan`."""
        return Deadline(self.config.deadline if deadline is None else deadline, self.clock)

    def reset(self) -> None:
        """Forget the warm start; called when an episode begins."""

    def state_dict(self) -> dict[str, Any]:
        """The warm start, as plain data; nothing for a planner without one."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        del state

    def limit(self, action: ActionSpec) -> None:
        """Sample in another range from now on: what a body can still attain, for instance."""
        self.low = torch.tensor(action.low, device=self.device)
        self.high = torch.tensor(action.high, device=self.device)
        self.middle = (self.low + self.high) / 2
        self.choice = action.choice
        # Of a choice, a sample has to overtake the one that was chosen before: twice the spread of a range.
        self.half = (self.high - self.low) / (1 if action.choice else 2)

    def inside(self, actions: Tensor) -> Tensor:
        """Actions [..., A] inside their range."""
        return torch.clamp(actions, self.low, self.high)

    def clip(self, actions: Tensor) -> Tensor:
        """Actions [..., A] as they are executed: inside their range, or the choice of their largest element."""
        if not self.choice:
            return self.inside(actions)
        chosen = torch.nn.functional.one_hot(actions.argmax(dim=-1), actions.shape[-1]).bool()
        return torch.where(chosen, self.high, self.low)

    def normal(self, generator: torch.Generator, *shape: int) -> Tensor:
        """Standard normal numbers; drawn on the CPU, so that a seed means the same on every device."""
        return torch.randn(*shape, generator=generator).to(self.device)

    def until(self, terminated: Terminated | None, success: Success | None = None) -> None:
        """Let imagined episodes end where the task's do; see :meth:`returns`.

        Args:
            terminated: [..., S] -> bool [...], which observations end an episode; ``None``: none.
            success: [..., S] -> bool [...], which of these are successes; ``None``: none.
        """
        self.terminated, self.success = terminated, success

    def beyond(self, worth: Worth | None) -> None:
        """Add what the last state of a sequence is worth to its return, unless the episode ended before.

        Args:
            worth: [..., S] -> [...]; ``None``: nothing is added.
        """
        self.worth = worth

    def scored(
        self,
        model: Model,
        reward: Reward,
        observation: Tensor,
        actions: Tensor,
        within: Deadline,
        *,
        urgent: int = 0,
    ) -> Tensor:
        """The :meth:`returns` [K] of action sequences [K, H, A], as far as there is time; the others count as -inf.

        With a deadline, sequences are scored in several batches, each of which is a call of :meth:`returns`.

        Args:
            model: The model.
            reward: The task's reward.
            observation: Where the sequences begin, [S].
            actions: The sequences.
            within: The time that is left.
            urgent: How many of the last sequences are scored before the others, if time is limited.
        """
        if not within.limited:
            within.scored += len(actions)
            return self.returns(model, reward, observation, actions)
        found = actions.new_full((len(actions),), -torch.inf)
        order = torch.arange(len(actions), device=actions.device).roll(urgent)
        while len(order) and (count := within.affordable(len(order))):
            now, order = order[:count], order[count:]

            def score(now: Tensor = now) -> None:
                found[now] = self.returns(model, reward, observation, actions[now])

            within.score(count, score)
        within.complete = within.complete and not len(order)
        return found

    def returns(self, model: Model, reward: Reward, observation: Tensor, actions: Tensor) -> Tensor:
        """Predicted returns [K] of action sequences [K, H, A]; a non-finite return or trajectory counts as -inf.

        Where the task says which observations end an episode (:meth:`until`), rewards count up to the step that ends
        it, and that step's too. Each step after it counts 0 if the episode ended in success. After any other end it
        counts as the worst reward of all sequences in this call, or 0 if none is negative. So what rewards staying
        alive is lost with the end, as in the environment; and a task of costs, where nothing would be less than going
        on, can't be cut short by failing: every way to go on that was sampled is at least as good.

        With ``pessimism`` k above 0: the mean of the members' returns minus k of their standard deviations (of the
        population), the lower confidence bound; a sequence is then worth only what the members agree on.
        """
        trajectory = model(observation, actions)
        rewards = reward(trajectory[..., :-1, :], actions, trajectory[..., 1:, :])
        after = None if self.worth is None else self.worth(trajectory[..., -1, :])
        over = None
        if self.terminated is not None:
            trajectory, rewards, over = self._ended(trajectory, rewards)
        total: Tensor = rewards.sum(dim=-1)
        if after is not None:
            total = total + (after if over is None else torch.where(over, 0.0, after))
        # A reward that compares gives a finite number for a NaN, so the states have their say too.
        finite = torch.isfinite(total) & torch.isfinite(trajectory.sum(dim=(-2, -1)))
        if self.pessimism > 0:
            finite = finite.all(dim=0)
            total = total.mean(dim=0) - self.pessimism * total.std(dim=0, correction=0)
        return torch.where(finite, total, -torch.inf)

    def _ended(self, trajectory: Tensor, rewards: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Trajectories [..., K, H + 1, S] and rewards [..., K, H] with what comes after an end replaced.

        And which sequences ended, bool [..., K]; ``None``: none.
        """
        assert self.terminated is not None
        after = trajectory[..., 1:, :]
        ends = self.terminated(after)
        if not bool(ends.any()):
            return trajectory, rewards, None
        over = ends.cumsum(dim=-1) - ends.long() > 0  # an earlier step has ended it
        good = torch.zeros_like(ends) if self.success is None else self.success(after)
        failed = (ends & ~good & ~over).any(dim=-1, keepdim=True)
        counted = rewards[~over & torch.isfinite(rewards)]
        worst = counted.amin().clamp_max(0.0) if len(counted) else rewards.new_zeros(())
        rewards = torch.where(over, torch.where(failed, worst, 0.0), rewards)
        # What a model imagines beyond the end need not be finite.
        kept = torch.where(over.unsqueeze(-1), 0.0, after)
        return torch.cat([trajectory[..., :1, :], kept], dim=-2), rewards, ends.any(dim=-1)


def best_of(actions: Tensor, returns: Tensor, tried: int, rounds: int = 1, complete: bool = True) -> Plan:
    """The best of action sequences [K, H, A] by returns [K], with what the plan says of how it was made.

    Raises:
        PlanningFailed: No return is finite.
    """
    best = int(torch.argmax(returns))
    value = float(returns[best])
    if value == -torch.inf:
        raise none_finite(tried)
    return Plan(actions[best].clone(), value, tried, rounds, complete)


def none_finite(tried: int) -> PlanningFailed:
    """What is wrong if no return is finite."""
    return PlanningFailed(f"none of {tried} sampled action sequences has a finite predicted return")


def make_planner(config: PlannerConfig, action: ActionSpec, device: torch.device | str = "cpu") -> Planner:
    """The planner that a configuration names: an entry point of ``crl.planners``, or ``package.module:Name``.

    Raises:
        PluginError: There is no such planner, or it can't be loaded.
    """
    planner: Planner = load_maker(GROUP, config.name, "planner")(config, action, device)
    return planner
