"""Measurements of speed and scale: times in turn in one process, memory in processes of their own."""
