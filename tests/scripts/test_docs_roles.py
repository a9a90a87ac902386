"""Roles in docstrings are read as code on the site."""

from __future__ import annotations

import pytest

from tests.scripts_by_path import load_script

pytest.importorskip("griffe")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Made by :meth:`crl.api.Run.policy`.", "Made by `crl.api.Run.policy`."),
        ("see :class:`~crl.api.Run` and :func:`play`", "see `Run` and `play`"),
        ("a ratio 3:`4`", "a ratio 3:`4`"),
    ],
)
def test_a_role_becomes_its_name(text: str, shown: str) -> None:
    assert load_script("scripts/docs_roles.py").plain(text) == shown
