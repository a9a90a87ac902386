"""Which path planners take through their models: the compiled kernel, or PyTorch."""

from __future__ import annotations

from pathlib import Path

from crl.diagnosis.finding import Finding
from crl.kernel.building import LIBRARY
from crl.kernel.library import BUILD, library


def kernel(path: Path = LIBRARY) -> list[Finding]:
    """Whether the kernel is there, and which instructions it uses.

    Args:
        path: Where it should lie.
    """
    found = library(path)
    if found.loaded is None:
        hint = f"with a C compiler (apt-get install gcc libc6-dev): {BUILD}"
        return [Finding("kernel", "rollouts", "absent", f"PyTorch, several times slower: {found.trouble}", hint)]
    *others, best = found.sets
    beside = f" (and {', '.join(others)})" if others else ""
    return [Finding("kernel", "rollouts", "ok", f"compiled kernel, {best}{beside}; dynamics.kernel=torch avoids it")]
