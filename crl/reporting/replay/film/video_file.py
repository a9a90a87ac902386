"""Writes pictures as mp4, or as PNG files where there is no ffmpeg."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import imageio.v2 as imageio
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crl.errors import CrlError, RenderingError
from crl.reporting.replay.film.pictures import padded, whole_blocks

NO_FFMPEG = (
    "pip install 'imageio[ffmpeg]', or install ffmpeg and name it in IMAGEIO_FFMPEG_EXE; `crl doctor` tells more"
)

NOTHING = "its render() draws nothing; `crl replay RUN --task N` shows fields, actions and errors without pictures"
"""What to do about an environment whose pictures are empty."""


class Film:
    """A film that is complete or not there: it is written beside its place and moved there at the end.

    Encoders work on blocks of 16 pixels: what does not fit has a rim around it, and is never stretched. A picture of
    another size than the first one is made to fit into it.

    Args:
        path: The mp4 to write; its folder is made.
        fps: Pictures per second.
        blank: Whether pictures without anything on them may be written.

    Attributes:
        written: The mp4, or the folder of PNG files where there is no ffmpeg.
        note: Why it is a folder, and the hint.
        count: Pictures so far.

    Raises:
        RenderingError: Every picture was of one colour, and that is not allowed; no film is left.
        CrlError: It can't be written.
    """

    def __init__(self, path: Path, fps: int, *, blank: bool = True) -> None:
        self.written, self.note = path, None if has_ffmpeg() else f"no ffmpeg: pictures instead of a film; {NO_FFMPEG}"
        self._fps, self.count = fps, 0
        self._size: tuple[int, int] | None = None
        self._blank, self._empty = blank, True
        self._beside = path.with_name(f".{path.name}.part.mp4")
        self._writer: Any = None
        if self.note is not None:
            self.written = path.with_suffix("")

    @property
    def notes(self) -> list[str]:
        """What a viewer should know of the file."""
        return [] if self.note is None else [self.note]

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Append a picture, uint8 [height, width, 3]."""
        self._empty = self._empty and bool((picture == picture[0, 0]).all())
        if self._size is None:
            height, width = picture.shape[:2]
            self._size = (height, width) if self.note is not None else (whole_blocks(height), whole_blocks(width))
        picture = padded(picture, *self._size)
        try:
            if self.count == 0:
                self.written.parent.mkdir(parents=True, exist_ok=True)
            if self.note is not None:
                self.written.mkdir(exist_ok=True)
                Image.fromarray(picture).save(self.written / f"{self.count:06d}.png")
            else:
                if self._writer is None:
                    self._writer = imageio.get_writer(self._beside, **self._how())
                self._writer.append_data(picture)
        except OSError as error:
            raise self._unwritten(error) from error
        self.count += 1

    def __enter__(self) -> Film:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        useless = self.count > 0 and self._empty and not self._blank
        try:
            if self._writer is not None:
                self._writer.close()
                if kind is None and not useless:
                    self._beside.replace(self.written)
                else:
                    self._beside.unlink(missing_ok=True)
            elif useless and kind is None:
                self._remove_pictures()
        except OSError as failure:
            raise self._unwritten(failure) from failure
        if useless and kind is None:
            raise RenderingError("every picture of the environment is of one colour: there is nothing to film", NOTHING)

    def _remove_pictures(self) -> None:
        """Remove the PNG files, and their folder where nothing else is in it."""
        for number in range(self.count):
            (self.written / f"{number:06d}.png").unlink(missing_ok=True)
        if not any(self.written.iterdir()):
            self.written.rmdir()

    def _how(self) -> dict[str, Any]:
        """How ffmpeg encodes: its usual preset takes two to four times as long, and its files are hardly smaller."""
        return {"fps": self._fps, "codec": "libx264", "macro_block_size": 16, "output_params": ["-preset", "veryfast"]}

    def _unwritten(self, error: OSError) -> CrlError:
        return CrlError(f"{self.written} can't be written: {error}", "name another file with --out")


def has_ffmpeg() -> bool:
    """Whether there is a program ffmpeg, in imageio's package or elsewhere."""
    try:
        program = importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe()
    except (ImportError, RuntimeError):
        return False
    # What IMAGEIO_FFMPEG_EXE names is taken unseen.
    return shutil.which(program) is not None
