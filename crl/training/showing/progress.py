"""Live progress of a run: a panel on a terminal, lines elsewhere.

A panel redraws itself, which would fill a log file with copies: where the output is no terminal, a line is printed
for each episode and otherwise every five seconds, and a sign of life in a long silence.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from crl.console import PlainConsole

Activity = Literal["explore", "learn", "act", "evaluate"]

EVALUATION = "evaluation episode"
"""Name of the stage in which tasks are evaluated."""
MISSION = "mission"
"""Name of the stage that comes when all tasks are learned."""
LIFE = "life step"
"""Name of that stage where a life comes in place of missions."""

WINDOW = 10
"""Episodes over which the success rate is taken."""
LINE_SECONDS = 5.0
"""Least time between two lines that report no episode (s)."""
SILENCE_SECONDS = 30.0
"""Silence after which a line is printed although nothing has changed (s)."""
RATE_SECONDS = 120.0
"""Time over which the rate of environment steps is measured (s): long enough to hold exploration, learning and acting
in their usual proportion, short enough to follow a change of task."""


@dataclass(frozen=True)
class Stage:
    """A stretch of a run in which its budget of environment steps stands still.

    Attributes:
        name: What is counted: ``validation episode``, :data:`EVALUATION`, ``learning step``, :data:`MISSION`
            or :data:`LIFE`.
        done: How many are done.
        total: How many there are.
        about: More about the present one.
    """

    name: str
    done: int
    total: int
    about: str = ""

    def __str__(self) -> str:
        return f"{self.name} {min(self.done + 1, self.total):,} of {self.total:,}" + (self.about and f" ({self.about})")


@dataclass
class _Shown:
    """What is displayed."""

    task_index: int = 0
    task_step: int = 0
    task_budget: int = 0
    step: int = 0
    phase: Activity = "explore"
    episode_return: float | None = None
    loss: float | None = None
    missions: int = 0
    stage: Stage | None = None
    successes: deque[bool] = field(default_factory=lambda: deque(maxlen=WINDOW))


class Progress:
    """Shows where a run is. Use it as a context manager and call :meth:`update` as often as you like.

    Args:
        total_steps: Environment steps of the whole run.
        tasks: Names of the tasks, in the order in which they are learned.
        console: Where to show it; standard output by default.
        now: Clock (s), for tests.
    """

    def __init__(
        self,
        total_steps: int,
        tasks: Sequence[str],
        console: Console | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total_steps
        self._tasks = list(tasks)
        self._console = console or PlainConsole()
        self._now = now
        self._shown = _Shown()
        self._start = self._line_at = now()
        self._samples: deque[tuple[float, int]] = deque()
        self._pace: float | None = None
        self._stage_began = (now(), 0)
        self._live: Live | None = None
        self._over = threading.Event()
        self._watch: threading.Thread | None = None

    def __enter__(self) -> Progress:
        if not self._console.is_terminal:
            self._over.clear()
            self._watch = threading.Thread(target=self._break_silence, daemon=True)
            self._watch.start()
        else:
            # Redrawn by a thread of rich's, so that the time goes on during a long learning session.
            self._live = Live(console=self._console, get_renderable=self.render, refresh_per_second=2)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        if self._watch is not None:
            self._over.set()
            self._watch.join()
            self._watch = None

    def update(
        self,
        *,
        task_index: int | None = None,
        task_step: int | None = None,
        task_budget: int | None = None,
        step: int | None = None,
        phase: Activity | None = None,
        stage: Stage | None = None,
        missions: int | None = None,
        episode_return: float | None = None,
        success: bool | None = None,
        loss: float | None = None,
    ) -> None:
        """Take note of what has changed; what is left out stays as it was.

        Args:
            task_index: Position of the current task in the run, from 0.
            task_step: Environment steps spent on the task.
            task_budget: Environment steps that the task may cost.
            step: Environment steps spent in all.
            phase: What the run is doing.
            stage: What is counted in this phase beside environment steps; left out with a phase, nothing is.
            missions: Missions that follow when all tasks are learned, the present one included.
            episode_return: Return of an episode that has just ended.
            success: Whether that episode succeeded.
            loss: Loss of the latest learning session.
        """
        shown = self._shown
        if (task_index is not None and task_index != shown.task_index) or (
            phase is not None and (phase == "evaluate") != (shown.phase == "evaluate")
        ):
            # Rates of different tasks, or with and without exploration noise, are not one rate.
            shown.successes.clear()
            shown.episode_return = None
        given = {
            "task_index": task_index,
            "task_step": task_step,
            "task_budget": task_budget,
            "step": step,
            "phase": phase,
            "missions": missions,
            "episode_return": episode_return,
            "loss": loss,
        }
        for name, value in given.items():
            if value is not None:
                setattr(shown, name, value)
        if phase is not None or stage is not None:
            self._enter_stage(stage)
        if success is not None:
            shown.successes.append(bool(success))
        if step is not None and shown.stage is None:
            self._sample(step)
        if self._live is None:
            self._line(episode=episode_return is not None or success is not None)

    def turn_to(self, phase: Activity) -> None:
        """Show another phase from now on; there is nothing else to tell of yet."""
        self._shown.phase = phase

    def count(self, stage: Stage) -> None:
        """Take note of how far the present stage is."""
        self._enter_stage(stage)
        if self._live is None:
            self._line(episode=False)

    def message(self, text: str) -> None:
        """Print a line above the panel, or in its place among the lines."""
        self._print(text)

    def seconds_left(self) -> float | None:
        """Estimate of the time for what can be counted (s), or ``None`` while there is none.

        That is the environment steps that are left, by their latest rate, and the present stage. Missions that follow
        later are not in it.
        """
        stage = self._shown.stage
        if stage is None:
            return self._for_steps()
        began, first = self._stage_began
        steps = max(0, self._total - self._shown.step)
        if stage.done <= first or (steps and self._pace is None):
            return None
        each = (self._now() - began) / (stage.done - first)
        return (stage.total - stage.done) * each + steps * (self._pace or 0.0)

    def _for_steps(self) -> float | None:
        samples = list(self._samples)  # a copy, for the thread that redraws
        if len(samples) < 2:
            return None if self._pace is None else max(0, self._total - self._shown.step) * self._pace
        (first_time, first_step), (_, last_step) = samples[0], samples[-1]
        elapsed = self._now() - first_time
        if last_step <= first_step or elapsed <= 0.0:
            return None
        return max(0, self._total - last_step) * elapsed / (last_step - first_step)

    def _enter_stage(self, stage: Stage | None) -> None:
        """Note when a stage began. The pace of environment steps before it is that after it."""
        before = self._shown.stage
        if stage is not None and (before is None or before.name != stage.name or stage.done < before.done):
            left = self._for_steps()
            if left is not None and self._shown.step < self._total:
                self._pace = left / (self._total - self._shown.step)
            self._stage_began = (self._now(), stage.done)
            self._samples.clear()
        self._shown.stage = stage

    def render(self) -> RenderableType:
        """The panel."""
        shown = self._shown
        bars = Table.grid(padding=(0, 1))
        for name, done, total in (("task", shown.task_step, shown.task_budget), ("run", shown.step, self._total)):
            if total:  # an evaluation by itself has no budget of environment steps
                bar = ProgressBar(total=total, completed=min(done, total), width=40)
                bars.add_row(name, bar, f"{done:,} / {total:,} steps")
        if (stage := shown.stage) is not None:
            bar = ProgressBar(total=max(1, stage.total), completed=stage.done, width=40)
            bars.add_row(stage.name.rpartition(" ")[2], bar, f"{stage.done:,} / {stage.total:,} {stage.about}")
        time_left = f"elapsed {duration(self._now() - self._start)}   left {self._left()}"
        facts = f"{shown.phase:<8}   " + "   ".join(self._facts())
        body = Group(bars, Text(facts), Text(time_left))
        return Panel(body, title=Text(self._task()), title_align="left", width=min(self._console.width, 100))

    def _left(self) -> str:
        """Time left, with what it does not count."""
        shown = self._shown
        counted = shown.stage is not None and shown.stage.name == MISSION
        after = f", then {shown.missions:,} missions" if shown.missions and not counted else ""
        return duration(self.seconds_left()) + after

    def _task(self) -> str:
        if self._shown.stage is not None and self._shown.stage.name in (MISSION, LIFE):
            return "missions" if self._shown.stage.name == MISSION else "life"
        index = self._shown.task_index
        name = self._tasks[index] if 0 <= index < len(self._tasks) else "?"
        return f"task {index + 1}/{len(self._tasks)} {name}"

    def _facts(self) -> list[str]:
        shown = self._shown
        facts = []
        if shown.episode_return is not None:
            facts.append(f"return {shown.episode_return:.2f}")
        if successes := list(shown.successes):
            facts.append(f"success {sum(successes)}/{len(successes)}")
        if shown.loss is not None:
            facts.append(f"loss {shown.loss:.4g}")
        return facts

    def _sample(self, step: int) -> None:
        """Keep the step once a second, and one sample from before the window."""
        now = self._now()
        if self._samples and step < self._samples[-1][1]:
            self._samples.clear()
        if len(self._samples) >= 2 and now - self._samples[-2][0] < 1.0:
            self._samples[-1] = (now, step)
        else:
            self._samples.append((now, step))
        while len(self._samples) > 2 and now - self._samples[1][0] > RATE_SECONDS:
            self._samples.popleft()

    def _line(self, episode: bool) -> None:
        now = self._now()
        if not episode and now - self._line_at < LINE_SECONDS:
            return
        self._line_at = now
        shown = self._shown
        counted = []
        if shown.stage is not None:
            counted.append(str(shown.stage))
        elif shown.task_budget:
            counted.append(f"task step {shown.task_step:,}/{shown.task_budget:,}")
        if shown.task_budget:
            counted.append(f"step {shown.step:,}/{self._total:,}")
        parts = [
            self._task(),
            f"{shown.phase:<8}",
            *counted,
            *self._facts(),
            f"elapsed {duration(now - self._start)}",
            f"left {self._left()}",
        ]
        self._print("  ".join(parts))

    def _break_silence(self) -> None:
        """Print a line whenever none came for long: while something is learned for minutes, for instance."""
        while not self._over.wait(SILENCE_SECONDS / 6):
            begun = self._shown.task_budget or self._shown.stage is not None
            if begun and self._now() - self._line_at >= SILENCE_SECONDS:
                self._line(episode=True)

    def _print(self, text: str) -> None:
        # Text is taken as it is: no markup, no wrapping at a width that a log file does not have.
        self._console.print(Text(text), soft_wrap=True)
        self._console.file.flush()


def duration(seconds: float | None) -> str:
    """``1:02:03`` or ``2:03`` (h:mm:ss or m:ss); ``-`` where unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
