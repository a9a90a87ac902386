"""Domains of ROS 2 for tests: nodes of tests that run at the same time must not hear each other."""

from __future__ import annotations

import os
import time

DOMAINS = 101
"""Domains that are free of the ports of others on every system."""
WORKERS = 8
"""Processes of one test run that get domains of their own; `make test` starts no more."""


def new_domain() -> int:
    """A value of ``ROS_DOMAIN_ID`` that no other process of this test run uses."""
    number = os.getpid() + time.monotonic_ns() // 1000
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        return 1 + number % DOMAINS
    share = DOMAINS // WORKERS
    return 1 + share * (int(worker.removeprefix("gw")) % WORKERS) + number % share
