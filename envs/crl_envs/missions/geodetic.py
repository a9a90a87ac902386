"""Degrees as metres east and north of an origin, on the WGS 84 ellipsoid."""

from __future__ import annotations

import math
from dataclasses import dataclass

AXIS = 6_378_137.0
"""Semi-major axis of WGS 84 (m)."""
ECCENTRICITY2 = 6.694379990141e-3
"""Squared eccentricity of WGS 84."""


@dataclass(frozen=True)
class Origin:
    """Where the local frame has its zero.

    The frame is flat: within 10 km of the origin its error is below a metre per kilometre of height and some decimetres
    in the plane.

    Attributes:
        latitude: Degrees north.
        longitude: Degrees east.
        altitude: Metres above the sea.
    """

    latitude: float
    longitude: float
    altitude: float = 0.0

    def metres(self, latitude: float, longitude: float) -> tuple[float, float]:
        """Metres east and north of the origin, by the radii of curvature there."""
        at = math.radians(self.latitude)
        squared = 1 - ECCENTRICITY2 * math.sin(at) ** 2
        meridian, across = AXIS * (1 - ECCENTRICITY2) / squared**1.5, AXIS / squared**0.5
        turn = (longitude - self.longitude + 180) % 360 - 180  # the shorter way round
        return across * math.cos(at) * math.radians(turn), meridian * math.radians(latitude - self.latitude)
