"""A memory of regimes on a robot: it goes on after a reboot, grows while the robot drives, and is kept on disk.

Learning takes place in the driving process, some gradient steps after each decision (``memory.steps``), or in another
one (:mod:`crl.memory.beside`). A thread writes copies, and a save is complete or not there at all
(:mod:`crl.training.lives.storage`).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from crl.agents.planning import PlanningAgent
from crl.deployment.beside import Beside
from crl.errors import CrlError
from crl.memory.adapting import LifelongAdaptation
from crl.memory.recall.phase import Phase
from crl.training.lives.storage import MemoryFolder, robot_of
from crl.types import TaskSpec

SECONDS = 10.0
"""Seconds between two saves; what was learned since the last is lost if the process is killed."""


def folder_of(deployment: Path) -> Path:
    """Where a deployment's memory is kept: beside it."""
    return deployment.parent / f"{deployment.name}_memory"


class MemoryBeside(Beside):
    """A memory that is read at the beginning, and written while the robot drives.

    Args:
        agent: Who drives.
        adaptation: Its memory.
        task: What is observed and done.
        folder: Where the memory is kept.
        process: Whether another process learns.
        clock: Steady clock (s).

    Attributes:
        problems: What was wrong with the newest saves and with that process, if anything.
    """

    def __init__(
        self,
        agent: PlanningAgent,
        adaptation: LifelongAdaptation,
        task: TaskSpec,
        folder: Path,
        process: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._agent, self._adaptation, self._clock = agent, adaptation, clock
        self._folder, self._process = folder, process
        self._store = MemoryFolder(folder, robot_of(task))
        self._exported = deepcopy(agent.remembered())
        self._steps = 0
        self._saved = clock()
        self._writer: threading.Thread | None = None
        self._trouble: str | None = None
        self._saves = 0
        self.problems: list[str] = []

    def recall(self) -> None:
        """Begin with what is on disk, else with what was exported.

        Raises:
            CrlError: The folder holds the memory of another robot or version, or nothing that can be read.
        """
        if self._exported is not None:
            self._agent.recollect(self._exported)
        if self._folder.is_dir():
            self.problems = self._store.load(self._agent.recollect)
        self._steps = self._store.newest()

    # ------------------------------------------------------------------ what a pilot asks
    @property
    def alive(self) -> bool:
        """Whether learning goes on, here or in another process."""
        return self._adaptation.helper.alive

    @property
    def pid(self) -> int | None:  # type: ignore[override]
        """See :class:`~crl.deployment.beside.Beside`."""
        return self._adaptation.helper.pid

    def start(self) -> None:
        """Start the process that learns, if there is to be one."""
        if self._process:
            self._adaptation.helper.start()

    def begin(self, mission: int) -> None:
        """What is remembered and believed stays."""

    def pause(self, paused: bool) -> None:
        """The pilot asks for no learning then; recall goes on."""

    def observed(self) -> None:
        """Save now and then."""
        self.problems += self._adaptation.helper.news()
        self._steps += 1
        if self._clock() - self._saved >= SECONDS and not self._writing:
            self._save()

    @property
    def _writing(self) -> bool:
        return self._writer is not None and self._writer.is_alive()

    def _save(self) -> None:
        """Write a copy in a thread of its own."""
        state = deepcopy(self._agent.remembered())
        self._saved = self._clock()
        if state is not None:
            self._writer = threading.Thread(target=self._write, args=(self._steps, state), name="memory", daemon=True)
            self._writer.start()

    def _write(self, steps: int, state: Mapping[str, Any]) -> None:
        try:
            self._store.save(steps, state)
        except (CrlError, OSError) as error:  # the robot drives on; what was saved before is untouched
            self._trouble = str(error)
        else:
            self._saves += 1
            self._trouble = None

    # ------------------------------------------------------------------ services
    def name(self, regime: int, name: str) -> None:
        """Give a regime a name.

        Raises:
            CrlError: It is not known.
        """
        self._memory.name(regime, name)
        self._saved = -math.inf  # the next step saves it

    def forget(self, regime: int) -> None:
        """Forget a regime.

        Raises:
            CrlError: It is the nominal one, unknown, in force, or being learned.
        """
        belief = self._known.belief
        if regime in (belief.force.regime, belief.opening):
            raise CrlError(f"regime {regime} is in force or being learned", "forget it while another one is in force")
        self._memory.drop(regime)
        belief.watch.reset(regime)
        self._saved = -math.inf  # the next step saves it

    @property
    def _known(self) -> Any:
        assert self._adaptation.known is not None
        return self._adaptation.known

    @property
    def _memory(self) -> Any:
        return self._known.memory

    # ------------------------------------------------------------------ what is told
    def status(self) -> dict[str, Any]:
        """``regime`` (``nominal``, ``known``, ``bridging`` or ``new``), its number and name, and the memory's state."""
        told, counts = self._agent.belief(), self._adaptation.helper.counts
        said = {Phase.BRIDGED.value: "bridging", Phase.OPENING.value: "new"}
        known = "known" if told.regime else "nominal"
        return {
            "regime": said.get(told.phase, known),
            "regime_number": told.regime,
            "regime_name": told.name or "",
            "regimes_known": told.regimes,
            "learner_restarts": counts["learner_restarts"],
            "lessons_taken": counts["lessons_taken"],
            "lessons_outdated": counts["lessons_outdated"],
            "lessons_not_finite": counts["lessons_not_finite"],
            "memory_saves": self._saves,
            "memory_trouble": "; ".join([*self.problems, *([self._trouble] if self._trouble else [])]),
        }

    def close(self) -> None:
        """End the process that learns; save what there is, and wait for it."""
        self._adaptation.helper.close()
        if self._writer is not None:
            self._writer.join()
        state = self._agent.remembered()
        if state is not None and self._steps:
            self._write(self._steps, state)
        self._steps = 0
