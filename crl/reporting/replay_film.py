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

from crl.errors import CrlError

NO_FFMPEG = (
    "pip install 'imageio[ffmpeg]', or install ffmpeg and name it in IMAGEIO_FFMPEG_EXE; `crl doctor` tells more"
)


class Film:
    """A film that is complete or not there: it is written beside its place and moved there at the end.

    Args:
        path: The mp4 to write; its folder is made.
        fps: Pictures per second.

    Attributes:
        written: The mp4, or the folder of PNG files where there is no ffmpeg.
        note: Why it is a folder, and the mend.

    Raises:
        CrlError: It can't be written.
    """

    def __init__(self, path: Path, fps: int) -> None:
        self.written, self.note = path, None if has_ffmpeg() else f"no ffmpeg: pictures instead of a film; {NO_FFMPEG}"
        self._fps, self._count = fps, 0
        self._beside = path.with_name(f".{path.name}.part.mp4")
        self._writer: Any = None
        if self.note is not None:
            self.written = path.with_suffix("")

    def add(self, picture: NDArray[np.uint8]) -> None:
        """Append a picture, uint8 [height, width, 3], all of one size."""
        try:
            if self._count == 0:
                self.written.parent.mkdir(parents=True, exist_ok=True)
            if self.note is not None:
                self.written.mkdir(exist_ok=True)
                Image.fromarray(picture).save(self.written / f"{self._count:06d}.png")
            else:
                if self._writer is None:
                    self._writer = imageio.get_writer(self._beside, fps=self._fps, codec="libx264", macro_block_size=16)
                self._writer.append_data(picture)
        except OSError as error:
            raise self._unwritten(error) from error
        self._count += 1

    def __enter__(self) -> Film:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
                if kind is None:
                    self._beside.replace(self.written)
                else:
                    self._beside.unlink(missing_ok=True)
        except OSError as failure:
            raise self._unwritten(failure) from failure

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
