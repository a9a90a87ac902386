"""What all transitions of a regime say of its context, whatever the newest ones leave open.

A robot that drives straight says nothing of how it turns. A context from the newest transitions alone would forget
what earlier ones said, and take for nominal what they leave open. So the newest are kept as they are, and of older ones
the normal equations of the linear fit: a recursive least squares whose last rows are still linearised anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.adaptation.identification.identifier import Information
from crl.adaptation.identification.structured import StructuredIdentifier
from crl.adaptation.identification.transitions import Window

LASTING = 200.0
"""Older transitions fade so that they count as no more than this number: what no context expresses goes on changing."""


class Gathered:
    """What is known of the contexts of several regimes, one of which is visited at a time.

    Args:
        identifier: Finds contexts relative to the nominal body.
        newest: Transitions of the visit that stay as they are.
    """

    def __init__(self, identifier: StructuredIdentifier, newest: int) -> None:
        self._identifier, self._count = identifier, newest
        size = identifier.size
        self._nothing = Information(torch.zeros(size, size).double(), torch.zeros(size).double(), 0.0)
        self._sums: dict[int, Information] = {}
        self._newest: dict[int, Information] = {}
        self._summed = 0

    def identify(self, regime: int, rows: tuple[Tensor, Tensor, Tensor], start: Tensor) -> Tensor:
        """The context [C] of a regime; it stays where it was if nothing finite is found.

        Args:
            regime: Its number.
            rows: All transitions of the visit so far, the newest last: [N, S], [N, A] and [N, D].
            start: Where to begin, [C].
        """
        window = Window.of(*(part[self._summed :] for part in rows))
        known = self._sums.get(regime, self._nothing)
        with torch.no_grad():
            found = self._identifier.identify(window, start, known)
        told, context = found.information, found.context[0]
        assert told is not None  # it is a linear fit
        if not all(bool(torch.isfinite(part).all()) for part in (told.matrix, told.vector, context)):
            return start
        count = window.weight.shape[1]
        older = max(0, count - self._count)
        if older:
            known = known.plus(_total(told, slice(0, older)))
            self._sums[regime] = known.faded(min(1.0, LASTING / known.steps))
            self._summed += older
        self._newest[regime] = _total(told, slice(older, count))
        return context

    def shared(self, one: int, other: int) -> Tensor:
        """The context [C] that all that is known of two regimes makes the most probable, if they are one."""
        both = self.of(one).plus(self.of(other))
        prior = torch.diag(1 / self._identifier.prior_variance)
        context: Tensor = torch.linalg.solve(both.matrix + prior, both.vector)
        return context.float()

    def of(self, regime: int) -> Information:
        """All that is known of a regime's context."""
        known = self._sums.get(regime, self._nothing)
        return known.plus(self._newest[regime]) if regime in self._newest else known

    def rest(self) -> None:
        """The visit is over: its newest transitions are older ones from now on."""
        for regime in list(self._newest):
            self._sums[regime] = self.of(regime)
            del self._newest[regime]
        self._summed = 0

    def pool(self, kept: int, gone: int, given: int) -> None:
        """A regime is one with another one, which was or is being learned from so many transitions of the visit."""
        both = self.of(kept).plus(self.of(gone))
        at_work = kept in self._newest or gone in self._newest
        self.drop(kept)
        self.drop(gone)
        self._sums[kept] = both
        if at_work:
            self._summed = given

    def drop(self, regime: int) -> None:
        """Forget what is known of a regime."""
        self._sums.pop(regime, None)
        self._newest.pop(regime, None)

    def kept_bytes(self, regime: int) -> int:
        """Bytes of what is known of a regime, and 8 for the number of transitions."""
        known = self.of(regime)
        return known.matrix.nbytes + known.vector.nbytes + 8

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return self._told(list({**self._sums, **self._newest}))

    def lesson(self, regime: int) -> dict[str, Any]:
        """What identification reads and changes of a regime, as plain data."""
        return self._told([regime])

    def take_lesson(self, regime: int, state: Mapping[str, Any]) -> None:
        """Know of a regime what :meth:`lesson` returned, and of others what was known before.

        Raises:
            UnfitStateError: It is of another structure of contexts, or of another regime.
        """
        with restoring.part("gathered"):
            sums, newest = self._read(state["sums"], [regime]), self._read(state["newest"], [regime])
        self.drop(regime)
        self._sums |= sums
        self._newest |= newest
        self._summed = int(state["summed"])

    def _told(self, regimes: Sequence[int]) -> dict[str, Any]:
        kept = {"sums": self._sums, "newest": self._newest}
        told = {
            name: {index: dataclasses.asdict(known[index]) for index in regimes if index in known}
            for name, known in kept.items()
        }
        return {**told, "summed": self._summed}

    def load_state_dict(self, state: Mapping[str, Any] | None, regimes: Sequence[int]) -> None:
        """Restore what :meth:`state_dict` returned, for regimes of these numbers; ``None``: nothing is known.

        Raises:
            UnfitStateError: It is of another structure of contexts.
        """
        if state is None:  # a memory of before anything was gathered
            self._sums, self._newest, self._summed = {}, {}, 0
            return
        with restoring.part("gathered"):
            self._sums = self._read(state["sums"], regimes)
            self._newest = self._read(state["newest"], regimes)
            self._summed = int(state["summed"])

    def _read(self, state: Mapping[int, Mapping[str, Any]], regimes: Sequence[int]) -> dict[int, Information]:
        if not set(state) <= set(regimes):
            raise restoring.UnfitStateError("what is known of contexts is of other regimes than those of the memory")
        return {
            index: Information(
                restoring.tensor(known["matrix"], "matrix", self._nothing.matrix),
                restoring.tensor(known["vector"], "vector", self._nothing.vector),
                restoring.number(known["steps"], "steps"),
            )
            for index, known in state.items()
        }


def _total(told: Information, rows: slice) -> Information:
    """What some of the transitions say together."""
    matrix, vector = told.matrix[rows], told.vector[rows]
    return Information(matrix.sum(dim=0), vector.sum(dim=0), float(len(matrix)))
