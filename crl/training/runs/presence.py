"""Whether a run's folder is still where the run was told to work, and where it is if it was moved."""

from __future__ import annotations

import os
from pathlib import Path

from crl.reading.plain import read_text

_DELETED = " (deleted)"


class Presence:
    """A folder that is held open, so that it is known again wherever it goes.

    Args:
        path: The folder.
        mark: A file in it, and its content: they tell the folder where the file system renumbers what it holds.
    """

    def __init__(self, path: Path, mark: tuple[str, str]) -> None:
        self.path = path
        self._mark = mark
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        found = os.fstat(self._descriptor)
        self._identity = found.st_dev, found.st_ino

    def there(self) -> bool:
        """Whether the folder is where it was. A file system that does not answer tells nothing: it counts as there."""
        try:
            found = self.path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError:
            return True
        if (found.st_dev, found.st_ino) == self._identity:
            return True
        name, content = self._mark
        try:
            return read_text(self.path / name, len(content.encode())) == content
        except (OSError, UnicodeDecodeError):
            return False

    def moved_to(self) -> Path | None:
        """Where the folder is now; ``None`` if it was removed, or nobody can tell."""
        try:
            place = os.readlink(f"/proc/self/fd/{self._descriptor}")  # noqa: PTH115 (no path of a file)
            found = os.stat(place)  # noqa: PTH116
        except OSError:
            return None
        same = (found.st_dev, found.st_ino) == self._identity
        return Path(place) if same and not place.endswith(_DELETED) else None

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self._descriptor)
