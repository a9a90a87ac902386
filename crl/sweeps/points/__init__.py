"""The points of a sweep: their grammar, names and sources."""
