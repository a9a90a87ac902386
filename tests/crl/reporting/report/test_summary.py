"""Scores, intervals and comparisons of a section: against the statistics that they are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crl.errors import CrlError
from crl.reporting.report.gather import gather
from crl.reporting.report.summary import Summary, summarise
from crl.reporting.reports import Options, summarised
from crl.reporting.statistics import interval, iqm, probability_of_improvement
from crl.reporting.store.discover import discover
from tests.crl.reporting.folders import leave


def section_of(root: Path, **options: object) -> Summary:
    return summarised(gather(discover(root)), Options(**options))[0]  # type: ignore[arg-type]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for seed in range(3):
        leave(tmp_path, "hypercrl", seed)
        leave(tmp_path, "finetune", seed, kept=0.5)
        leave(tmp_path, "single", seed)
    return tmp_path


def test_scores_are_normalised_by_random_actions_and_single(runs: Path) -> None:
    summary = section_of(runs)
    assert summary.scale.normalised and summary.unit == "normalised score"
    assert summary.average["single"].value == pytest.approx(1.0, abs=0.02)
    assert summary.base == "hypercrl" and set(summary.comparisons) == {"finetune", "single"}
    assert summary.metrics["forgetting"]["finetune"].value > 0.2


def test_returns_where_there_is_no_reference_or_they_are_asked_for(runs: Path) -> None:
    plain = section_of(runs, normalise=False)
    raw = np.array([run.matrix("matrix_return")[-1] for run in plain.section.groups["finetune"]])
    assert plain.unit == "return"
    assert plain.iqm["finetune"] == interval(raw, iqm, whole_runs=True)
    assert plain.iqm_strata["finetune"] == interval(raw, iqm)
    others = summarise(gather([path for path in discover(runs) if "single" not in path.name]).sections[0])
    assert others.average == {name: plain.average[name] for name in ("hypercrl", "finetune")}
    assert any("no run of `single`" in note for note in others.notes)


def test_improvement_is_that_of_each_pair_and_its_complement(runs: Path) -> None:
    plain = section_of(runs, normalise=False)
    ours, theirs = (
        np.array([run.matrix("matrix_return")[-1] for run in plain.section.groups[name]])
        for name in ("hypercrl", "finetune")
    )
    expected = probability_of_improvement(ours, theirs, whole_runs=True)
    assert plain.improvement["hypercrl", "finetune"] == expected
    other = plain.improvement["finetune", "hypercrl"]
    turned = [1 - expected.value, 1 - expected.high, 1 - expected.low]
    assert [other.value, other.low, other.high] == pytest.approx(turned)


def test_random_runs_give_the_zero(runs: Path) -> None:
    leave(runs, "random", 0, level=-9.0, noise=0.0)
    summary = section_of(runs)
    assert list(summary.scale.zero.values()) == pytest.approx([-9.0] * 3)


def test_a_sequence_that_is_not_installed_shows_returns(tmp_path: Path) -> None:
    leave(tmp_path, "single", 0, env="nobody_has_it")
    summary = section_of(tmp_path)
    assert not summary.scale.normalised
    assert any("can't be measured" in note for note in summary.notes)


def test_the_base_is_where_it_is_and_asked_for_in_vain_elsewhere(runs: Path) -> None:
    leave(runs, "ewc", 0, env="another")
    found = summarised(gather(discover(runs)), Options(base="finetune", normalise=False))
    assert [summary.base for summary in found] == ["ewc", "finetune"]
    with pytest.raises(CrlError, match="no run here is of 'coreset'"):
        section_of(runs, base="coreset")
