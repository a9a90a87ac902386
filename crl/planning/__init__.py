"""Sampling planners: one per file, over the rollout they share."""
