"""Runs of sequences are judged by means over runs, paired by seed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from crl.errors import CrlError
from crl.reporting.confirmations.criteria import Criterion, estimate
from crl.reporting.confirmations.page import write_confirmation
from crl.reporting.confirmations.sequences import KEPT, SEQUENCES, measure


def record(method: str, fit: int, success: float, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        **dict.fromkeys(KEPT),
        "method": method,
        "fit": fit,
        "matrix_tasks": ["a", "b"],
        "matrix": [[1.0, None], [success, 0.5]],
        "matrix_return": [[10.0, None], [10 * success, 5.0]],
        "average_success": (success + 0.5) / 2,
        "average_return": (10 * success + 5) / 2,
        "forgetting": 1 - success,
        "forgetting_return": 10 * (1 - success),
        "kept_bytes": 100,
        "cpu_minutes": 2.0,
        "time": {"learn": 1.0},
    }
    return {**given, **changes}


RECORDS = [
    record("hypercrl", 1, 1.0, kept_bytes=400),
    record("hypercrl", 2, 0.9, kept_bytes=400),
    record("finetune", 1, 0.5),
    record("finetune", 2, 0.1),
]


def test_what_was_learned_is_the_diagonal_and_what_is_left_the_last_row() -> None:
    assert measure(RECORDS[3], "learned") == pytest.approx(0.75)
    assert measure(RECORDS[3], "learned_return") == pytest.approx(7.5)
    assert measure(RECORDS[3], "success") == pytest.approx(0.3)
    assert measure(RECORDS[3], "return") == pytest.approx(3.0)
    assert math.isnan(measure(record("single", 1, 1.0, average_success=None), "success"))


def test_ratios_and_differences_are_paired_by_seed() -> None:
    ratio = estimate(RECORDS, "hypercrl", "return", relative_to="finetune", kind=SEQUENCES)
    assert ratio.value == pytest.approx((7.5 / 5 + 7 / 3) / 2)
    difference = estimate(RECORDS, "hypercrl", "forgetting", minus="finetune", kind=SEQUENCES)
    assert difference.value == pytest.approx(((0 - 0.5) + (0.1 - 0.9)) / 2)


def test_intervals_are_students_over_runs() -> None:
    """Two runs: mean +- 12.706 s / sqrt(2), with s the deviation."""
    found = estimate(RECORDS, "hypercrl", "forgetting", kind=SEQUENCES)
    assert found.value == pytest.approx(0.05)
    assert found.high - found.value == pytest.approx(12.706 * 0.0707107 / math.sqrt(2), rel=1e-3)
    assert not estimate(RECORDS[:1], "hypercrl", "forgetting", kind=SEQUENCES).known
    assert math.isnan(estimate(RECORDS, "ewc", "forgetting", kind=SEQUENCES).value)


def test_criteria_name_quantities_of_sequences_and_one_other_method() -> None:
    plain = {"method": "hypercrl", "quantity": "forgetting", "at_most": 0.1}
    assert Criterion.parse(plain, "s", SEQUENCES).text() == "forgetting of `hypercrl`: <= 0.1"
    with pytest.raises(CrlError, match="unknown quantity"):
        Criterion.parse({**plain, "quantity": "crashes"}, "s", SEQUENCES)
    with pytest.raises(CrlError, match="relative_to or minus"):
        Criterion.parse({**plain, "relative_to": "a", "minus": "b"}, "s", SEQUENCES)


def test_the_json_suffices_to_judge_again_and_holds_nothing_else(tmp_path: Path) -> None:
    criteria = [
        Criterion("hypercrl", "forgetting", at_most=0.1, kind=SEQUENCES),
        Criterion("hypercrl", "success", minus="finetune", at_least=0.9, kind=SEQUENCES),
    ]
    header = {"command": "crl confirm s", "commit": "1234567", "code": "c", "block": 3, "fits": 2, "planned": 4}
    page, passed = write_confirmation(
        tmp_path, name="s", claim="It holds.", source="", header=header, criteria=criteria, records=RECORDS,
        kind=SEQUENCES,
    )  # fmt: skip
    text = page.read_text()
    assert not passed
    assert text.count("| pass |") == text.count("| fail |") == 1
    assert "4 of 4 runs done: 2 seeds per method" in text
    assert "| a | 9.5 | 3.0 |" in text
    kept = json.loads((tmp_path / "confirm_s.json").read_text())["runs"]
    assert set(kept[0]) == set(KEPT)
    assert [c.estimate(kept).value for c in criteria] == [c.estimate(RECORDS).value for c in criteria]
