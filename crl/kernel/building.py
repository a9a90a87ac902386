"""Compiles the kernel with the machine's C compiler.

Used when the package is built, and in place::

    python -m crl.kernel.building

Imports nothing but the standard library: a build has nothing else. The compiler is that of the environment variable
``CC``, or the first of ``cc``, ``gcc`` and ``clang``.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCES = HERE / "source"
LIBRARY = HERE / "librollout.so"
"""Where the compiled library lies."""

_FLAGS = [
    "-std=gnu11",
    "-O3",
    "-fPIC",
    "-fvisibility=default",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
]
_AVX512 = ["-mavx512f", "-mavx512dq", "-mavx2", "-mfma", "-mprefer-vector-width=512"]
_SETS = {
    "portable": (4, 6, []),
    "avx2": (8, 6, ["-mavx2", "-mfma"]),
    "avx512": (16, 12, _AVX512),
    "avx512_bf16": (16, 12, [*_AVX512, "-mavx512bf16"]),
}
"""Instruction sets: floats in a register, outputs in a block of weights (two vectors of sums each must fit into the
registers), and what the compiler is told."""
_NEWEST = "avx512_bf16"
"""What compilers before GCC 10 and Clang 9 don't know."""
_ROWS = 32


class NotBuilt(Exception):
    """The kernel can't be compiled here; the text says why."""


def digest() -> str:
    """What tells versions of the sources apart."""
    found = hashlib.sha256()
    for file in sorted(SOURCES.iterdir()):
        if file.suffix in (".c", ".h"):
            found.update(file.name.encode() + file.read_bytes())
    return found.hexdigest()[:16]


def build(target: Path = LIBRARY) -> Path:
    """Compile the kernel to a file, in place of an earlier one.

    Args:
        target: Where the library goes.

    Raises:
        NotBuilt: There is no compiler, or it fails.
    """
    compiler = _compiler()
    sets = [name for name in _SETS if name == "portable" or platform.machine().lower() in ("x86_64", "amd64")]
    try:
        return _build(target, compiler, sets)
    except NotBuilt:
        if _NEWEST not in sets:
            raise
    return _build(target, compiler, [name for name in sets if name != _NEWEST])


def _build(target: Path, compiler: list[str], sets: list[str]) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        objects = []
        for name in sets:
            width, block, flags = _SETS[name]
            sizes = [f"-DCRL_SET={name}", f"-DCRL_WIDTH={width}", f"-DCRL_BLOCK={block}", f"-DCRL_ROWS={_ROWS}"]
            objects.append(Path(folder) / f"{name}.o")
            _run([*compiler, *_FLAGS, *flags, *sizes, "-c", str(SOURCES / "rollout.c"), "-o", str(objects[-1])])
        told = [f'-DCRL_SOURCES="{digest()}"', *(f"-DCRL_HAS_{name}" for name in sets)]
        objects.append(Path(folder) / "dispatch.o")
        _run([*compiler, *_FLAGS, *told, "-c", str(SOURCES / "dispatch.c"), "-o", str(objects[-1])])
        made = Path(folder) / LIBRARY.name
        _run([*compiler, "-shared", "-o", str(made), *map(str, objects), "-lm"])
        beside = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copyfile(made, beside)
        beside.replace(target)  # at once: whoever loads it meanwhile gets the whole of one of the two
    return target


def _compiler() -> list[str]:
    named = shlex.split(os.environ.get("CC", ""))
    if named:
        return named
    for name in ("cc", "gcc", "clang"):
        if shutil.which(name):
            return [name]
    raise NotBuilt("there is no C compiler (cc, gcc or clang) on this machine")


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NotBuilt(f"the compiler {command[0]!r} can't be run: {error}") from error
    if done.returncode:
        raise NotBuilt(f"{shlex.join(command)} failed: {done.stderr.strip()[-2000:]}")


if __name__ == "__main__":
    try:
        print(build())
    except NotBuilt as error:
        sys.exit(f"the kernel is not built: {error}")
