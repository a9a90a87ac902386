"""What is learned elsewhere is what would have been learned here, and is dropped where it no longer fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from crl.config.sections.memory import KINDS
from crl.errors import CrlError
from crl.memory.adapting import LifelongAdaptation
from crl.memory.beside.process import LATE, RESTARTS, Place
from crl.memory.models.networks import NetworkMemory
from crl.reading.states import encode
from tests.crl.memory.beside.standing import Stand, adaptation, generator, lesson, standing, stands
from tests.crl.memory.unicycle import TASK, drive, gains, settings, squared

__all__ = ["stands"]
EVERY = [*((kind, False) for kind in KINDS), ("contexts", True)]


def plain(state: Any) -> Any:
    """A state in a form that can be compared."""
    tree, arrays = encode(state)
    return tree, [(item.name, item.shape, bytes(item.data)) for item in arrays]


@pytest.mark.parametrize(("kind", "gathered"), EVERY)
def test_it_is_what_would_have_been_learned_here(kind: str, gathered: bool, stands: list[Stand]) -> None:
    """To the bit, when every result is waited for; also after another regime, and after a visit has ended."""
    made = adaptation(kind, gathered=gathered)
    learner, memory = standing(made)
    _, here = standing(adaptation(kind, gathered=gathered))
    learner.start()
    seeds = generator(3)
    for effect in (gains(-1, 0.7), squared):
        steps = drive(effect, 40, 5)
        index, _ = memory.open(0, steps[:8], 10)
        assert here.open(0, steps[:8], 10)[0] == index
        for end in (8, 16, 24, 40):
            asked = learner.learn(memory, index, steps[:end], 4, seeds)
            request = stands[-1].answer()
            assert asked is None
            assert (request.lesson is None) == (end > 8)  # it is brought once
            loss = learner.collect(memory)
            assert loss == here.learn(index, steps[:end], 4, generator(request.seed))
        assert plain(memory.state_dict()) == plain(here.state_dict())
        memory.rest()
        here.rest()
    assert learner.counts["lessons_taken"] == 8
    assert plain(memory.state_dict()) == plain(here.state_dict())
    learner.close()


@pytest.mark.parametrize("what", ["rest", "drop", "merge", "open", "load"])
def test_a_result_for_a_memory_that_was_changed_is_dropped(what: str, stands: list[Stand]) -> None:
    made = adaptation("networks")
    learner, memory = standing(made)
    index, steps = lesson(memory)
    other, _ = lesson(memory)
    learner.start()
    learner.learn(memory, index, steps, 4, generator())
    stands[-1].answer()
    changes: dict[str, Callable[[], object]] = {
        "rest": memory.rest,
        "drop": lambda: memory.drop(other),
        "merge": lambda: memory.merge(index, other),
        "open": lambda: memory.open(0, steps, 11),
        "load": lambda: memory.load_state_dict(memory.state_dict()),
    }
    changes[what]()
    before = plain(memory.state_dict())
    assert learner.collect(memory) is None
    assert plain(memory.state_dict()) == before
    assert learner.counts["lessons_outdated"] == 1
    assert learner.news() == []
    learner.learn(memory, index, steps, 4, generator())
    assert stands[-1].answer().lesson is not None  # as the memory has it now
    learner.collect(memory)
    assert learner.counts["lessons_taken"] == 1
    learner.close()


@pytest.mark.parametrize("where", ["loss", "weights"])
def test_a_result_that_is_not_finite_is_dropped_and_said(where: str, stands: list[Stand]) -> None:
    learner, memory = standing(adaptation("networks"))
    index, steps = lesson(memory)
    learner.start()
    broken = memory.lesson(index)
    broken["kept"][3] = torch.nan
    before = plain(memory.state_dict())
    for _ in range(2):
        learner.learn(memory, index, steps, 4, generator())
        stands[-1].answer(**({"loss": float("inf")} if where == "loss" else {"lesson": broken}))
        assert learner.collect(memory) is None
        assert plain(memory.state_dict()) == before
    assert learner.counts["lessons_not_finite"] == 2
    assert ["not finite" in text for text in learner.news()] == [True]
    learner.learn(memory, index, steps, 4, generator())
    assert stands[-1].answer().lesson is not None  # not on from what went wrong
    assert learner.collect(memory) is not None
    learner.close()


def test_the_loop_goes_on_while_a_request_is_under_way(stands: list[Stand]) -> None:
    """A process that answers nothing holds nothing up; what became due is made up for, within limits."""
    made = adaptation("networks")
    learner, memory = standing(made)
    index, steps = lesson(memory)
    learner.start()
    assert learner.ready(4) == 4
    learner.learn(memory, index, steps, 4, generator())
    for _ in range(2):
        assert learner.collect(memory) is None
        assert learner.ready(4) == 0
    stands[-1].answer()
    assert learner.collect(memory) is not None
    assert learner.ready(4) == 12
    learner.learn(memory, index, steps, 12, generator())
    for _ in range(100):
        assert learner.ready(4) == 0
    stands[-1].answer()
    learner.collect(memory)
    assert learner.ready(4) == 4 * LATE
    learner.close()


def test_the_belief_goes_on_without_a_result_and_knows_the_regime_with_one(stands: list[Stand]) -> None:
    made = adaptation("networks")
    learner, memory = standing(made)
    assert made.known is not None
    learner.start()
    belief, steps = made.known.belief, drive(squared, 120, 1)
    for at in range(40):
        belief.observe(steps.observation[at], steps.action[at], steps.change[at])
        assert made.learn(1).steps == 0
    assert belief.now == 40
    assert len(memory.order) > 1
    stands[-1].answer()
    for at in range(40, 120):
        belief.observe(steps.observation[at], steps.action[at], steps.change[at])
        made.learn(1)
        if learner._under_way is not None:
            stands[-1].answer()
    assert learner.counts["lessons_taken"] > 20
    assert belief.phase.value == "known"
    assert belief.force.regime != 0
    learner.close()


def test_a_process_that_dies_is_replaced_a_few_times_and_then_nothing_is_learned(stands: list[Stand]) -> None:
    learner, memory = standing(adaptation("networks"))
    index, steps = lesson(memory)
    learner.start()
    for number in range(RESTARTS):
        learner.learn(memory, index, steps, 4, generator())
        stands[-1].close()
        assert learner.collect(memory) is None
        assert len(stands) == number + 2
        assert learner.alive
        (said,) = learner.news()
        assert f"started again ({number + 1})" in said
    learner.learn(memory, index, steps, 4, generator())
    stands[-1].answer()
    assert learner.collect(memory) is not None  # the one that replaced it learns
    stands[-1].alive = False
    assert learner.collect(memory) is None
    assert (learner.place, learner.alive) == (Place.NOWHERE, False)
    assert "nothing is learned any more" in learner.news()[0]
    assert learner.ready(4) == 0
    assert learner.learn(memory, index, steps, 4, generator()) is None
    assert all(stand.closed for stand in stands)
    learner.start()  # somebody asks for it
    assert learner.alive
    assert len(stands) == RESTARTS + 2
    learner.close()


def test_another_memory_that_was_read_is_learned_from_then_on(stands: list[Stand]) -> None:
    made = adaptation("networks")
    learner, memory = standing(made)
    index, steps = lesson(memory)
    learner.start()
    learner.learn(memory, index, steps, 4, generator())
    stands[-1].answer()
    made.load_state_dict(made.state_dict())
    _, read = standing(made)
    assert learner.collect(read) is None
    assert (len(stands), stands[0].closed) == (2, True)
    learner.learn(read, index, steps, 4, generator())
    stands[-1].answer()
    assert learner.collect(read) is not None
    assert (learner.counts["lessons_taken"], learner.counts["learner_restarts"]) == (1, 0)
    learner.close()


def test_before_it_is_started_it_learns_here(stands: list[Stand]) -> None:
    learner, memory = standing(adaptation("networks"))
    _, here = standing(adaptation("networks"))
    for one in (memory, here):
        lesson(one)
    index, steps = 1, drive(squared, 60, 5)
    assert learner.collect(memory) is None
    assert learner.ready(4) == 4
    assert learner.learn(memory, index, steps, 4, generator()) == here.learn(index, steps, 4, generator())
    assert stands == []


def test_what_can_not_be_learned_elsewhere_is_named(stands: list[Stand], monkeypatch: pytest.MonkeyPatch) -> None:
    made = LifelongAdaptation(settings("networks"), TASK.observation, TASK.action)
    with pytest.raises(CrlError, match="no memory to learn yet"):
        made.helper.start()
    monkeypatch.setattr(NetworkMemory, "elsewhere", False)
    learner, _ = standing(adaptation("networks"))
    with pytest.raises(CrlError, match="learns in its own process"):
        learner.start()
    assert stands == []
    assert learner.place is Place.HERE
