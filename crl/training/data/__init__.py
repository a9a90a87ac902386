"""Recorded data to learn from: a robot's bags, Minari and LeRobot datasets, and exported MCAP files."""
