"""Replays: an episode played again, or recorded by a robot, as a film, a live view or a Rerun recording."""
