"""A robot of PyBullet from behind, on a chequered floor.

PyBullet's renderer without a graphics card takes four fifths of its time for the floor's pixels. Here it draws the
robot alone, in the part of the picture where the robot can be. The camera keeps its place behind the robot, so every
pixel of the floor is always at the same place beside the robot, and numpy colours all of them at once.
"""

from __future__ import annotations

import math

import numpy as np
import pybullet
from numpy.typing import NDArray

DISTANCE, PITCH, HEIGHT = 2.4, 24.0, 0.3
"""Distance of the camera (m), how far it looks down (degrees), and the height of the point it looks at (m)."""
VIEW = 50.0
"""Angle of view from top to bottom (degrees)."""
REACH = 0.75
"""Within this distance of the point that the camera looks at lies all of the robot (m)."""
NEAR, FAR = 0.1, 60.0
SQUARE = 1.0
"""Side of a square of the floor (m)."""
_LIGHT, _BLUE, _SKY = (238.0, 238.0, 238.0), (163.0, 187.0, 224.0), (255.0, 255.0, 255.0)
_SHADES = 64


class ChasePicture:
    """Draws a robot whose floor is hidden by :func:`hide`.

    Args:
        width: In pixels.
        height: In pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        half = math.tan(math.radians(VIEW / 2))
        self._top, self._right = NEAR * half, NEAR * half * width / height
        up = 1 - 2 * (np.arange(height, dtype=np.float64)[:, None] + 0.5) / height
        right = (2 * (np.arange(width, dtype=np.float64) + 0.5) / width - 1) * width / height
        pitch = math.radians(PITCH)
        # Rays through the pixels in axes of the robot's heading: ahead, to the left, up.
        ahead = math.cos(pitch) + half * math.sin(pitch) * up
        rise = -math.sin(pitch) + half * math.cos(pitch) * up
        eye = HEIGHT + DISTANCE * math.sin(pitch)
        with np.errstate(divide="ignore"):
            along = np.where(rise < 0, -eye / rise, np.inf)
        floor = np.broadcast_to((along < FAR), (height, width))
        along = np.where(along < FAR, along, 0.0)
        self._ahead = np.broadcast_to(along * ahead - DISTANCE * math.cos(pitch), (height, width)).astype(np.float32)
        self._left = (-along * half * right).astype(np.float32)
        # Far away many squares fall on a pixel, which then shows their mean.
        footprint = np.broadcast_to(along**2 * 2 * half / (height * eye), (height, width))
        contrast = np.where(floor, np.clip(1.5 - 2 * footprint / SQUARE, 0, 1), 0)
        self._shade = np.where(floor, np.rint(contrast * (_SHADES - 1)), _SHADES).astype(np.int32)
        self._colours = _palette()
        # Kept: new arrays of this size cost as much as what is computed in them.
        self._across, self._along, self._scratch = (np.empty((height, width), np.float32) for _ in range(3))
        self._shades = np.empty((height, width), np.int32)
        self._part = self._where(half, width, height)

    def draw(self, pose: tuple[float, float, float], robot: int, client: int) -> NDArray[np.uint8]:
        """The picture, uint8 [height, width, 3].

        Args:
            pose: x (m), y (m) and heading (rad) of the robot.
            robot: Its number in the simulator.
            client: The simulator's connection.
        """
        x, y, heading = pose
        cosine, sine = math.cos(heading) / SQUARE, math.sin(heading) / SQUARE
        squares = self._squares(self._across, (cosine, -sine, x / SQUARE))
        squares += self._squares(self._along, (sine, cosine, y / SQUARE))
        np.copyto(self._shades, squares, casting="unsafe")
        self._shades &= 1
        self._shades *= _SHADES + 1
        self._shades += self._shade
        picture: NDArray[np.uint8] = self._colours.take(self._shades, axis=0)
        drawn, mask = self._robot(x, y, heading, robot, client)
        rows, columns = self._part
        np.copyto(picture[rows, columns], drawn, where=mask[..., None])
        return picture

    def _squares(self, into: NDArray[np.float32], weights: tuple[float, float, float]) -> NDArray[np.float32]:
        """Number of the square under every pixel along one axis of the floor."""
        np.multiply(self._ahead, np.float32(weights[0]), out=into)
        np.multiply(self._left, np.float32(weights[1]), out=self._scratch)
        into += self._scratch
        into += np.float32(weights[2])
        return np.floor(into, out=into)

    def _robot(
        self, x: float, y: float, heading: float, robot: int, client: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """The robot's part of the picture, and where it is the robot."""
        rows, columns = self._part
        wide, high = self._size
        width, height = columns.stop - columns.start, rows.stop - rows.start
        view = pybullet.computeViewMatrixFromYawPitchRoll(
            [x, y, HEIGHT], distance=DISTANCE, yaw=math.degrees(heading) - 90, pitch=-PITCH, roll=0, upAxisIndex=2
        )
        lens = pybullet.computeProjectionMatrix(
            left=self._right * (2 * columns.start / wide - 1),
            right=self._right * (2 * columns.stop / wide - 1),
            bottom=self._top * (1 - 2 * rows.stop / high),
            top=self._top * (1 - 2 * rows.start / high),
            nearVal=NEAR,
            farVal=FAR,
        )
        _, _, colours, _, bodies = pybullet.getCameraImage(
            width, height, view, lens, shadow=0, renderer=pybullet.ER_TINY_RENDERER, physicsClientId=client
        )
        drawn = np.asarray(colours, dtype=np.uint8).reshape(height, width, 4)[..., :3]
        return drawn, np.asarray(bodies).reshape(height, width) == robot

    @staticmethod
    def _where(half: float, width: int, height: int) -> tuple[slice, slice]:
        """Rows and columns of the square around the middle in which the robot is."""
        reach = math.ceil(height / 2 * math.tan(math.asin(REACH / DISTANCE)) / half)
        rows = slice(max(0, height // 2 - reach), min(height, height // 2 + reach))
        return rows, slice(max(0, width // 2 - reach), min(width, width // 2 + reach))


def hide(floor: int, client: int) -> None:
    """Make the simulator's own floor invisible; it carries the robot as before."""
    pybullet.changeVisualShape(floor, -1, rgbaColor=[1, 1, 1, 0], physicsClientId=client)


def _palette() -> NDArray[np.uint8]:
    """Colours [2 * (shades + 1), 3]: light squares from the mean to their full colour, the sky, and the blue ones."""
    light, blue, sky = (np.array(colour) for colour in (_LIGHT, _BLUE, _SKY))
    mean = (light + blue) / 2
    share = np.linspace(0, 1, _SHADES)[:, None]
    kinds = [np.concatenate([mean + share * (colour - mean), sky[None]]) for colour in (light, blue)]
    palette: NDArray[np.uint8] = np.rint(np.concatenate(kinds)).astype(np.uint8)
    return palette
