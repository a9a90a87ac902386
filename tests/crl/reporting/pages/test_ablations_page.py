"""The page of the doors' ablations: shares of opened doors, and what each variant is."""

from __future__ import annotations

from typing import Any

from crl.reporting.pages.ablations_page import page, table


def run(seed: int, pull: int, lever: int) -> dict[str, Any]:
    """A run that opened the doors so often, of ten."""
    opened = {"pull": [i < pull for i in range(10)], "lever": [i < lever for i in range(10)]}
    return {
        "seed": seed,
        "opened": opened,
        "steps": {"pull": 100, "lever": 200},
        "cpu_seconds": 60.0,
        "commit": "1a2b3c4",
    }


def test_shares_are_of_episodes_and_means_over_seeds() -> None:
    rows = {row[0]: row for row in table({"recipe": [run(1, 10, 10), run(2, 10, 8)], "no_script": [run(1, 5, 0)]}).rows}
    assert [cell.value for cell in rows["recipe"][2:5]] == [100.0, 90.0, 95.0]
    assert rows["recipe"][5:] == (300.0, 1.0)
    assert [cell.value for cell in rows["no_script"][2:5]] == [50.0, 0.0, 25.0]


def test_the_simulator_has_no_steps_of_training_and_every_variant_is_explained() -> None:
    simulator = {key: value for key, value in run(1, 10, 10).items() if key != "steps"}
    text = page({"recipe": [run(1, 10, 10)], "simulator": [simulator]}, "A remark.")
    assert "`simulator`: nothing is learned" in text and "`recipe`: nothing is changed" in text
    assert "A remark." in text and "1a2b3c4" in text and "`pose`" not in text
