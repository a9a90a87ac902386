"""Several runs in one process, which learn and plan as one batch."""
