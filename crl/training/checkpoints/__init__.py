"""Checkpoints: their format, how they are written and read, and the proof that they fit a run."""
