"""Callbacks: what is told of a run while it goes on, and the experiment trackers."""
