"""Decides for a robot with a deployed agent, and learns beside it.

Everything here is quick and waits for nothing: planning, identification and refinement happen in the caller's thread.
What learns is beside it (:mod:`crl.deployment.beside`): a process whose weights are taken over between two decisions,
or a memory of regimes that takes some gradient steps after each decision, or has a process take them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from crl.adaptation.mission import MissionAdaptation
from crl.config.sections.memory import LEARNERS
from crl.deployment.beside import Beside, ProcessBeside
from crl.deployment.load import Deployment
from crl.deployment.memory_beside import MemoryBeside, folder_of
from crl.errors import CrlError
from crl.memory.adapting import LifelongAdaptation
from crl.safety.departure import Departure
from crl.seeding import derive
from crl.types import Array, Decision, LearnBudget, Transition, as_array

KEPT = 1000
"""Steps whose durations are kept."""
WARM = 12
"""Steps of a made-up mission by which everything is made ready before the first real one."""


class Pilot:
    """An agent that drives a robot. Not thread-safe: one thread calls all.

    Use: :meth:`begin` a mission; then once per control period :meth:`observe` what the last command did, :meth:`poll`
    for newer weights, and :meth:`act`; :meth:`close` at the end.

    Args:
        deployment: What to drive with.
        learn: Whether to learn while driving. Agents whose run did not learn in missions do not learn here either.
        seed: Of the planner's samples and the learner's batches.
        learner_rate: Gradient steps per second of a learner's process; 0: as many as possible; the deployment's own
            by default.
        memory: Folder of a memory of regimes; beside the deployment by default. It is read and written only where the
            run had one (``refiner=lifelong``).
        memory_learner: Where that memory is learned: ``inline`` (in this process) or ``process`` (in another one, at a
            lower priority); as the run's settings say by default.

    Raises:
        CrlError: There is no such place, or the memory in the folder is of another robot or version, or can't be read.
    """

    def __init__(
        self,
        deployment: Deployment,
        *,
        learn: bool,
        seed: int = 0,
        learner_rate: float | None = None,
        memory: Path | None = None,
        memory_learner: str | None = None,
    ) -> None:
        # What PyTorch keeps globally: one thread, and no denormal numbers, as in training.
        torch.set_num_threads(1)
        torch.set_flush_denormal(True)
        self.deployment = deployment
        self.agent, self.adaptation = deployment.make_agent()
        rate = deployment.learner_rate if learner_rate is None else learner_rate
        self.beside: Beside
        if deployment.config.refiner.kind == "lifelong":
            known = cast(LifelongAdaptation, self.adaptation)
            learner = memory_learner or deployment.config.memory.learner
            if learner not in LEARNERS:
                raise CrlError(f"memory_learner is {learner!r}", f"give one of {', '.join(LEARNERS)}")
            folder, process = memory or folder_of(deployment.folder), learner == "process"
            self.beside = MemoryBeside(self.agent, known, deployment.task, folder, process)
        else:
            self.beside = ProcessBeside(deployment, self.agent, cast(MissionAdaptation, self.adaptation), rate, seed)
        task = deployment.task
        self._departure = Departure(task.observation, deployment.config.missions.departure, task.control_period)
        self._seed = seed
        self._mission = 0
        self._waypoints = 0
        self._decision: Decision | None = None
        self._after: Array | None = None
        self._unusable = self._transitions = 0
        self._paused = not learn
        self._closed = False
        self._warm_up()
        self.beside.recall()
        if learn:
            self.learning = True

    learns = True
    """Whether learning can be switched on."""

    # ------------------------------------------------------------------ what is called in the loop
    def begin(self, waypoints: int) -> None:
        """Begin a mission, with a nominal body and nothing learned of another.

        Args:
            waypoints: How many there are; for :meth:`status` alone.
        """
        self._mission += 1
        self._waypoints = waypoints
        if self.learning:
            self.beside.start()
        self.beside.begin(self._mission)
        self._begin()

    def act(self, observation: Array) -> Decision:
        """Decide on an action for an observation, float32 [S]; the safe action, with a reason, if there is no plan.

        Once the distance to the goal has grown for longer than ``missions.departure``, it is the safe action until the
        next mission begins: the robot has lost its way, whatever it believes of its body.
        """
        seen = np.ascontiguousarray(observation, dtype=np.float32)
        lost = self._departure.sees(seen)
        if lost is not None:
            safe = as_array(self.deployment.task.safe_action)
            self._decision = Decision(safe, safe, lost)
        else:
            self._decision = self.agent.act(seen)
        return self._decision

    def observe(self, observation: Array, executed: Array, next_observation: Array) -> None:
        """Take note of what one control period did; a transition that is not finite is left out.

        Args:
            observation: Before, float32 [S].
            executed: What the robot was really told in that period, float32 [A]: what left the safety wall.
            next_observation: One control period later, float32 [S].
        """
        before, command, after = (np.array(part, np.float32) for part in (observation, executed, next_observation))
        if not (np.isfinite(before).all() and np.isfinite(command).all() and np.isfinite(after).all()):
            self._unusable += 1
            self._after = None
            return
        decision = self._decision or Decision(command, command)
        first = self._after is None or not np.array_equal(before, self._after)
        index = self.deployment.task.index
        self.agent.observe(
            Transition(index, before, decision.planned, decision.action, command, 0.0, after, first=first, last=False)
        )
        self._after = after
        self._transitions += 1
        self.beside.observed()
        self._forget()

    def poll(self) -> bool:
        """Learn a little, or take over newer weights, if there is anything of it; whether there was."""
        if not self.beside.learns_now(self._paused):
            return False
        return self.agent.learn(LearnBudget(1, online=True)).steps > 0

    # ------------------------------------------------------------------ learning on and off
    @property
    def learning(self) -> bool:
        """Whether it learns while it drives; can be set. A learner that died is started anew by setting it."""
        return not self._paused

    @learning.setter
    def learning(self, on: bool) -> None:
        allowed = on and self.beside.allowed and not self._closed
        self._paused = not allowed
        if allowed:
            self.beside.start()
        self.beside.pause(self._paused)

    @property
    def learner_pid(self) -> int | None:
        """Process id of the learner, dead or alive; ``None`` if there was none."""
        return self.beside.pid

    def name_regime(self, regime: int, name: str) -> None:
        """Give a remembered regime a name.

        Raises:
            CrlError: Nothing is remembered, or the regime is not known.
        """
        self.beside.name(regime, name)

    def forget_regime(self, regime: int) -> None:
        """Forget a remembered regime.

        Raises:
            CrlError: Nothing is remembered, or the regime is nominal, unknown or in force.
        """
        self.beside.forget(regime)

    def status(self) -> dict[str, Any]:
        """For diagnostics, as plain values.

        ``regime`` (``nominal``; ``identified``: another one, and it is corrected; ``late``: a nominal body, whose
        commands arrive late; ``unexplained``: nothing that the agent knows explains what the body does; ``unwatched``:
        its refiner does not look), ``delay`` (control steps by which commands are late), ``changes`` (alarms of this
        mission), ``mission``, ``waypoints``, ``transitions``, ``unusable`` (not finite), ``learning``,
        ``learner_alive``, ``weights_version`` (0: as exported), ``weights_steps`` (gradient steps of this mission in
        them), ``learner_steps`` (all), ``learner_loss``, ``frames_dropped`` (transitions that the learner had no time
        for), ``weights_refused`` (not finite), ``stopped`` (why it has given the mission up and stands; empty: it has
        not), and CPU milliseconds of recent steps, ``PHASE_ms_p50`` and ``_p99``.

        With a memory of regimes, ``regime`` is ``nominal``, ``known``, ``bridging`` (a context is applied until more is
        known) or ``new`` (one is being learned), with ``regime_number``, ``regime_name`` and ``regimes_known``;
        ``memory_saves`` and ``memory_trouble`` are about the folder and about the process that learns, if there is one;
        ``lessons_taken``, ``lessons_outdated``, ``lessons_not_finite`` and ``learner_restarts`` count its results.
        """
        refiner = self.adaptation.refiner
        regime, changes, delay = "unwatched", 0, 0
        if refiner.tracks:
            found = refiner.regime
            changes, delay = found.changes, found.delay
            regime = "identified" if found.active else "late" if delay else "unexplained" if found.off else "nominal"
        beside = self.beside.status()
        told: dict[str, Any] = {
            "regime": regime,
            "changes": changes,
            "delay": delay,
            "mission": self._mission,
            "waypoints": self._waypoints,
            "transitions": self._transitions,
            "learning": self.learning,
            "learner_alive": self.beside.alive,
            **beside,
            "unusable": self._unusable + beside.get("unusable", 0),
            "stopped": self._departure.reason or "",
        }
        for phase, spent in self.agent.milliseconds.items():
            if spent:
                values = np.array(spent[-KEPT:])
                told[f"{phase}_ms_p50"] = float(np.median(values))
                told[f"{phase}_ms_p99"] = float(np.percentile(values, 99))
        return told

    def close(self) -> None:
        """End the learner. A second call does nothing."""
        self._closed = self._paused = True
        self.beside.close()

    # ------------------------------------------------------------------ parts
    def _begin(self) -> None:
        self.agent.begin(self.deployment.task, derive(self._seed, "pilot", self._mission) % 2**31, False)
        self._decision = self._after = None
        self._departure.begin()

    def _warm_up(self) -> None:
        """Run every phase a few times on made-up numbers: first calls take many times longer than later ones."""
        task = self.deployment.task
        rng = np.random.default_rng(0)
        self._begin()
        low, high = as_array(task.action.low), as_array(task.action.high)
        here: NDArray[np.float32] = np.zeros(task.observation.size, dtype=np.float32)
        for _ in range(WARM):
            self.act(here)
            # Moves that no command explains, so that a regime is looked for, too.
            there = (here + 0.05 * rng.normal(size=here.shape)).astype(np.float32)
            self.observe(here, rng.uniform(low, high).astype(np.float32), there)
            self.poll()
            here = there
        self._begin()
        self._transitions = 0

    def _forget(self) -> None:
        """Keep no more durations than are asked for: a robot drives for months."""
        for spent in self.agent.milliseconds.values():
            if len(spent) > 2 * KEPT:
                del spent[:-KEPT]
