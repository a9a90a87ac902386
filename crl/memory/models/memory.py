"""What every memory of regimes offers: predict by all of them at once, open, learn, drop, merge."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.errors import CrlError
from crl.memory.models.regime import Regime, Standing
from crl.memory.models.steps import Steps

NOMINAL = 0
"""Number of the nominal body's regime, which is known from the start, never learned and never dropped."""


class Memory(ABC):
    """Remembers regimes.

    There are at most ``most`` of them. Where another one is opened, the least useful one goes: of those that are not
    held the one with the fewest visits, and among these the one not met for the longest time.

    Args:
        size: Number D of changes.
        most: Greatest number of regimes, the nominal one among them; at least 2.

    Attributes:
        kind: Name of this kind of memory.
        widest: Common units up to which a regime's own deviation counts where it is in force: what errs more explains
            nothing. Less where :meth:`doubt` says how far a model may err.
        pools: Whether it gathers what all transitions of a regime say, visit by visit. It then tells itself which
            regimes are one (:meth:`alike`), and needs no rehearsal of what it knows.
        elsewhere: Whether :meth:`learn` may run on another memory of the kind, to which :meth:`lesson` was given.
        revision: Counts what changes it otherwise than by learning: what was learned elsewhere before is out of date.
        regimes: The regimes by number, the nominal one first.

    Raises:
        CrlError: ``most`` leaves no room.
    """

    kind: ClassVar[str]
    widest: ClassVar[float] = 3.0
    pools: ClassVar[bool] = False
    elsewhere: ClassVar[bool] = False

    def __init__(self, size: int, most: int) -> None:
        if most < 2:
            raise CrlError(f"a memory of {most} regimes has no room for any but the nominal one", "give at least 2")
        self.size, self.most = size, most
        self.regimes = {NOMINAL: Regime(NOMINAL, size, name="nominal", standing=Standing.KEPT)}
        self.opened = 0
        self.revision = 0

    @property
    def order(self) -> list[int]:
        """Numbers of the regimes in the order of :meth:`predict`'s rows."""
        return list(self.regimes)

    @abstractmethod
    def predict(self, observation: Tensor, action: Tensor) -> Tensor:
        """Changes [R, N, D] under all regimes, in the order of :attr:`order`."""

    @abstractmethod
    def weights(self, regime: int) -> Tensor:
        """Weights [P] of the base model with which a planner unrolls a regime."""

    def doubt(self, regime: int, observation: Tensor, action: Tensor) -> Tensor | None:
        """Deviations [N, D] by which predictions may err where a regime was never seen, for [N, S] and [N, A].

        ``None`` where this kind of memory can't tell: then the distance from where it was seen has to do.
        """
        del regime, observation, action
        return None

    def context(self, regime: int) -> Tensor | None:
        """The context by which planned actions are to be corrected in a regime; ``None``: the weights say it all."""
        del regime
        return None

    def open(self, neighbour: int, steps: Steps, now: int, held: tuple[int, ...] = ()) -> tuple[int, int | None]:
        """Open a regime that starts at the best known neighbour.

        Args:
            neighbour: Where it starts.
            steps: Transitions of it.
            now: Number of the step.
            held: Regimes that must not go to make room.

        Returns:
            Its number, and that of the regime that went, if one did.
        """
        gone = self._room((*held, neighbour))
        self.opened += 1
        self.revision += 1
        index = self.opened
        self.regimes[index] = Regime(index, self.size, first=now, last=now)
        self._open(index, neighbour, steps)
        return index, gone

    def _room(self, held: tuple[int, ...]) -> int | None:
        if len(self.regimes) < self.most:
            return None
        free = [entry for entry in self.regimes.values() if entry.index not in (NOMINAL, *held)]
        if not free:
            raise CrlError(f"all of the {self.most} regimes of the memory are in use", "let it hold more regimes")
        worst = min(free, key=lambda entry: (entry.standing is Standing.KEPT, entry.visits, entry.last))
        self.drop(worst.index)
        return worst.index

    @abstractmethod
    def _open(self, index: int, neighbour: int, steps: Steps) -> None:
        """Start a regime at another."""

    @abstractmethod
    def learn(self, regime: int, steps: Steps, count: int, generator: torch.Generator) -> float | None:
        """Take ``count`` learning steps on transitions of a regime; returns the mean loss, ``None`` if none is taken.

        The nominal regime is never learned.
        """

    def refusal(self) -> CrlError:
        """The error for a kind that learns nowhere else (:attr:`elsewhere`)."""
        return CrlError(f"a memory of the kind {self.kind!r} learns in its own process", "set memory.learner=inline")

    def lesson(self, regime: int) -> dict[str, Any]:
        """All that :meth:`learn` reads and changes of a regime, as plain data, beside entries of regimes.

        Raises:
            CrlError: This kind of memory learns nowhere else (:attr:`elsewhere`).
        """
        del regime
        raise self.refusal()

    def take_lesson(self, regime: int, state: Mapping[str, Any]) -> None:
        """Make a regime what :meth:`lesson` of another memory of the kind returned, to the bit.

        Args:
            regime: Its number, which both know.
            state: What was returned.

        Raises:
            CrlError: This kind of memory learns nowhere else, or the state does not fit.
        """
        del regime, state
        raise self.refusal()

    def rest(self) -> None:
        """The regime that was being learned is over: forget what only its learning needed."""
        self.revision += 1

    def drop(self, regime: int) -> None:
        """Forget a regime.

        Raises:
            CrlError: It is the nominal one, or not known.
        """
        self._known(regime)
        self.revision += 1
        del self.regimes[regime]
        self._drop(regime)

    @abstractmethod
    def _drop(self, regime: int) -> None:
        """Forget how a regime is predicted."""

    def merge(self, kept: int, gone: int) -> None:
        """Make two regimes that can't be told apart one: counts add up, and the first one's predictions stay.

        Raises:
            CrlError: The second is the nominal one, or one is not known.
        """
        self._known(gone)
        if kept not in self.regimes or kept == gone:
            raise CrlError(f"regime {gone} can't be merged into {kept}", "name two different regimes that are known")
        one, other = self.regimes[kept], self.regimes[gone]
        one.visits += other.visits
        one.transitions += other.transitions
        one.first, one.last = min(one.first, other.first), max(one.last, other.last)
        one.name = one.name or other.name
        self._pool(kept, gone)
        self.drop(gone)

    def _pool(self, kept: int, gone: int) -> None:
        """Learn from how a regime is predicted that is about to go, for the one into which it is merged."""

    def alike(self, regime: int) -> int | None:
        """A kept regime that may be the same as one by all that is known of both, the nearest; ``None``: there is none.

        Only a memory that :attr:`pools` finds any.
        """
        del regime
        return None

    def name(self, regime: int, name: str) -> None:
        """Give a regime a name ("worn left wheel").

        Raises:
            CrlError: It is not known.
        """
        if regime not in self.regimes:
            raise CrlError(f"there is no regime {regime}", f"known ones: {', '.join(map(str, self.regimes))}")
        self.regimes[regime].name = name

    def _known(self, regime: int) -> None:
        if regime == NOMINAL:
            raise CrlError("the nominal regime stays: everything else is remembered relative to it")
        if regime not in self.regimes:
            raise CrlError(f"there is no regime {regime}", f"known ones: {', '.join(map(str, self.regimes))}")

    def kept_bytes(self) -> dict[str, float]:
        """Bytes that it takes, without caches and optimisers.

        ``per_regime``: mean over the regimes beside the nominal one, of which ``prediction`` is what they are predicted
        by, and ``record`` what is noted of them beside; ``once``: whatever there is of regimes, with the one that is
        in force or being opened, if its entry is only made when it is left.
        """
        others = [entry for entry in self.regimes.values() if entry.index != NOMINAL]
        made = [entry for entry in others if not self._at_work(entry.index)]
        count = max(1, len(made))
        predicts = sum(self._own_bytes(entry.index) for entry in made) / count
        notes = sum(entry.kept_bytes() for entry in made) / count
        work = sum(self._own_bytes(entry.index) + entry.kept_bytes() for entry in others if self._at_work(entry.index))
        once = self._once_bytes() + work
        return {"per_regime": predicts + notes, "prediction": predicts, "record": notes, "once": once}

    def _at_work(self, regime: int) -> bool:
        """Whether what is kept of a regime is still to be made of what it was learned from."""
        del regime
        return False

    @abstractmethod
    def _own_bytes(self, regime: int) -> int:
        """Bytes of what a regime is predicted by, beside what all regimes share."""

    @abstractmethod
    def _once_bytes(self) -> int:
        """Bytes of what all regimes share."""

    def state_dict(self) -> dict[str, Any]:
        """Everything remembered, as plain data."""
        return {
            "kind": self.kind,
            "opened": self.opened,
            "regimes": [regime.state_dict() for regime in self.regimes.values()],
            "predicts": self._state(),
        }

    @abstractmethod
    def _state(self) -> dict[str, Any]:
        """How regimes are predicted, as plain data."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit.

        Raises:
            CrlError: It is of another kind, or does not fit.
        """
        if state["kind"] != self.kind:
            raise CrlError(
                f"the memory is of the kind {state['kind']!r}, this one is {self.kind!r}",
                f"set memory.kind={state['kind']}, or begin a new memory",
            )
        entries = [Regime.from_state(entry, self.size) for entry in state["regimes"]]
        if not entries or entries[0].index != NOMINAL or len({entry.index for entry in entries}) != len(entries):
            raise CrlError("the memory's regimes are not numbered as a memory numbers them", "restore a copy of it")
        if len(entries) > self.most:
            raise CrlError(
                f"the memory holds {len(entries)} regimes, this one at most {self.most}",
                f"set memory.most={len(entries)} or more",
            )
        known = {entry.index: entry for entry in entries}
        self.revision += 1
        self._load(state["predicts"], known)
        self.regimes = known
        self.opened = int(state["opened"])

    @abstractmethod
    def _load(self, state: Mapping[str, Any], regimes: Mapping[int, Regime]) -> None:
        """Restore what :meth:`_state` returned, for these regimes by number."""
