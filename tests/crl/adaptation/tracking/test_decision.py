"""Which hypothesis is in force is a pure function of a window and of what was believed before."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch

from crl.adaptation.tracking.comparison import ALLOWED, FAR, LEAST, STAY, Comparison, squares
from crl.adaptation.tracking.context_model import ContextModel
from crl.adaptation.tracking.decision import Belief, decide, identify, select
from crl.adaptation.tracking.hypotheses import PROVEN, Delayed, Faulty, Nominal, hypothesis_from_state
from crl.adaptation.tracking.window import Row, TransitionWindow, nominal_residuals
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle

CONFIG = flow_config(identification_structure="matrix", tracking_memory=100)
MODEL = ContextModel(bodies.structured(CONFIG), bodies.NOMINAL, bodies.calibration(), bodies.BOX)
FLIP, HALF = torch.diag(torch.tensor([-1.0, 1.0])), torch.diag(torch.tensor([0.5, 1.0]))
DELAYS = [Delayed(MODEL, steps) for steps in (1, 2)]


def context(matrix: torch.Tensor) -> torch.Tensor:
    return bodies.structured(CONFIG).context_of(matrix)


def made(gains: tuple[float, float], *, late: int = 0, count: int = 12) -> list[Row]:
    """A window of a unicycle with gains on its commands, or with late commands."""
    rng, state = np.random.default_rng(0), np.array([3.0, -4.0, 3.1], np.float32)
    window = TransitionWindow(40, 4, MODEL.nominal, MODEL.calibration, bodies.BOX)
    sent = [np.zeros(2, np.float32)] * 5
    for _ in range(count + 5):
        sent.append((rng.uniform(-1, 1, 2) * np.array(unicycle.ACTION.high)).astype(np.float32))
        after = unicycle.step(state, sent[-1 - late], gains, rng.normal(size=3))
        window.add(*bodies.noted(state, sent[-1], after), explained=True)
        state = after
    return window.rows[-count:]


def unknown() -> Belief:
    return Belief(Nominal(MODEL)).retired()


def test_after_an_alarm_a_nominal_body_is_one_with_an_unknown_fault() -> None:
    force = unknown().hypothesis
    assert force.off
    assert torch.equal(force.context, MODEL.identifier.nominal)
    assert force.confidence == 0.0


@pytest.mark.parametrize(
    ("rows", "is_it"),
    [
        (made((1.0, 1.0)), lambda belief: not belief.hypothesis.off),
        (made((-1.0, 1.0)), lambda belief: belief.explains and abs(belief.hypothesis.context[0] + 2) < 0.05),
        (made((1.0, 1.0), late=2), lambda belief: belief.explains and belief.hypothesis.delay == 2),
    ],
    ids=["nominal", "faulty", "delayed"],
)
def test_a_window_is_explained_by_what_made_it(rows: list[Row], is_it: Callable[[Belief], bool]) -> None:
    assert is_it(decide(unknown(), rows, MODEL, CONFIG.tracking))


def test_selection_changes_nothing_but_what_it_returns() -> None:
    belief = Belief(Faulty(MODEL, context(HALF), 0.9, proof=3.0), explains=True)
    rows = made((-1.0, 1.0))
    found = identify(belief, rows, MODEL, 0)
    before = copy.deepcopy([belief.state_dict(), found.state_dict() if found else None])
    first, second = (select(belief, found, DELAYS, Comparison(rows, MODEL)) for _ in range(2))
    after = [belief.state_dict(), found.state_dict() if found else None]
    assert str(after) == str(before)
    assert str(first.state_dict()) == str(second.state_dict())
    assert first.hypothesis is found
    assert first.hypothesis.proof == 3.0


def test_a_hypothesis_is_given_up_for_a_better_one_only() -> None:
    rows = made((-1.0, 1.0))
    belief = Belief(Faulty(MODEL, context(FLIP), 0.9), explains=True)
    assert select(belief, Faulty(MODEL, context(HALF)), DELAYS, Comparison(rows, MODEL)) == belief
    assert select(belief, None, DELAYS, Comparison(rows, MODEL)) == belief


def dead(width: float, count: int = 12, turned: float = -1.0) -> list[Row]:
    """A window of a unicycle with a turned sign and a dead zone."""
    rng, state = np.random.default_rng(0), np.array([3.0, -4.0, 3.1], np.float32)
    window, high = TransitionWindow(40, 4, MODEL.nominal, MODEL.calibration, bodies.BOX), np.array(unicycle.ACTION.high)
    for _ in range(count):
        action = (rng.uniform(-1, 1, 2) * high).astype(np.float32)
        moved = np.sign(action) * np.maximum(np.abs(action) - width * high, 0)
        after = unicycle.step(state, moved, (turned, 1.0), rng.normal(size=3))
        window.add(*bodies.noted(state, action, after), explained=True)
        state = after
    return window.rows


def test_an_imperfect_context_is_believed_in_only_while_nothing_explains_the_window() -> None:
    rows = dead(0.3)
    first = decide(unknown(), rows, MODEL, CONFIG.tracking)
    assert first.explains
    window = Comparison(rows, MODEL)
    fit = window.fit(first.hypothesis)
    assert not window.convinces(fit)
    assert window.share(fit) <= FAR
    assert 0 < first.model_error <= ALLOWED * FAR * float(squares(nominal_residuals(rows)).mean()) * (1 + 1e-9)
    again = decide(first, rows, MODEL, CONFIG.tracking)
    assert again.explains
    # Under a hypothesis that explained all, the same window is one of two regimes until an alarm cuts it.
    before = Belief(Faulty(MODEL, context(FLIP), 0.9), explains=True)
    mixed = decide(before, rows, MODEL, CONFIG.tracking)
    assert not mixed.explains
    assert mixed.mixed
    assert not decide(mixed, rows, MODEL, CONFIG.tracking).explains
    assert decide(mixed.retired(), rows, MODEL, CONFIG.tracking).explains


def test_an_imperfect_context_helps_from_three_transitions_on() -> None:
    near = Faulty(MODEL, context(torch.diag(torch.tensor([-0.6, 0.6]))))
    for count, helps in ((LEAST - 1, False), (LEAST, True), (12, True)):
        window = Comparison(dead(0.3)[-count:], MODEL)
        assert window.share(window.fit(near)) < FAR
        assert window.helps(window.fit(near)) is helps


def test_half_of_the_squares_is_little_enough_once_such_contexts_have_predicted_well() -> None:
    window = Comparison(dead(0.3), MODEL)
    crude = window.fit(Faulty(MODEL, context(torch.diag(torch.tensor([0.2, 0.6])))))
    assert FAR < window.share(crude) < STAY
    assert not window.helps(crude)
    assert window.helps(crude, promising=True)


def test_an_imperfect_context_is_dropped_when_it_predicts_something_else_than_what_comes() -> None:
    force = Belief(decide(unknown(), dead(0.3), MODEL, CONFIG.tracking).hypothesis, explains=True, model_error=1.0)
    other = dead(0.3, turned=1.0)
    assert Comparison(other, MODEL).fails(Comparison(other, MODEL).fit(force.hypothesis))
    assert not select(force, None, DELAYS, Comparison(other, MODEL)).explains


def test_a_belief_is_restored_with_what_it_is_forgiven() -> None:
    belief = Belief(Faulty(MODEL, context(FLIP), 0.7), explains=True, model_error=3.5, mixed=True)
    again = Belief.from_state(MODEL, belief.state_dict())
    assert (again.explains, again.model_error, again.mixed) == (True, 3.5, True)


def test_without_a_finite_context_nothing_is_known() -> None:
    belief = select(unknown(), None, [], Comparison(made((-1.0, 1.0)), MODEL))
    assert belief.hypothesis.off
    assert not belief.explains


def test_a_proven_context_is_set_aside_and_recalled_if_it_explains_as_much() -> None:
    rows = made((-1.0, 1.0))
    found = identify(unknown(), rows, MODEL, CONFIG.tracking.memory)
    assert found is not None
    information = rows[0].information
    proven = Belief(Faulty(MODEL, context(FLIP), 0.9, information, proof=PROVEN + 9), explains=True).retired()
    assert proven.aside is not None
    assert proven.hypothesis.information is None
    again = select(proven, found, DELAYS, Comparison(rows, MODEL))
    assert torch.equal(again.hypothesis.context, context(FLIP))
    assert again.hypothesis.information is information
    assert again.hypothesis.proof == PROVEN
    assert again.aside is None
    for other in (Faulty(MODEL, context(FLIP), 0.9, information), Faulty(MODEL, context(FLIP), proof=PROVEN)):
        assert Belief(other, explains=True).retired().aside is None


def test_only_what_is_proven_remembers_and_information_fades() -> None:
    rows = made((-1.0, 1.0))
    identify(unknown(), rows, MODEL, CONFIG.tracking.memory)
    fault = Faulty(MODEL, context(FLIP), 0.9)
    assert not fault.remember(rows[0], 100)
    for _ in range(10):
        fault.credit(1e9)
    assert fault.proof == 2 * PROVEN
    assert not fault.remember(rows[0], 0)
    assert fault.remember(rows[0], 4)
    assert fault.remember(rows[1], 4)
    assert fault.information is not None
    assert fault.information.steps == 1.75
    for _ in range(20):
        fault.credit(-1e9)
    assert fault.proof == 0.0
    assert not DELAYS[0].remember(rows[0], 100)


def test_what_follows_from_a_context_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    features = MODEL.identifier.features

    def counted(given: torch.Tensor) -> torch.Tensor:
        calls.append(given)
        return features(given)

    monkeypatch.setattr(MODEL.identifier, "features", counted)
    fault = Faulty(MODEL, context(FLIP), 0.9)
    assert fault.correctable
    assert fault.correctable
    assert sum(given is fault.context for given in calls) == 1
    assert fault.reachable is fault.reachable
    assert not fault.seems_dead
    assert not Faulty(MODEL, MODEL.identifier.nominal).correctable


@pytest.mark.parametrize("hypothesis", [Nominal(MODEL), Faulty(MODEL, context(FLIP), 0.7, proof=4.0), DELAYS[1]])
def test_hypotheses_are_restored(hypothesis: Nominal | Faulty | Delayed) -> None:
    again = hypothesis_from_state(MODEL, hypothesis.state_dict())
    assert type(again) is type(hypothesis)
    assert torch.equal(again.context, hypothesis.context)
    assert (again.off, again.delay, again.proof) == (hypothesis.off, hypothesis.delay, hypothesis.proof)
    rows = made((1.0, 1.0))
    assert torch.equal(again.residuals(rows), hypothesis.residuals(rows))
    residual, allowance = again.residual(rows[-1])
    torch.testing.assert_close(residual, hypothesis.residuals(rows)[-1])
    assert (float(allowance) == 0.0) == (not hypothesis.off)
