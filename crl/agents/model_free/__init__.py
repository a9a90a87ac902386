"""Agents of Stable-Baselines3, which learn without a model."""
