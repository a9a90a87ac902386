"""Pictures of an environment: rendered, checked, compressed, and made to fit a film."""

from __future__ import annotations

import io
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crl.errors import RenderingError
from crl.reporting.replay.drawing.ink import BACKGROUND

_GRAPHICS = ("egl", "opengl", "glx", "osmesa", "glfw", "glgeterror", "gl context", "glcontext", "can't draw")
_ELSE = "everything else works; `crl replay RUN --task N` shows fields, actions and errors without pictures"
Picture = NDArray[np.uint8]


def offers_pictures(env: gymnasium.Env[Any, Any]) -> bool:
    """Whether an environment says that it renders pictures."""
    return "rgb_array" in env.metadata.get("render_modes", [])


def picture_of(env: gymnasium.Env[Any, Any]) -> Picture:
    """Render the present state, uint8 [height, width, 3].

    Raises:
        RenderingError: It fails. Where the machine can't draw, the message names the packages.
    """
    try:
        found: Any = env.render()
    except Exception as error:  # an environment's renderer raises whatever it likes
        raise cannot_render(error) from error
    picture: NDArray[Any] = np.asarray(found) if found is not None else np.empty(0)
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.dtype.kind not in "uifb" or picture.ndim != 3 or picture.shape[2] not in (1, 3, 4) or not picture.size:
        what = "nothing" if found is None else f"an array of {picture.dtype} with shape {list(picture.shape)}"
        raise RenderingError(
            f"no picture can be rendered: render() returns {what}, not a picture (uint8 [height, width, 3])", _ELSE
        )
    if picture.dtype.kind in "fb":
        picture = np.nan_to_num(picture * 255.0 if picture.max() <= 1 else picture)
    if picture.dtype != np.uint8:
        picture = np.clip(picture, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(np.repeat(picture, 3, axis=2) if picture.shape[2] == 1 else picture[..., :3])


def cannot_render(error: Exception) -> RenderingError:
    """The error of an environment that fails to draw, or to be made for drawing."""
    text = f"{type(error).__name__}: {error}"
    graphics = any(word in text.lower() for word in _GRAPHICS)
    return RenderingError(f"no picture can be rendered: {text}", None if graphics else _ELSE)


def no_pictures(task: str) -> RenderingError:
    """The error of an environment that has no pictures at all."""
    return RenderingError(f"the environment of {task} offers no pictures", _ELSE)


def compress(picture: Picture) -> bytes:
    """JPEG of a picture: an episode of thousands of steps must fit into memory."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def decompress(jpeg: bytes) -> Picture:
    """The picture of a JPEG, uint8 [height, width, 3]."""
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)


def padded(picture: Picture, height: int, width: int) -> Picture:
    """A picture in the middle of a larger one; one that is too large is made smaller, its shape kept."""
    if picture.shape[:2] == (height, width):
        return picture
    factor = min(height / picture.shape[0], width / picture.shape[1])
    if factor < 1:
        picture = scaled(picture, factor)
    whole = np.empty((height, width, 3), np.uint8)
    whole[:] = BACKGROUND
    top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
    whole[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return whole


def scaled(picture: Picture, factor: float) -> Picture:
    """A picture that is larger or smaller by a factor."""
    size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC), dtype=np.uint8)


def whole_blocks(pixels: int) -> int:
    """The next multiple of 16: encoders work on blocks of that size."""
    return -(-pixels // 16) * 16
