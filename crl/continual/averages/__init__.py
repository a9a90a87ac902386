"""Averages of the weights along the learning steps."""
