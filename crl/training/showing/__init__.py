"""What a run shows of its progress."""
