"""Missions: flown one by one, as a run's last stage, or many in parallel."""
