"""The training loop and what it keeps: run folder, checkpoints, log, clock and progress display."""
