"""Labels that an agent gives its tasks itself while it learns (``continual.labels``).

What is told of a task sequence is then its rewards, and with ``boundaries`` that a task may have changed. The agent
numbers what it tells apart in the order in which it meets it. Its transitions are kept until an episode is over. Then
it judges to which label they belong, an older one or a new one, and learns from them under that label. So it acts by
the label before until an episode has shown that the task is another one. A new label is only taken up if the next
episode is not explained, either: until then the transitions of both are kept back. A new label that turns out to be a
known one before it has settled is dropped, and its transitions go to the known one.

Where nobody says when a task ends (``none``), what is done at the end of one, such as the closing session, is done when
the agent leaves a label, and at the end of the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from crl.agents.base import Agent
from crl.continual.strategy import Labels
from crl.training.labelling.told import Assignment, Labelling
from crl.training.playing.episode import Observer
from crl.training.playing.learning_inside import LearningInside
from crl.training.playing.unlabelled import Unlabelled
from crl.training.runs.state import RunState
from crl.types import TaskSpec, Transition


class Held(Observer):
    """Keeps the transitions of an episode from the agent until the episode is over."""

    withholds = True

    def __init__(self) -> None:
        self.transitions: list[Transition] = []

    def step(self, transition: Transition, info: Mapping[str, Any]) -> None:
        """Keep a transition."""
        del info
        self.transitions.append(transition)


class OwnLabelling(Labelling):
    """The agent gives the labels.

    Args:
        agent: Who learns.
        boundaries: Whether it is told that a task may have changed.

    Raises:
        CrlError: The agent has no models to judge by.
    """

    def __init__(self, agent: Agent, *, boundaries: bool) -> None:
        self._boundaries = boundaries
        self._agent = agent
        self._judge = agent.episode_judge()
        self._held = Held()
        self._label = self._entered = 0
        self._begun = self._changed = False
        self._open: list[tuple[int, Transition]] = []
        self._young: list[tuple[int, Transition]] = []
        self._dropped: list[int] = []
        self._episodes: dict[int, int] = {}
        self._met: dict[int, dict[int, int]] = {}
        self._changes: list[list[int]] = []

    def about(self) -> list[str]:
        """Which needs of the strategy the agent sees to."""
        told = Labels.BOUNDARIES if self._boundaries else Labels.NONE
        return [f"{need}: it is told what the agent infers" for need in self._judge.needs(told)]

    def spec(self, task: TaskSpec) -> TaskSpec:
        """A task under the label that is learned."""
        return replace(task, index=self._label)

    def number(self, task: TaskSpec, state: RunState) -> int:
        """Number of the next training episode of the label."""
        del task, state
        return self._episodes.get(self._label, 0)

    def episodes(self, state: RunState) -> int:
        """Training episodes since the label was taken up."""
        del state
        return self._entered

    def following(self, inside: LearningInside) -> Observer:
        """What keeps the transitions of the next training episode."""
        del inside
        self._held = Held()
        return self._held

    def begins(self, state: RunState, random: int) -> bool:
        """Whether the label has its random episodes, and was not learned since it was taken up."""
        del state
        if self._begun or self._entered < random:
            return False
        self._begun = True
        return True

    def assign(self, task: TaskSpec, state: RunState, close: Callable[[], None]) -> Assignment | None:
        """Judge the episode, go over to its label, and show the agent its transitions."""
        rows, told = self._held.transitions, None
        if not rows:
            return None
        verdict = self._judge.judge(rows, changed=self._changed)
        open_before, self._open = self._open, [*self._open, *((task.index, row) for row in rows)]
        if verdict.label is None and not self._changed and not open_before:
            return Assignment(None, verdict.ratios, None)
        label = 1 + max([*self._met, *self._dropped]) if verdict.label is None else verdict.label
        if label != self._label:
            told = self._leave(task, label, state.env_steps, close)
        self._changed = False
        self.settle()
        return Assignment(label, verdict.ratios, told)

    def _leave(self, task: TaskSpec, label: int, step: int, close: Callable[[], None]) -> str:
        """Go on with another label; says so."""
        left, known = self._label, label in self._met
        if known and self._young and not self._changed:
            self._open = [*self._young, *self._open]
            self._dropped.append(left)
            del self._met[left]
            self._judge.drop(left)
            about = f"label {left} turns out to be label {label}"
        else:
            # With boundaries there was a closing session when the visit ended.
            if not self._boundaries:
                close()
            self._judge.leave()
            about = f"the task is taken for another one: label {label}, which is {'known' if known else 'new'}"
        self._label, self._entered, self._begun, self._young = label, 0, False, []
        self._changes.append([step, task.index, label])
        self._agent.begin(self.spec(task), self._episodes.get(label, 0), explore=True)
        return f"{task.name}: after {step} steps {about}"

    def settle(self) -> None:
        """Show the agent all transitions that are kept, as ones of the label that is learned."""
        steps = self._met.setdefault(self._label, {})
        for true, row in self._open:
            self._agent.observe(replace(row, task=self._label))
            steps[true] = steps.get(true, 0) + 1
            self._entered += row.first
            self._episodes[self._label] = self._episodes.get(self._label, 0) + row.first
        first = self._label == 0
        self._young = [] if first or self._judge.settled(self._label) else [*self._young, *self._open]
        self._open = []

    def closes(self, *, last: bool) -> bool:
        """Whether it is told that a task may end here; the end of the run is always known."""
        return self._boundaries or last

    def next_visit(self) -> None:
        """The next task of the order begins; with ``boundaries`` that is told."""
        self._changed = self._boundaries

    def evaluating(self, task: TaskSpec) -> Unlabelled:
        """The agent infers its label."""
        return Unlabelled(self._agent, task, self._agent.inference(sorted(self._met)), owners(self._met))

    def results(self) -> dict[str, Any]:
        """What is worth telling of labels.

        Returns:
            ``labels`` that are in use, and those ``dropped``; true ``tasks``; ``own``: the share of training steps that
            were learned under a label that is mostly of their task; ``steps`` of every label in every true task;
            ``changes``: environment steps at which another label was taken up, with true task and label.
        """
        whose = owners(self._met)
        total = sum(sum(steps.values()) for steps in self._met.values())
        own = sum(steps.get(whose[label], 0) for label, steps in self._met.items())
        return {
            "labels": len(self._met),
            "dropped": len(self._dropped),
            "tasks": len({task for steps in self._met.values() for task in steps}),
            "own": own / total if total else None,
            "steps": {
                str(label): {str(task): count for task, count in steps.items()} for label, steps in self._met.items()
            },
            "changes": [list(change) for change in self._changes],
        }

    # ------------------------------------------------------------------ persistence
    def state_dict(self) -> dict[str, Any]:
        """Labels, counters, and what the judge knows."""
        return {
            "label": self._label,
            "entered": self._entered,
            "begun": self._begun,
            "open": _plain(self._open),
            "young": _plain(self._young),
            "dropped": list(self._dropped),
            "changed": self._changed,
            "episodes": dict(self._episodes),
            "met": {label: dict(steps) for label, steps in self._met.items()},
            "changes": [list(change) for change in self._changes],
            "judge": self._judge.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._label, self._entered, self._changed = state["label"], state["entered"], state["changed"]
        self._begun = state["begun"]
        self._open, self._young = _rows(state["open"]), _rows(state["young"])
        self._dropped = list(state["dropped"])
        self._episodes = dict(state["episodes"])
        self._met = {label: dict(steps) for label, steps in state["met"].items()}
        self._changes = [list(change) for change in state["changes"]]
        self._judge.load_state_dict(state["judge"])


def _plain(rows: list[tuple[int, Transition]]) -> list[Any]:
    return [[true, asdict(row)] for true, row in rows]


def _rows(plain: list[Any]) -> list[tuple[int, Transition]]:
    return [(true, Transition(**row)) for true, row in plain]


def owners(met: Mapping[int, Mapping[int, int]]) -> dict[int, int]:
    """The true task of every label, which is that of most of its steps.

    Args:
        met: Training steps of every label in every true task.
    """
    return {label: max(steps, key=lambda task: steps[task]) for label, steps in met.items()}


def labels_of(met: Mapping[int, Mapping[int, int]]) -> dict[int, int]:
    """The label of every true task, which is the one that most of its steps were learned under."""
    tasks = {task for steps in met.values() for task in steps}
    return {task: max(met, key=lambda label: met[label].get(task, 0)) for task in tasks}
