"""Live progress of a run: a panel on a terminal, lines elsewhere.

A panel redraws itself, which would fill a log file with copies: where the output is no terminal, a line is printed
for each episode and otherwise every five seconds.
"""

from __future__ import annotations

import math
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

WINDOW = 10
"""Episodes over which the success rate is taken."""
LINE_SECONDS = 5.0
"""Least time between two lines that report no episode (s)."""
RATE_SECONDS = 120.0
"""Time over which the rate of environment steps is measured (s): long enough to hold exploration, learning and acting
in their usual proportion, short enough to follow a change of task."""


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
        self._live: Live | None = None

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            # Redrawn by a thread of rich's, so that the time goes on during a long learning session.
            self._live = Live(console=self._console, get_renderable=self.render, refresh_per_second=2)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def update(
        self,
        *,
        task_index: int | None = None,
        task_step: int | None = None,
        task_budget: int | None = None,
        step: int | None = None,
        phase: Activity | None = None,
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
            "episode_return": episode_return,
            "loss": loss,
        }
        for name, value in given.items():
            if value is not None:
                setattr(shown, name, value)
        if success is not None:
            shown.successes.append(bool(success))
        if step is not None:
            self._sample(step)
        if self._live is None:
            self._line(episode=episode_return is not None or success is not None)

    def message(self, text: str) -> None:
        """Print a line above the panel, or in its place among the lines."""
        self._print(text)

    def seconds_left(self) -> float | None:
        """Estimate from the latest rate of environment steps (s), or None while there is none."""
        samples = list(self._samples)  # a copy, for the thread that redraws
        if len(samples) < 2:
            return None
        (first_time, first_step), (_, last_step) = samples[0], samples[-1]
        elapsed = self._now() - first_time
        if last_step <= first_step or elapsed <= 0.0:
            return None
        return max(0, self._total - last_step) * elapsed / (last_step - first_step)

    def render(self) -> RenderableType:
        """The panel."""
        shown = self._shown
        bars = Table.grid(padding=(0, 1))
        for name, done, total in (("task", shown.task_step, shown.task_budget), ("run", shown.step, self._total)):
            bar = ProgressBar(total=max(1, total), completed=min(done, total), width=40)
            bars.add_row(name, bar, f"{done:,} / {total:,} steps")
        time_left = f"elapsed {duration(self._now() - self._start)}   left {duration(self.seconds_left())}"
        facts = f"{shown.phase:<8}   " + "   ".join(self._facts())
        body = Group(bars, Text(facts), Text(time_left))
        return Panel(body, title=Text(self._task()), title_align="left", width=min(self._console.width, 100))

    def _task(self) -> str:
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
        parts = [
            self._task(),
            f"{shown.phase:<8}",
            f"task step {shown.task_step:,}/{shown.task_budget:,}",
            f"step {shown.step:,}/{self._total:,}",
            *self._facts(),
            f"elapsed {duration(now - self._start)}",
            f"left {duration(self.seconds_left())}",
        ]
        self._print("  ".join(parts))

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
