"""A flow fitted for the unicycle, once per session of tests."""

from __future__ import annotations

import pytest

from crl.adaptation.flow_matching.action_flow import ActionFlow, fit_flow
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle


@pytest.fixture(scope="session")
def unicycle_flow() -> ActionFlow:
    """Structured gains, clipped; about 20 s of one core."""
    config = flow_config(field_updates=3000, field_regimes=4096)
    return fit_flow(config, unicycle.ACTION, bodies.simulator(config), bodies.calibration())
