"""The most memory that learning takes, in a process of its own: ``python -m crl.benchmarks.peak FILE`` measures one.

What counts is the resident memory while an agent learns, above what the process held before there was an agent, without
what has to be there however many tasks there were: Theta, its snapshot, and the two moments of its optimiser.
"""

from __future__ import annotations

import ctypes
import gc
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crl.errors import CrlError

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
STEPS = 3
ONCE = 4
"""Arrays as large as Theta that are not counted: it, its snapshot and two moments."""


@dataclass(frozen=True)
class Peak:
    """Memory while learning, in MB (10^6 bytes).

    Attributes:
        beyond: Beyond Theta, snapshot and optimiser.
        once: Theta, snapshot and optimiser.
    """

    beyond: float
    once: float


def measure_peak(checkpoints: Path, settings: list[str]) -> Peak | None:
    """Measure in a new process what an agent takes that goes on from the newest checkpoint of a folder.

    Args:
        checkpoints: Folder of checkpoints of a run.
        settings: Settings of the run.

    Returns:
        The peak; ``None`` where the system does not tell a process of its memory as Linux does.

    Raises:
        CrlError: The process failed.
    """
    if not CLEAR.exists():
        return None
    words = json.dumps({"checkpoints": str(checkpoints), "settings": settings})
    done = subprocess.run(
        [sys.executable, "-m", "crl.benchmarks.peak", words], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise CrlError(
            f"the process that measures memory ended with {done.returncode}: {done.stderr.strip()[-500:]}",
            "there may be too little memory: try fewer --tasks",
        )
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def _resident(entry: str) -> float:
    """``VmRSS`` (now) or ``VmHWM`` (most so far) of this process (MB)."""
    (line,) = (line for line in STATUS.read_text().splitlines() if line.startswith(f"{entry}:"))
    return int(line.split()[1]) * 1024 / 1e6


def _give_back() -> None:
    """Let go of freed memory, so that it is not taken for memory that is used."""
    gc.collect()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # another C library
        return


def _measure(words: dict[str, Any]) -> Peak:
    from crl.agents.factory import make_agent
    from crl.config.asking.composing import compose
    from crl.sequences import load_sequence
    from crl.training.checkpoints.store import CheckpointStore
    from crl.training.preparing import prepare_torch
    from crl.types import LearnBudget

    config = compose(words["settings"])
    prepare_torch(config)
    sequence = load_sequence(config.env.name)
    state = CheckpointStore(Path(words["checkpoints"])).load_latest().state["agent"]
    warm = make_agent(config, sequence.spec(0))
    warm.load_state_dict(state)
    warm.learn(LearnBudget(1))  # code that learning needs is loaded with the first step
    del warm
    _give_back()
    before = _resident("VmRSS") - _bytes(state) / 1e6
    agent = make_agent(config, sequence.spec(0))
    agent.load_state_dict(state)
    del state
    _give_back()
    CLEAR.write_text("5")  # VmHWM starts again
    agent.learn(LearnBudget(STEPS))
    most = _resident("VmHWM")  # before anything is asked of the agent: its state is a copy of all that it holds
    once = ONCE * _bytes(agent.state_dict()["strategy"]["parameters"]) / 1e6
    return Peak(round(most - before - once, 1), round(once, 1))


def _bytes(state: Any) -> int:
    if isinstance(state, dict):
        return sum(_bytes(part) for part in state.values())
    if isinstance(state, list | tuple):
        return sum(_bytes(part) for part in state)
    return int(getattr(state, "nbytes", 0))


if __name__ == "__main__":
    print(json.dumps(asdict(_measure(json.loads(sys.argv[1])))))
