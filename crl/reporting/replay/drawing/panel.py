"""What is drawn beside a picture of a replay: predicted and real values, the action, and the model's error.

* Strips: the observation fields that the reward depends on most, between the numbers at their left. White is what was
  real, orange what the planner imagines from now on under the chosen actions, dim orange the best other sequences that
  it tried. All share the time axis below them.
* Bars: each element of the action between its limits. The bar is what the agent chose, a white tick what was executed.
  Where there is a refiner, a blue ring is what was planned, and the green bar what the refiner made of it.
* The trace below: the error of the model's next planned step, as a share of the usual change (its deviation over the
  episode).

A recording of a robot has only what was real: strips, and bars of what was sent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from crl.reporting.replay.drawing import ink
from crl.reporting.replay.drawing.fields import ShownField, shown_fields
from crl.reporting.replay.drawing.ink import Box, Canvas
from crl.reporting.replay.recorded_episode import Moment, RecordedEpisode
from crl.types import Array

LEFT, RIGHT = 12.0, 12.0
HEADER = 58.0
ROW = 19.0
TRACE = 58.0
LEGEND, TIMES = 17.0, 13.0
"""Heights of the row that names the lines of the strips, and of that with the times below them (px)."""
SMALL = 9
"""Size of the letters of scales."""


class Panel:
    """Draws the panel of one recorded episode at any of its steps.

    Args:
        recorded: The episode.
        width: In pixels.
        height: In pixels.
        beside: Other recorded episodes that are shown with the same fields on the same scale.
    """

    def __init__(
        self, recorded: RecordedEpisode, width: int, height: int, beside: Sequence[RecordedEpisode] = ()
    ) -> None:
        self.episode, self.width, self.height = recorded, width, height
        self._seen = recorded.observations()
        self._errors = recorded.errors()
        self._of_plans = recorded.errors(planned=True) if _corrected(recorded) else None
        every = np.concatenate([self._errors, *(other.errors() for other in beside)])
        known = every[np.isfinite(every)]
        self._worst = max(float(np.percentile(known, 99)) if known.size else 1.0, 1e-3) * 1.15
        self._total = np.cumsum([0.0 if m.transition is None else m.transition.reward for m in recorded.moments])
        self._rows = recorded.spec.action.size
        self._planned = any(moment.imagination is not None for moment in recorded.moments)
        self._top = HEADER + (LEGEND if self._planned else 0.0)
        room = height - self._top - (0 if recorded.recorded else TRACE + 22) - 26 - self._rows * ROW - TIMES
        self._fields = shown_fields([recorded, *beside], max(1, min(5, int(room // 44))))
        self._strip = min(110.0, room / max(1, len(self._fields)))
        horizon = max(
            (len(m.imagination.chosen) - 1 for m in recorded.moments if m.imagination is not None), default=10
        )
        self._ahead = horizon * recorded.stride
        self._behind = max(2 * self._ahead, 30)

    def draw(self, index: int) -> Canvas:
        """The panel at step ``index`` of the episode; its length shows the final state."""
        canvas = Canvas(self.width, self.height)
        moment = self.episode.moments[min(index, len(self.episode.moments) - 1)]
        self._header(canvas, moment, index)
        if self._planned:
            self._legend(canvas)
        top = self._top
        for shown in self._fields:
            self._field(canvas, shown, moment, index, top)
            top += self._strip
        if self._fields:
            self._times(canvas, top - 2)
            top += TIMES
        top = self._actions(canvas, moment, top + 4)
        if not self.episode.recorded:
            self._trace(canvas, index, top + 8)
        return canvas

    def _header(self, canvas: Canvas, moment: Moment, index: int) -> None:
        recorded, width = self.episode, self.width - LEFT - RIGHT
        canvas.fitted(LEFT, 8, recorded.title, width, 13)
        total = float(self._total[min(index, len(self._total)) - 1]) if index else 0.0
        time = index * recorded.spec.control_period
        step = f"{time:.1f} s   step {index} of {len(recorded.moments)}"
        line = f"{recorded.spec.name}   episode {recorded.episode}   {step}   return {total:.4g}"
        canvas.fitted(LEFT, 25, f"{recorded.spec.name}   {step}" if recorded.recorded else line, width, 12, ink.FAINT)
        if index >= len(recorded.moments):
            judged = recorded.spec.has_success or recorded.success
            word = recorded.fault or ("success" if recorded.success else "ended without success" if judged else "ended")
            colour = ink.ERROR if recorded.fault or judged else ink.FAINT
            canvas.fitted(LEFT, 40, word, width, 12, ink.GOOD if recorded.success else colour)
        elif moment.decision.reason is not None:
            word = "stopped" if recorded.recorded else "safe action"
            canvas.fitted(LEFT, 40, f"{word}: {moment.decision.reason}", width, 12, ink.ERROR)
        elif moment.faulty:
            canvas.text(LEFT, 40, "the body's fault is on", 12, ink.ERROR)
        elif moment.imagination is not None:
            imagined = moment.imagination
            text = f"plan: {imagined.tried} sequences tried, predicted return {imagined.value:.4g}"
            canvas.fitted(LEFT, 40, text, width, 12, ink.FAINT)
        else:
            points = recorded.waypoints
            reached = "recorded" if points is None else f"waypoints reached: {moment.reached} of {len(points)}"
            canvas.text(LEFT, 40, reached if recorded.recorded else "nothing planned", 12, ink.FAINT)

    @staticmethod
    def _legend(canvas: Canvas) -> None:
        """What the lines of the strips are."""
        at = LEFT
        for word, colour in (("observed", ink.REAL), ("planned", ink.PLAN), ("other plans tried", ink.OTHER)):
            canvas.line([(at, HEADER + 6), (at + 14, HEADER + 6)], colour, 2.0)
            canvas.text(at + 18, HEADER, word, 11, ink.FAINT)
            at += 18 + canvas.length(word, 11) + 14

    def _times(self, canvas: Canvas, y: float) -> None:
        """The strips' time axis, from now (s)."""
        period = self.episode.spec.control_period
        right = self.width - RIGHT
        now = self._x((LEFT, 0.0, right, 0.0), 0, 0)
        canvas.text(LEFT, y, f"{-self._behind * period:.3g} s", SMALL, ink.FAINT)
        canvas.text(now, y, "now", SMALL, ink.FAINT, "ma")
        if right - now > 48:
            canvas.text(right, y, f"+{self._ahead * period:.3g} s", SMALL, ink.FAINT, "ra")

    def _field(self, canvas: Canvas, shown: ShownField, moment: Moment, index: int, top: float) -> None:
        box = (LEFT, top + 14, self.width - RIGHT, top + self._strip - 4)
        now = float(self._seen[min(index, len(self._seen) - 1), shown.at])
        canvas.fitted(LEFT, top, f"{shown.name} ({shown.unit})", self.width / 2, 11, ink.FAINT)
        canvas.text(self.width - RIGHT, top, f"{now:.3g}", 11, ink.TEXT, "ra")
        self._axes(canvas, box, shown.low, shown.high, index)
        start = max(0, index - self._behind)
        real = self._seen[start : index + 1, shown.at]
        if moment.imagination is not None and index < len(self.episode.moments):
            for other in moment.imagination.others:
                canvas.line(
                    self._points(box, shown, other[:, shown.at], index, self.episode.stride, index), ink.OTHER, 1.0
                )
            chosen = moment.imagination.chosen[:, shown.at]
            canvas.line(self._points(box, shown, chosen, index, self.episode.stride, index), ink.PLAN, 2.0)
        canvas.line(self._points(box, shown, real, start, 1, index), ink.REAL, 1.6)
        canvas.dot(
            *self._points(box, shown, self._seen[[min(index, len(self._seen) - 1)], shown.at], index, 1, index)[0],
            2.5,
            ink.REAL,
        )
        canvas.text(box[0] + 3, box[1] + 1, f"{shown.high:.3g}", SMALL, ink.FAINT)
        canvas.text(box[0] + 3, box[3] - 1, f"{shown.low:.3g}", SMALL, ink.FAINT, "ld")

    def _axes(self, canvas: Canvas, box: Box, low: float, high: float, index: int) -> None:
        canvas.box(box, ink.FIELD)
        if low < 0 < high:
            zero = box[3] - (box[3] - box[1]) * (0 - low) / (high - low)
            canvas.line([(box[0], zero), (box[2], zero)], ink.GRID, 0.5)
        now = self._x(box, index, index)
        canvas.line([(now, box[1]), (now, box[3])], ink.GRID, 1.0)

    def _x(self, box: Box, step: float, now: int) -> float:
        share = (step - now + self._behind) / (self._behind + self._ahead)
        return box[0] + (box[2] - box[0]) * share

    def _points(
        self, box: Box, shown: ShownField, values: Array, first: int, every: int, now: int
    ) -> list[tuple[float, float]]:
        """Points of a line inside a box; a jump of an angle over its seam breaks the line."""
        height = box[3] - box[1]
        share = np.clip((np.asarray(values, np.float64) - shown.low) / (shown.high - shown.low), 0, 1)
        points: list[tuple[float, float]] = []
        for i, part in enumerate(share):
            if shown.angle and i and abs(float(values[i]) - float(values[i - 1])) > np.pi:
                points.append((np.nan, np.nan))
            points.append((self._x(box, first + i * every, now), box[3] - height * float(part)))
        return points

    def _actions(self, canvas: Canvas, moment: Moment, top: float) -> float:
        """Bars of the action; returns where they end."""
        spec = self.episode.spec.action
        at = self.width - RIGHT
        for word, colour in reversed(self._actors()):
            at -= canvas.length(word, 11)
            canvas.text(at, top, word, 11, colour)
            at -= 12
        canvas.text(LEFT, top, "action", 11, ink.FAINT)
        executed = moment.decision.action if moment.transition is None else moment.transition.executed
        names = 0.26 * self.width
        bar = (LEFT + names, self.width - RIGHT - 86)
        for row in range(spec.size):
            y = top + 18 + row * ROW
            canvas.fitted(LEFT, y, spec.names[row], names - 8, 11)
            low, high = spec.low[row], spec.high[row]
            self._bar(
                canvas,
                bar,
                y,
                (low, high),
                [float(a[row]) for a in (moment.decision.planned, moment.decision.action, executed)],
            )
            canvas.text(self.width - RIGHT, y, f"{float(executed[row]):+.3g} {spec.units[row]}", 11, ink.TEXT, "ra")
        return top + 18 + spec.size * ROW

    def _actors(self) -> list[tuple[str, ink.Colour]]:
        """Who had a hand in the action, with their colours."""
        if self.episode.recorded:
            return [("sent", ink.REAL)]
        first = "planned" if self._planned else "chosen"
        refined = [("refined", ink.REFINED)] if self.episode.refined else []
        return [(first, ink.PLANNED), *refined, ("executed", ink.REAL)]

    def _bar(
        self, canvas: Canvas, bar: tuple[float, float], y: float, limits: tuple[float, float], values: Sequence[float]
    ) -> None:
        left, right = bar
        low, high = limits

        def x(value: float) -> float:
            return left + (right - left) * min(max((value - low) / (high - low), -0.03), 1.03)

        planned, refined, executed = values
        zero = x(min(max(0.0, low), high))
        canvas.box((left, y + 2, right, y + 13), ink.FIELD)
        colour = ink.REFINED if self.episode.refined else ink.SENT if self.episode.recorded else ink.PLANNED
        canvas.box((min(zero, x(refined)), y + 4, max(zero, x(refined)), y + 11), colour)
        canvas.line([(zero, y + 1), (zero, y + 14)], ink.GRID, 1.0)
        canvas.line([(x(executed), y + 1), (x(executed), y + 14)], ink.REAL, 2.5)
        if self.episode.refined:
            canvas.dot(x(planned), y + 7.5, 4.5, None, ink.PLANNED)

    def _trace(self, canvas: Canvas, index: int, top: float) -> None:
        box = (LEFT, top + 15, self.width - RIGHT, self.height - 8.0)
        now = self._errors[index] if index < len(self._errors) else np.nan
        what = "error of the model's next step" if self._of_plans is None else "error of the model"
        canvas.text(LEFT, top, what, 11, ink.ERROR)
        if self._of_plans is not None:
            canvas.text(LEFT + canvas.length(what, 11) + 10, top, "of the plan", 11, ink.PLANNED)
        value = f"{share(float(now))} of the usual change" if np.isfinite(now) else "none"
        canvas.text(self.width - RIGHT, top, value, 11, ink.TEXT, "ra")
        canvas.box(box, ink.FIELD)
        canvas.text(box[0] + 3, box[1] + 1, share(self._worst), SMALL, ink.FAINT)
        canvas.text(box[0] + 3, box[3] - 1, "0", SMALL, ink.FAINT, "ld")
        start = max(0, index - self._behind)
        for errors, colour in ((self._of_plans, ink.PLANNED), (self._errors, ink.ERROR)):
            if errors is None:
                continue
            height = box[3] - box[1] - 2
            shares = np.clip(errors[start : index + 1] / self._worst, 0, 1)
            points = [(self._x(box, start + i, index), box[3] - 1 - height * float(s)) for i, s in enumerate(shares)]
            canvas.line(points, colour, 1.6)
        at = self._x(box, index, index)
        canvas.line([(at, box[1]), (at, box[3])], ink.GRID, 1.0)


def _corrected(recorded: RecordedEpisode) -> bool:
    """Whether anything changed a planned action."""
    decisions = [moment.decision for moment in recorded.moments]
    return any(not np.array_equal(decision.planned, decision.action) for decision in decisions)


def share(value: float) -> str:
    """A share as a reader takes it in: ``0.19 %``, ``35 %``, and from 2 on how many times."""
    return f"{value:.2g} times" if value >= 2 else f"{100 * value:.2g} %" if value < 0.995 else f"{100 * value:.0f} %"
