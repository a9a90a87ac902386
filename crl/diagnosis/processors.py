"""Processor cores against threads, and GPUs: what torch sees."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from crl.cores import cores
from crl.diagnosis.finding import Finding
from crl.diagnosis.probe import Told, probe

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_TORCH = """
import torch
cuda = torch.cuda.is_available()
tell({
    "threads": torch.get_num_threads(),
    "built_for": torch.version.cuda or getattr(torch.version, "hip", None),
    "available": cuda,
    "names": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())] if cuda else [],
})
if cuda:
    tell(float((torch.ones(64, 64, device="cuda") @ torch.ones(64, 64, device="cuda")).sum()))
"""


def processors() -> list[Finding]:
    """Findings on cores, threads and GPUs."""
    told = probe(_TORCH)
    seen: dict[str, Any] = told.values[0] if told.values else {}
    usable = cores()
    return [
        Finding("threads", "cores", "ok", f"{usable} for this process, {os.cpu_count() or '?'} in the machine"),
        *(_variable(name, usable) for name in VARIABLES if name in os.environ or name == VARIABLES[0]),
        _torch_threads(told, seen, usable),
        _gpu(told, seen),
    ]


def _variable(name: str, usable: int) -> Finding:
    text = os.environ.get(name)
    if text is None:
        hint = f"export {name}=1 before several runs at once: each would use all cores and slow the others down"
        return Finding("threads", name, "ok" if usable == 1 else "warning", "not set", hint)
    try:
        threads = int(text.split(",")[0])
    except ValueError:
        threads = 0
    if threads < 1:
        return Finding("threads", name, "warning", f"{text!r} is no number of threads", f"export {name}=1")
    if threads > usable:
        said = f"{threads} threads on {usable} core{'s' * (usable > 1)}: they wait for each other"
        return Finding("threads", name, "warning", said, f"export {name}=1")
    return Finding("threads", name, "ok", str(threads))


def _torch_threads(told: Told, seen: dict[str, Any], usable: int) -> Finding:
    if not seen:
        hint = "see torch among the packages"
        return Finding("threads", "torch", "broken", told.trouble or "it told nothing", hint, needed=True)
    said = f"{seen['threads']} by default; a run uses its setting threads (1)"
    if seen["threads"] > usable:
        return Finding("threads", "torch", "warning", said, "export OMP_NUM_THREADS=1")
    return Finding("threads", "torch", "ok", said)


def _gpu(told: Told, seen: dict[str, Any]) -> Finding:
    there = Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None
    if seen.get("available"):
        said = ", ".join(seen["names"])
        if told.trouble is None:
            return Finding("gpu", "CUDA", "ok", said)
        hint = "device=cpu until driver and PyTorch fit each other (nvidia-smi names the driver's CUDA version)"
        return Finding("gpu", "CUDA", "warning", f"{said}: {told.trouble}", hint)
    if not there:
        return Finding("gpu", "CUDA", "absent", "no NVIDIA GPU; runs use the CPU, which small models like as well")
    if seen.get("built_for"):
        hint = "check the driver with nvidia-smi; in a container, pass the GPU in (docker run --gpus all)"
        return Finding("gpu", "CUDA", "warning", "a GPU is there, but torch does not see it", hint)
    hint = "install PyTorch with CUDA: https://pytorch.org/get-started/locally"
    return Finding("gpu", "CUDA", "warning", "a GPU is there, but this PyTorch is built for the CPU alone", hint)
