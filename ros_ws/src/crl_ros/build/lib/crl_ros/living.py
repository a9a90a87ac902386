"""A life between real processes: the body changes unannounced, twice over, and the agent is killed in the middle."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crl.errors import CrlError
from crl_ros.conductor import LONG
from crl_ros.driving import Drive

REGIMES = ((-1.0, 1.0), (1.0, -1.0), (-0.6, 0.6), (1.0, 1.0), (-1.0, -1.0), (0.6, -1.4))
"""Gains of speed and turn rate that are in force one after the other."""
ROUNDS = 2
"""How often each of them comes."""
LOOK = 0.2
"""Seconds between two looks at what the agent says (it says it once a second)."""
KILLED = 0.1
"""When the agent is killed, as a share of a visit, after its first round."""
SETTLED = ("known", "nominal")
"""What the agent says of a regime that it knows."""


@dataclass(frozen=True)
class Sample:
    """What the agent said at a moment.

    Attributes:
        at: Seconds of the body, which is in the first regime from its beginning.
        state: ``nominal``, ``known``, ``bridging``, ``new`` or ``unexplained``; empty while there is no agent.
        number: The regime in force, -1 while there is no agent.
        known: How many regimes it knows.
    """

    at: float
    state: str
    number: int
    known: int


def live(robot: str, deployment: Path | None, seconds: float, logs: Path | None = None) -> dict[str, Any]:
    """Drive a simulated robot there and back while its gains change, and kill the agent after the first round.

    Args:
        robot: Name of the robot; its simulated body must take gains that switch, as ``ugv_generic`` does.
        deployment: Folder of an agent with a memory of regimes.
        seconds: Duration of the life: :data:`ROUNDS` rounds of all :data:`REGIMES`.
        logs: Folder for the nodes' output.

    Returns:
        Plain data; see :func:`judge`. Besides ``restarted_s`` from the kill until the robot was driven again,
        ``believed``, when the agent changed its mind (s, state, regime), ``unsafe`` commands and ``missions`` that
        were driven.

    Raises:
        CrlError: There is no deployment, or its agent has no memory.
    """
    if deployment is None:
        raise CrlError("a life needs an agent with a memory", "deploy a run that was made with refiner=lifelong")
    each = seconds / (ROUNDS * len(REGIMES))
    fault = f"{{switch: {[list(pair) for pair in REGIMES]}, switch_time: {each}}}"
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="crl_life_") as place:
        agent = {"memory": str(Path(place) / "memory")}
        with Drive(robot, deployment, logs=logs, body={"fault": fault, "inject": 0.0}, agent=agent) as drive:
            drive.start()
            drive.go()
            drive.conductor.wait(drive.values, LONG, "the agent's word")
            if "pilot.regimes_known" not in drive.values():
                raise CrlError(f"the agent of {deployment} has no memory", "deploy a run made with refiner=lifelong")
            watcher = drive.watcher

            def now() -> float:
                return float(watcher.stamped[-1] - watcher.stamped[0])

            missions, killed, back = 0, 0.0, 0.0
            while now() < seconds:
                drive.conductor.spin(LOOK)
                samples.append(_sample(now(), drive.values()))
                if drive.values().get("done") == "True":
                    missions += 1
                    drive.send_plan()
                    drive.conductor.wait(lambda: drive.values().get("done") != "True", LONG, "the next mission")
                if not killed and now() > (len(REGIMES) + KILLED) * each:
                    killed = now()
                    back = _kill(drive)
                if dead := drive.processes.dead():
                    return {"failed": f"{', '.join(dead)} ended by itself"}
            return {
                "robot": robot,
                "seconds": seconds,
                "regimes": [list(pair) for pair in REGIMES],
                "killed_at_s": round(killed, 1),
                "restarted_s": round(back, 1),
                **judge(samples, each, killed),
                "believed": _changes(samples),
                "missions": missions,
                "commands": len(watcher.commands),
                "unsafe": len(watcher.unsafe),
            }


def _sample(at: float, values: dict[str, str]) -> Sample:
    number, known = (int(values.get(f"pilot.{key}", -1)) for key in ("regime_number", "regimes_known"))
    return Sample(at, values.get("pilot.regime", ""), number, known)


def _changes(samples: Sequence[Sample]) -> list[tuple[float, str, int]]:
    told = [(round(sample.at, 1), sample.state, sample.number) for sample in samples]
    return [one for before, one in zip([(0.0, "", -2), *told], told, strict=False) if one[1:] != before[1:]]


def _kill(drive: Drive) -> float:
    """SIGKILL the agent, start it again, and let it drive; seconds that this took."""
    began = time.monotonic()
    drive.kill_agent()
    drive.start_agent()
    drive.send_plan()
    drive.wait_until_driven()
    return time.monotonic() - began


def judge(samples: Sequence[Sample], each: float, killed: float) -> dict[str, Any]:
    """What the agent believed, visit by visit.

    Args:
        samples: What it said, in order.
        each: Seconds of a visit.
        killed: When the agent was killed (s).

    Returns:
        ``visits``: per visit the ``regime`` (index), the ``label`` that was in force in most of the visit's last
        third, ``known_s``, seconds from the visit's beginning (after a kill within it, from there on) until that label
        was in force for the first time as a known one (``None``: never), and the ``known`` regimes at its end;
        ``recalled``: visits of the second round whose label is that of the first round; ``returns``: visits of the
        second round; ``opened_again``: regimes that were opened in the second round; ``seconds_to_recall``: of the
        recalled visits, in order.
    """
    visits: list[dict[str, Any]] = []
    for index in range(ROUNDS * len(REGIMES)):
        inside = [sample for sample in samples if index * each <= sample.at < (index + 1) * each]
        last = [sample for sample in inside if sample.at >= (index + 2 / 3) * each and sample.state in SETTLED]
        label = Counter(sample.number for sample in last).most_common(1)[0][0] if last else None
        # What was said at the moment of the kill was said by the agent before it.
        start = killed if index * each <= killed < (index + 1) * each else index * each
        right = (sample for sample in inside if sample.at > start and sample.state in SETTLED)
        first = next((sample.at - start for sample in right if sample.number == label), None)
        visits.append(
            {
                "regime": index % len(REGIMES),
                "label": label,
                "known_s": None if first is None else round(first, 1),
                "known": inside[-1].known if inside else None,
            }
        )
    first_round, second = visits[: len(REGIMES)], visits[len(REGIMES) :]
    pairs = list(zip(first_round, second, strict=True))
    recalled = [now for before, now in pairs if now["label"] is not None and now["label"] == before["label"]]
    counts = [visit["known"] for visit in (first_round[-1], second[-1])]
    return {
        "visits": visits,
        "returns": len(second),
        "recalled": len(recalled),
        "different_labels": len({visit["label"] for visit in first_round} - {None}),
        "seconds_to_recall": [visit["known_s"] for visit in recalled],
        "opened_again": None if None in counts else counts[1] - counts[0],
    }
