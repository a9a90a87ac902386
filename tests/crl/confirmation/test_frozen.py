"""A confirmation is refused where nobody could repeat it, and where code or criteria changed on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from crl.confirmation import frozen
from crl.confirmation.loading import parse_suite
from crl.errors import CrlError
from tests.crl.confirmation.test_suite import PLAIN

SUITE = parse_suite("one", PLAIN)


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "commit", lambda: "1234567")
    monkeypatch.setattr(frozen, "code_version", lambda: "0.1-a")


def test_it_goes_on_with_the_same_code_at_a_later_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = frozen.claim(SUITE, tmp_path)
    monkeypatch.setattr(frozen, "commit", lambda: "89abcde")  # documents changed
    assert frozen.claim(SUITE, tmp_path) == begun
    assert begun.commit == "1234567"


@pytest.mark.parametrize(("made_by", "named"), [(None, "git checkout"), ("1234567+", "not committed")])
def test_code_that_nobody_can_find_again_is_refused(
    made_by: str | None, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen, "commit", lambda: made_by)
    with pytest.raises(CrlError, match=named):
        frozen.claim(SUITE, tmp_path)
    assert not list(tmp_path.iterdir())


def test_other_code_or_criteria_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frozen.claim(SUITE, tmp_path)
    eased = [{"method": "afm", "quantity": "success", "at_least": 0.1}]
    with pytest.raises(CrlError, match="another text"):
        frozen.claim(parse_suite("one", {**PLAIN, "criteria": eased}), tmp_path)
    monkeypatch.setattr(frozen, "code_version", lambda: "0.1-b")
    with pytest.raises(CrlError, match="other code"):
        frozen.claim(SUITE, tmp_path)
