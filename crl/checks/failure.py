"""What all checkers share: how they fail, and what no plug-in may touch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from crl.errors import CrlError


class CheckFailed(CrlError, AssertionError):
    """A plug-in breaks a promise; the message says which."""


def require(holds: bool, message: str, hint: str | None = None) -> None:
    """Fail with a message unless a promise holds."""
    if not holds:
        raise CheckFailed(message, hint)


@contextmanager
def own_randomness_only(where: str) -> Iterator[None]:
    """Fail if the code inside draws from a global random generator."""
    state, legacy = torch.get_rng_state(), np.random.get_state(legacy=False)  # noqa: NPY002
    yield
    now = np.random.get_state(legacy=False)  # noqa: NPY002
    require(
        torch.equal(torch.get_rng_state(), state) and str(now) == str(legacy),
        f"{where}: draws from a global random generator",
        "draw from the torch.Generator that it is given, or from crl.seeding",
    )
