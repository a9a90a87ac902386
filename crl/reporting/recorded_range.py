"""How a run compares with the recorded range of the same settings over several seeds.

A range ships with the settings, as ``configs/recorded/ENV_PROFILE.json``, and is written by the script that writes the
page of those runs. Seeds differ, and so does one seed on two processors, which round differently.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crl.config import Config
from crl.config.asking.composing import compose, config_dir, fingerprint


def compared(results: Mapping[str, Any], config: Config) -> list[str]:
    """Lines that say where a run lies in the recorded range.

    Args:
        results: Content of the run's ``results.json``.
        config: The run's settings.

    Returns:
        Nothing unless there is a range for the run's sequence and profile, and but for its seed the run has all
        settings that ``crl train env=ENV profile=PROFILE`` has.
    """
    if not all(task.get("successes") for task in results["tasks"]):  # results of before, or without a notion of success
        return []
    path = config_dir() / "recorded" / f"{config.env.name}_{config.profile}.json"
    if not path.is_file():
        return []
    usual = compose([f"env={config.env.name}", f"profile={config.profile}"])
    if fingerprint(replace(config, seed=usual.seed)) != fingerprint(usual):
        return []
    recorded = json.loads(path.read_text(encoding="utf-8"))
    judged = {task["name"] for task in results["tasks"] if task.get("successes")}
    return sentences(results, recorded) if judged == set(recorded["opened"]) else []


def sentences(results: Mapping[str, Any], recorded: Mapping[str, Any]) -> list[str]:
    """The comparison itself: successes per task, their mean and the environment steps, each with its range."""
    parts: list[str] = []
    below: list[str] = []
    weak: list[str] = []
    tasks = {task["name"]: task["successes"] for task in results["tasks"]}
    for name, (low, high) in recorded["opened"].items():
        found = sum(tasks[name])
        parts.append(f"{name} {found} ({low} to {high})")
        if found < low:
            (weak if found < recorded["least"] else below).append(name)
    mean = sum(sum(each) / len(each) for each in tasks.values()) / len(tasks)
    low, high = recorded["success"]
    parts.append(f"mean {mean:.0%} ({low:.0%} to {high:.0%})")
    if mean < low - 1e-3:  # the file rounds
        below.append("the mean")
    least, most = recorded["env_steps"]
    parts.append(f"environment steps {results['env_steps']:,} ({least:,} to {most:,})")
    count = len(recorded["seeds"])
    lines = [f"beside {count} recorded seeds, successes of {recorded['episodes']}: {', '.join(parts)}"]
    if weak:
        lines.append(
            f"below that range, and below the {recorded['least']} that are expected: {', '.join(weak)}. A seed is "
            "another draw on a processor that rounds differently: try one more, such as seed=1"
        )
    elif below:
        lines.append(f"below that range, but not below the {recorded['least']} that are expected: {', '.join(below)}")
    else:
        lines.append("no score is below that range")
    return lines
