"""The gain pairs of the published ground-vehicle missions (Murillo-Gonzalez and Liu, RSS 2025)."""

from __future__ import annotations

PUBLISHED_GAINS = (
    (-1.0, 2.0),
    (-2.5, 1.0),
    (2.5, 0.05),
    (1.0, -1.0),
    (1.0, -0.5),
    (-1.0, 1.0),
    (-0.5, 1.0),
    (2.0, 2.0),
    (-1.0, -1.0),
    (0.1, -1.5),
    (-0.5, 0.5),
)
"""Gains on speed and turn rate of the published missions."""
