"""Fingerprints: equal content gives equal ones, in this process and in others, and any bit makes a difference."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from crl.agents.fingerprint import fingerprint_of


def test_equal_content_has_equal_fingerprints() -> None:
    one = {"b": [1, 2.0, None], "a": torch.arange(3.0)}
    other = {"a": np.arange(3, dtype=np.float32), "b": (1, 2.0, None)}
    assert fingerprint_of(one) == fingerprint_of(other)
    assert fingerprint_of(torch.arange(6.0).view(2, 3).T) == fingerprint_of(torch.arange(6.0).view(2, 3).T.contiguous())


def test_it_is_the_same_in_every_process() -> None:
    """What Python's own hash of a string is not."""
    code = "from crl.agents.fingerprint import fingerprint_of; print(fingerprint_of({'x': 1, 'y': 'z'}))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {fingerprint_of({"x": 1, "y": "z"})}


@pytest.mark.parametrize(
    "other",
    [
        [torch.tensor([1.0, 2.0])],
        [torch.tensor([1.0, 2.0000002]), "x"],
        [torch.tensor([1.0, 2.0], dtype=torch.float64), "x"],
        [torch.tensor([[1.0, 2.0]]), "x"],
        [torch.tensor([1.0, 2.0]), "y"],
        ["x", torch.tensor([1.0, 2.0])],
    ],
)
def test_any_difference_shows(other: list[object]) -> None:
    assert fingerprint_of([torch.tensor([1.0, 2.0]), "x"]) != fingerprint_of(other)


def test_what_has_no_stable_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no fingerprint"):
        fingerprint_of(object())
