"""The e-stop: latched, and only reset when its button says so."""

from __future__ import annotations

import math
from typing import Any

import pytest

from crl.safety.e_stop import EStop


@pytest.mark.parametrize("pressed", [True, None, 0, 1, "no", math.nan])
def test_anything_but_a_plain_no_presses_it(pressed: Any) -> None:
    e_stop = EStop()
    e_stop.hear(pressed, 1.0)
    assert e_stop.trouble(1.0) == "an e-stop"


def test_it_stays_pressed_until_it_is_reset() -> None:
    e_stop = EStop()
    assert e_stop.trouble(0.0) is None
    e_stop.hear(True, 1.0)
    e_stop.hear(False, 2.0)
    assert e_stop.trouble(3.0) == "an e-stop"
    assert e_stop.reset(3.0) is None
    assert e_stop.trouble(3.0) is None


def test_a_button_that_is_down_cannot_be_reset() -> None:
    e_stop = EStop()
    e_stop.hear(True, 1.0)
    assert e_stop.reset(1.1) == "the e-stop button is still pressed"
    assert e_stop.latched


def test_a_button_that_falls_silent_latches() -> None:
    e_stop = EStop(heartbeat=1.0)
    assert e_stop.trouble(0.0) == "an e-stop button that was not heard yet"
    assert not e_stop.latched
    e_stop.hear(False, 0.5)
    assert e_stop.trouble(1.5) is None
    assert e_stop.trouble(1.6) == "an e-stop"
    assert e_stop.reset(1.7) == "the e-stop button is not heard"
    e_stop.hear(False, 2.0)
    assert e_stop.trouble(2.0) == "an e-stop"
    assert e_stop.reset(2.1) is None
    assert e_stop.trouble(2.1) is None


@pytest.mark.parametrize("now", [math.nan, -5.0])
def test_a_clock_without_sense_counts_as_silence(now: float) -> None:
    e_stop = EStop(heartbeat=1.0)
    e_stop.hear(False, 0.0)
    assert e_stop.trouble(now) == "an e-stop"
