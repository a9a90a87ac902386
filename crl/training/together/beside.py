"""What a run is given that is one of several in a process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console

from crl.learning.computing import Computing


@dataclass(frozen=True)
class Beside:
    """What a run is given by whoever lets it go on; by default nothing, as for a run that has its process for itself.

    Attributes:
        computing: Computes its losses and rollouts, where the run does not do that by itself.
        cpu: Tells its CPU seconds; those of the process by default.
        stop: Set when it is to save and end; Ctrl-C and SIGTERM by default.
        console: Where its progress goes; standard output by default.
    """

    computing: Computing | None = None
    cpu: Callable[[], float] | None = None
    stop: threading.Event | None = None
    console: Console | None = None


ALONE = Beside()
