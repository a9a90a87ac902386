"""The mission sequences keep every promise that training takes for granted."""

from __future__ import annotations

import pytest

from crl.checks import check_task_sequence


@pytest.mark.filterwarnings("ignore:.*symmetric and normalized.*")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("ugv_mission", marks=pytest.mark.slow),
        pytest.param("ugv_mission_husky", marks=pytest.mark.slow),
        pytest.param("quadrotor_mission", marks=pytest.mark.slow),
        pytest.param("quadrotor_mission_rates", marks=pytest.mark.slow),
    ],
)
def test_the_public_checker_is_content(name: str) -> None:
    check_task_sequence(name, steps=30)
