"""A moving body without its map: what a model of the body reads and what it predicts, from the roles of the fields.

A body moves alike wherever it is and wherever it heads, and knows nothing of the points it drives to. So a model of
the body reads its velocities, its other state and the command before, and predicts the displacement in axes of the
heading, the turn, and the changes of velocities and state. Everything else of the next observation follows:
positions and headings add up, goals (points relative to the body) move backwards by as much, and the command before
is the command. (The published vehicle model reads the heading and predicts in axes of the map, and so has to learn a
rotation from data.)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from crl.dynamics.features import wrap
from crl.kernel.layout import Layout
from crl.types import ActionSpec, ObservationSpec, SpecError


class Body:
    """The parts of an observation, by the roles of its fields.

    Args:
        spec: Fields of the observation.
        action: Elements of the action.
        memory: Whether observations come with the changes of the step before at their end, [S + D], to be read, too.
        context: Numbers P that describe the body, at the end of observations, [S + P], to be read, too.

    Attributes:
        size: Number S of elements of an observation.
        dimensions: Coordinates of the position: 1 (on a rail), 2 or 3.
        features: Number F of what a model reads beside the action.
        remembered: How many of these are changes of the step before: D with a memory, else 0.
        context: How many of these, the last, describe the body.
        state_features: How many of these the velocities and the state give; the command before follows.
        changes: Number D of what it predicts: displacement (m), turn (rad), changes of velocities and state.
        commands: Number of elements of the command before: A, or 0 if it is not observed.
        angles: Which elements of the velocities and the state are angles.
        scale_floor: Smallest deviation of interest of every change, [D].
        feature_floor: Smallest deviation of every feature, [F].
        event: From which change on an element makes a transition an event, [D]; infinite where its field says none.
        where: Where in an observation the field of a name begins.
        layout: ``None``: whole observations move by their roles, which the compiled kernel does not know.

    Raises:
        SpecError: The observation has no position in one to three coordinates, or its fields are of no use for it.
    """

    def __init__(self, spec: ObservationSpec, action: ActionSpec, *, memory: bool = False, context: int = 0) -> None:
        self.where = {field.name: at for field, at in zip(spec.fields, spec.offsets(), strict=True)}
        where: dict[str, list[int]] = {}
        for field, at in zip(spec.fields, spec.offsets(), strict=True):
            if field.kind == "quaternion":
                raise SpecError(
                    f"the field {field.name!r} is a quaternion, which a model of a moving body can't read",
                    "give it as angles or as a direction, with the role 'state'",
                )
            where.setdefault(field.role, []).append(at)
        self.size = spec.size
        self.layout: Layout | None = None
        self.position = where.get("position", [])
        self.dimensions = len(self.position)
        if self.dimensions not in (1, 2, 3):
            raise SpecError(
                f"a moving body needs fields with the role 'position' for x[, y[, z]], and the observation has "
                f"{self.dimensions}",
                "give the fields of the task their roles (see crl_envs.task.observation_field), or leave the refiner "
                "off (refiner=off)",
            )
        headings = where.get("heading", [])
        if headings and self.dimensions == 1:
            raise SpecError(
                "a body on a line has no heading", "give the angle the role 'state', or the position x and y"
            )
        self.heading = headings[0] if headings else None
        self.state = [at for at in range(spec.size) if at in where.get("velocity", []) + where.get("state", [])]
        self.command = where.get("command", [])
        self.goal = where.get("goal", [])
        if len(self.goal) % self.dimensions or (self.command and len(self.command) != action.size):
            raise SpecError(
                f"{len(self.goal)} goal coordinates in {self.dimensions} dimensions and {len(self.command)} elements "
                f"of the command before with {action.size} actions do not fit",
                "give every goal all coordinates, and every action element its field of role 'command'",
            )
        fields = {at: field for field, at in zip(spec.fields, spec.offsets(), strict=True)}
        self.angles = [index for index, at in enumerate(self.state) if fields[at].kind == "angle"]
        self.commands = len(self.command)
        self.state_features = len(self.state) + len(self.angles)
        turn = [] if self.heading is None else [self.heading]
        self.scale_floor = torch.tensor([fields[at].scale_floor for at in [*self.position, *turn, *self.state]])
        self.changes = len(self.scale_floor)
        self.remembered = self.changes if memory else 0
        self.context = context
        self.features = self.state_features + self.commands + self.remembered + context
        self.feature_floor = torch.full((self.features,), 1e-6)
        told = [fields[at].event for at in [*self.position, *turn, *self.state]]
        self.event = torch.tensor([math.inf if event is None else event for event in told])
        speeds = where.get("velocity", [])
        # Two vectors of a change have a direction on the map: the displacement and the change of the velocity.
        first = self.dimensions + len(turn)
        self.level = [(0, 1)]
        if len(speeds) >= 2:
            at = first + self.state.index(speeds[0])
            self.level.append((at, at + 1))
        self._first = first
        self._mask = torch.tensor([index in self.angles for index in range(len(self.state))], dtype=torch.bool)
        self.low = torch.tensor([fields[at].low if fields[at].kind == "linear" else -math.inf for at in self.state])
        self.high = torch.tensor([fields[at].high if fields[at].kind == "linear" else math.inf for at in self.state])

    def state_layout(self) -> Layout:
        """How the compiled kernel reads and moves velocities and state; angles are not wrapped."""
        kinds = ["free_angle" if index in self.angles else "linear" for index in range(len(self.state))]
        return Layout(kinds, self.low, self.high, self._first, bool(self.remembered))

    def read(self, state: Tensor) -> Tensor:
        """Features [..., F] of the velocities and the state [..., N]: angles as cosine and sine."""
        if not self.angles:
            return state
        angles = state[..., self._mask]
        return torch.cat([state[..., ~self._mask], angles.cos(), angles.sin()], dim=-1)

    def encode(self, observation: Tensor) -> Tensor:
        """What a model reads beside the action, [..., F], of observations [..., S] and what they end with."""
        parts = [self.read(observation[..., self.state]), observation[..., self.command]]
        return torch.cat([*parts, observation[..., self.size :]], dim=-1)

    def change(self, observation: Tensor, after: Tensor) -> Tensor:
        """Changes [..., D] that lead from observations [..., S] to [..., S]."""
        moved = after[..., self.position] - observation[..., self.position]
        parts = [moved]
        if self.heading is not None:
            parts = [self.turned(moved, -observation[..., self.heading])]
            parts.append(wrap(after[..., [self.heading]] - observation[..., [self.heading]]))
        state = after[..., self.state] - observation[..., self.state]
        return torch.cat([*parts, self.wrapped(state)], dim=-1)

    def apply(self, observation: Tensor, change: Tensor, action: Tensor) -> Tensor:
        """Observations [..., S] after changes [..., D] under actions [..., A]."""
        flat = observation.reshape(-1, observation.shape[-1])[:, : self.size]
        changes, actions = change.reshape(len(flat), -1), action.reshape(len(flat), -1)
        states = self.wrapped(self.moved(flat[:, self.state], changes))
        moves, after = changes[:, : self.dimensions], flat.clone()
        if self.heading is not None:
            moves = self.turned(moves, flat[:, self.heading])
            after[:, self.heading] = wrap(flat[:, self.heading] + changes[:, self.dimensions])
        for i, at in enumerate(self.position):
            after[:, at] += moves[:, i]
        for i, at in enumerate(self.goal):
            after[:, at] -= moves[:, i % self.dimensions]
        after[:, self.state] = states
        if self.commands:
            after[:, self.command] = actions
        return after.reshape(*observation.shape[:-1], self.size)

    def change_of(self, at: int) -> int:
        """Where in a change that of an observation's element is.

        Args:
            at: Index of a velocity or of an element of the state.

        Raises:
            SpecError: It is something else.
        """
        if at not in self.state:
            names = [name for name, where in self.where.items() if where in self.state]
            raise SpecError(
                f"element {at} of the observation is no velocity and no state", f"these are: {', '.join(names)}"
            )
        return self._first + self.state.index(at)

    def moved(self, state: Tensor, change: Tensor) -> Tensor:
        """Velocities and state [..., N] after changes [..., D], inside their bounds; angles are not wrapped."""
        return torch.clamp(state + change[..., self._first :], self.low, self.high)

    def wrapped(self, state: Tensor) -> Tensor:
        """Velocities and state [..., N] with wrapped angles."""
        return torch.where(self._mask, wrap(state), state) if self.angles else state

    def assemble(self, observation: Tensor, states: Tensor, changes: Tensor, actions: Tensor) -> Tensor:
        """Trajectories [K, H + 1, S] of predicted states [K, H, N] and changes [K, H, D] under actions [K, H, A].

        Args:
            observation: Where they begin, [S].
            states: Velocities and state after each step.
            changes: What the model predicted for each step.
            actions: The actions of each step.
        """
        samples, horizon, _ = changes.shape
        after = observation.expand(samples, horizon + 1, -1).clone()
        moves = changes[..., : self.dimensions]
        if self.heading is not None:
            turned = torch.cumsum(changes[..., self.dimensions], dim=1)
            before = torch.cat([torch.zeros_like(turned[:, :1]), turned[:, :-1]], dim=1) + observation[self.heading]
            moves = self.turned(moves, before)
            after[:, 1:, self.heading] = wrap(observation[self.heading] + turned)
        way = torch.cumsum(moves, dim=1)
        for i, at in enumerate(self.position):
            after[:, 1:, at] += way[..., i]
        for i, at in enumerate(self.goal):
            after[:, 1:, at] -= way[..., i % self.dimensions]
        after[:, 1:, self.state] = states
        if self.commands:
            after[:, 1:, self.command] = actions
        return after

    @staticmethod
    def turned(vector: Tensor, angle: Tensor) -> Tensor:
        """Vectors [..., 2 or 3] turned about the vertical by angles [...] (rad)."""
        cosine, sine = angle.cos(), angle.sin()
        x, y = vector[..., 0], vector[..., 1]
        level = torch.stack([cosine * x - sine * y, sine * x + cosine * y], dim=-1)
        return torch.cat([level, vector[..., 2:]], dim=-1)

    def to_map(self, change: Tensor, heading: Tensor) -> Tensor:
        """Changes [..., D] with their level vectors turned from axes of the heading (rad, [...]) to those of the map.

        ``to_map(change, -heading)`` turns them back. Velocities in axes of the body count as those of the heading,
        which is right as far as the body is level.
        """
        if self.heading is None:
            return change
        pairs, result = torch.tensor(self.level), change.clone()
        result[..., pairs] = self.turned(change[..., pairs], heading.unsqueeze(-1))
        return result
