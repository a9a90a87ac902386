"""The model-free baseline: an off-policy algorithm of Stable-Baselines3 in the loop that all agents share.

Raffin et al., "Stable-Baselines3", JMLR 22 (2021). Its algorithms bring a loop of their own, which is not used: this
agent asks the policy for actions, fills the replay buffer, and has gradient steps taken when a learning session says
so. One policy learns all tasks, one after another; nothing protects the earlier ones. Deviations from common use:

* Network inputs are the package's features (angles as cosine and sine), normalised with running statistics of
  all training observations; actions are scaled to [-1, 1], and learned from as they were executed.
* Random episodes at the start of a task follow the task's exploration prior, as the model-based agent's do.
* All randomness follows from (seed, task, episode or session), none from a global generator.
* With each new task the replay buffer is emptied (``keep_buffer``) and a learned entropy coefficient starts afresh
  (``renew_entropy``); networks and their optimisers go on. Continual World (Wołczyk et al. 2021) does likewise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from torch import Tensor

from crl import restoring
from crl.agents.base import Agent
from crl.agents.exploration import WhiteExploration
from crl.agents.fingerprint import fingerprint_of
from crl.agents.model_free.plasticity import critic_plasticity
from crl.agents.model_free.state import is_finite, load_model_state, model_state
from crl.agents.sb3_model import algorithm, make_model, private_randomness
from crl.agents.sb3_replay import Replay
from crl.config import Config
from crl.config.declared.agents import SB3
from crl.continual.strategy import Storage
from crl.dynamics.features import FeatureMap
from crl.dynamics.normaliser import Normaliser
from crl.dynamics.plasticity import PROBES, Plasticity
from crl.seeding import derive, numpy_generator
from crl.types import (
    ActionSpec,
    Array,
    Decision,
    LearnBudget,
    LearnReport,
    ObservationSpec,
    TaskSpec,
    Transition,
    as_array,
)

LOSSES = {
    "train/critic_loss": "task",
    "train/actor_loss": "actor",
    "train/ent_coef": "entropy_coefficient",
}
"""What an algorithm logs, and its name here; ``task`` is what the progress display shows."""


class SB3Agent(Agent):
    """Acts and learns with the algorithm that its name stands for (``sb3_sac``: SAC).

    Args:
        config: The run's settings; of them ``agent``, ``exploration.random_episodes`` and ``seed``.
        observation: Fields of the observation, the same for all tasks.
        action: Elements of the action, the same for all tasks.
        device: Where tensors live.
        kind: The algorithm; the one that the agent's name stands for by default. For plug-ins.

    Raises:
        CrlError: No algorithm of that name serves, or an option is unknown.
    """

    kind = SB3
    SETTINGS = SB3.settings

    def __init__(
        self,
        config: Config,
        observation: ObservationSpec,
        action: ActionSpec,
        device: torch.device | str = "cpu",
        kind: type[OffPolicyAlgorithm] | None = None,
    ) -> None:
        self.config = config.agent
        self.device = torch.device(device)
        self._seed = config.seed
        self.exploration = WhiteExploration(config.exploration, action, config.seed, config.agent.noise)
        self._low, self._high = as_array(action.low), as_array(action.high)
        self.features = FeatureMap(observation, self.device)
        self.scale = Normaliser(self.features.feature_floor)
        kind = kind or algorithm(config.agent.name)
        seed = derive(config.seed, "sb3 init")
        self.model = make_model(kind, config.agent, self.features.features, action.size, self.device, seed)
        self.replay = Replay(observation.size, action.size, config.agent.buffer, self._inputs, self.device)
        self.model.replay_buffer = self.replay
        entropy = getattr(self.model, "log_ent_coef", None)
        self._first_entropy: Tensor | None = None if entropy is None else entropy.detach().clone()
        self.learning_task = -1
        self._learned_once: set[int] = set()
        self._sessions = 0
        self._fresh = 0

    # ------------------------------------------------------------------ the four calls
    def begin(self, task: TaskSpec, episode: int, explore: bool) -> None:
        """Start an episode; a training episode of another task than before makes that the current task."""
        if explore and task.index != self.learning_task:
            self._start_task(task.index)
        self.task = task
        self._step, self._episode, self._explore = 0, episode, explore
        if explore:
            self.exploration.begin(task, episode, known=task.index in self._learned_once)
        else:
            self.exploration.rest()

    def act(self, observation: Array) -> Decision:
        """Decide on an action: drawn from the policy in a training episode, its most likely one in all others."""
        step, self._step = self._step, self._step + 1
        if not np.isfinite(observation).all():
            return self._safe("the observation is not finite")
        scripted = self.exploration.scripted(step)
        if scripted is not None:
            return Decision(scripted, scripted)
        inputs = self._inputs(torch.from_numpy(observation).to(self.device)).cpu().numpy()
        scaled = self._choose(inputs, step)
        if scaled is None:
            return self._safe("the policy's action is not finite")
        noise = self.exploration.noise(step)
        if noise is not None:
            scaled = np.clip(scaled + noise, -1, 1)
        action = self._low + (scaled + 1) / 2 * (self._high - self._low)
        action = np.clip(action.astype(np.float32), self._low, self._high)
        return Decision(action, action)

    def _choose(self, inputs: Array, step: int) -> Array | None:
        """The policy's action in [-1, 1]^A for network inputs [F]; ``None`` if it has none that is finite."""
        seed = derive(self._seed, "sb3 act", self.task.index, self._episode, step)
        try:
            with private_randomness(seed, self.device):
                scaled, _ = self.model.policy.predict(inputs, deterministic=not self._explore)
        except ValueError:  # PyTorch's distributions refuse parameters that are not finite
            if is_finite(model_state(self.model)):
                raise
            return None
        return scaled if np.isfinite(scaled).all() else None

    def observe(self, transition: Transition) -> None:
        """Keep a transition of the current task to learn from."""
        if transition.task != self.learning_task:
            raise ValueError(
                f"a transition of task {transition.task} was observed while task {self.learning_task} is learned: "
                "begin an episode of it with explore=True first"
            )
        scaled = 2 * (transition.executed - self._low) / (self._high - self._low) - 1
        self.replay.put(transition, scaled.astype(np.float32), self.config.reward_scale * transition.reward)
        self._fresh = min(self._fresh + 1, self.replay.limit)

    def learn(self, budget: LearnBudget) -> LearnReport:
        """Spend gradient steps; the learning rate is the same in all sessions, the closing one included.

        A session after which a parameter is not finite is undone as a whole, and its steps are counted as ``skipped``.
        """
        session, self._sessions = self._sessions, self._sessions + 1
        self._normalise()
        if budget.steps <= 0 or len(self.replay) == 0:
            return LearnReport()
        before = model_state(self.model)
        self.replay.generator = numpy_generator(self._seed, "sb3 batches", session)
        failure = None
        try:
            with private_randomness(derive(self._seed, "sb3 learn", session), self.device):
                self.model.train(gradient_steps=budget.steps, batch_size=self.config.batch)
        except ValueError as error:  # PyTorch's distributions refuse parameters that are not finite
            failure = error
        logged = dict(self.model.logger.name_to_value)
        self.model.logger.name_to_value.clear()
        if not is_finite(model_state(self.model)):
            load_model_state(self.model, before)
            return LearnReport(budget.steps, {"skipped": float(budget.steps)})
        if failure is not None:
            raise failure
        losses = {ours: float(logged[theirs]) for theirs, ours in LOSSES.items() if theirs in logged}
        return LearnReport(budget.steps, losses)

    # ------------------------------------------------------------------ tasks
    def _start_task(self, task: int) -> None:
        self._normalise()  # rows that no session has seen yet
        if self.learning_task >= 0:
            self._learned_once.add(self.learning_task)
            if self.config.renew_entropy:
                self._renew_entropy()
        self.learning_task = task
        self.exploration.begin_task()
        if not self.config.keep_buffer:
            self.replay.reset()

    def _renew_entropy(self) -> None:
        """A policy that has settled hardly varies its actions: let it look around in the new task."""
        if self._first_entropy is None:
            return
        # Algorithms without a learned coefficient have neither attribute.
        coefficient, optimiser = self.model.log_ent_coef, self.model.ent_coef_optimizer  # type: ignore[attr-defined]
        with torch.no_grad():
            coefficient.copy_(self._first_entropy)
        optimiser.state.clear()

    def _normalise(self) -> None:
        """Take the observations that came since the last session into the statistics."""
        fresh, self._fresh = self._fresh, 0
        if fresh:
            observation = torch.from_numpy(self.replay.newest(fresh)).to(self.device)
            self.scale.update(self.features.encode(observation))

    def _inputs(self, observation: Tensor) -> Tensor:
        """Network inputs [..., F] of observations [..., S]."""
        return (self.features.encode(observation) - self.scale.mean) / self.scale.std

    # ------------------------------------------------------------------ what is measured
    def storage(self) -> Storage:
        """What is kept per finished task: its transitions with ``keep_buffer``, and nothing without."""
        finished = len(self._learned_once - {self.learning_task})
        return Storage(self.kept_bytes() // finished if finished else 0, self.config.keep_buffer)

    def kept_bytes(self) -> int:
        """Bytes of transitions of earlier tasks. The one network holds all tasks, and none of it is kept for one."""
        return self.replay.bytes_of_others(self.learning_task)

    def kept_once_bytes(self) -> int:
        """Those of :meth:`kept_bytes` that are the same however many tasks were learned: none."""
        return 0

    def old_rows_read(self) -> int:
        """Transitions of earlier tasks drawn for gradient steps so far."""
        return self.replay.old_rows_read

    def plasticity(self) -> Plasticity | None:
        """State of the first critic on (up to 512 of) the newest transitions; ``None`` before there are."""
        count = min(len(self.replay), PROBES)
        if not count:
            return None
        observation, action = (
            torch.from_numpy(self.replay.newest(count, name)).to(self.device) for name in ("observation", "action")
        )
        return critic_plasticity(self.model, self._inputs(observation), action)

    def _safe(self, reason: str) -> Decision:
        action = as_array(self.task.safe_action)
        return Decision(action, action, reason)

    def basis_element(self) -> str:
        """Fingerprint of the actor and of the normaliser in front of it."""
        actor = {name: part for name, part in self.model.policy.state_dict().items() if name.startswith("actor.")}
        return fingerprint_of(actor, self.scale.mean, self.scale.std)

    # ------------------------------------------------------------------ persistence
    def state_dict(self) -> dict[str, Any]:
        """Networks, optimisers, entropy coefficient, replay buffer, normaliser and counters."""
        return {
            "model": model_state(self.model),
            "replay": self.replay.state_dict(),
            "scale": self.scale.state_dict(),
            "learning_task": self.learning_task,
            "learned_once": sorted(self._learned_once),
            "episodes": self.exploration.episodes,
            "sessions": self._sessions,
            "fresh": self._fresh,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        with restoring.part("model"):
            load_model_state(self.model, state["model"])
        with restoring.part("replay"):
            self.replay.load_state_dict(state["replay"])
        with restoring.part("scale"):
            self.scale.load_state_dict(state["scale"])
        self.learning_task = int(state["learning_task"])
        self._learned_once = set(state["learned_once"])
        self.exploration.load_state_dict({"episodes": state["episodes"]})
        self._sessions = int(state["sessions"])
        self._fresh = int(state["fresh"])
