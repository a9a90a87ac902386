"""Compiles the kernel when a wheel is built; without a C compiler the wheel holds Python alone, and PyTorch unrolls."""

from __future__ import annotations

import importlib.util
import re
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompiledKernel(BuildHookInterface):  # type: ignore[type-arg]
    """Puts the library into a wheel, or beside its sources for an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before a wheel is built; ``version`` is ``standard`` or ``editable``."""
        building = _building(Path(self.root))
        self._folder = tempfile.TemporaryDirectory()
        target = building.LIBRARY if version == "editable" else Path(self._folder.name) / building.LIBRARY.name
        try:
            building.build(target)
        except building.NotBuilt as error:
            self.app.display_warning(f"the kernel of crl is not compiled, so that PyTorch unrolls models: {error}")
            return
        if version != "editable":
            build_data["force_include"][str(target)] = f"crl/kernel/{target.name}"
        build_data["pure_python"] = False
        # The library needs no version of Python, only the platform.
        build_data["tag"] = f"py3-none-{platform_of(target.read_bytes(), sysconfig.get_platform())}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called when the wheel is written."""
        self._folder.cleanup()


def platform_of(library: bytes, platform: str) -> str:
    """The platform of a wheel with a library: on Linux the least GNU C library that has what it needs (PEP 600).

    The package index takes wheels of such a platform, and none of plain ``linux``.

    Args:
        library: The compiled library.
        platform: This machine's, as :func:`sysconfig.get_platform` tells it.
    """
    needed = [tuple(map(int, found)) for found in re.findall(rb"GLIBC_(\d+)\.(\d+)", library)]
    if platform.startswith("linux-") and needed:
        major, minor = max(*needed, (2, 17))
        platform = platform.replace("linux-", f"manylinux_{major}_{minor}_", 1)
    return platform.replace("-", "_").replace(".", "_")


def _building(root: Path) -> ModuleType:
    """crl/kernel/building.py, which needs only the standard library; a build can't import the package itself."""
    spec = importlib.util.spec_from_file_location("building", root / "crl" / "kernel" / "building.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
