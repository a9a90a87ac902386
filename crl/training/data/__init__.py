"""Recorded data to learn from: a robot's bags and Minari datasets."""
