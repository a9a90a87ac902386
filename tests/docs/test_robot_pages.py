"""The pages about robots name the topics, parameters, options and numbers that there are."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import pytest

from crl_robots import SPECS, load_spec

NODES = Path("ros_ws/src/crl_ros/crl_ros")


def page(repository: Path, name: str) -> str:
    return (repository / "docs" / "robots" / name).read_text(encoding="utf-8")


def source(repository: Path, module: str) -> str:
    return (repository / NODES / f"{module}.py").read_text(encoding="utf-8")


def parameters(text: str) -> dict[str, object]:
    """Names and defaults of a node's PARAMETERS, without importing ROS."""
    found = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Parameter":
            found[ast.literal_eval(node.args[0])] = ast.literal_eval(node.args[1])
    return found


def table(text: str, heading: str) -> list[list[str]]:
    """Rows of the first table after a heading, without its head."""
    section = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = itertools.dropwhile(lambda line: not line.startswith("|"), section.splitlines())
    rows = [line.strip("|").split("|") for line in itertools.takewhile(lambda line: line.startswith("|"), lines)]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_the_table_of_parameters_is_the_nodes(repository: Path) -> None:
    rows = table(page(repository, "ugv.md"), "Parameters of `agent_node`")
    declared = parameters(source(repository, "agent_node"))
    assert [row[0].strip("`") for row in rows] == list(declared)
    for row in rows:
        name, said = row[0].strip("`"), row[1].strip("`")
        default = declared[name]
        if isinstance(default, bool):
            assert said == str(default).lower()
        elif isinstance(default, float | int):
            assert float(said) == default


def test_topics_and_services_are_the_nodes(repository: Path) -> None:
    text = page(repository, "ugv.md")
    code = "".join(source(repository, name) for name in ("agent_node", "asking", "health", "judging"))
    rows = table(text, "Topics")
    for row in rows:
        name, direction = re.fullmatch(r"`([\w/]+)` (in|out)", row[0]).groups()  # type: ignore[union-attr]
        kind = re.match(r"`(\w+)/(\w+)`", row[1]).group(2)  # type: ignore[union-attr]
        assert f'"{name}"' in code, name
        assert re.search(rf"\b{kind}\b", code), kind
        heard = re.search(rf'\bsubscribe\(\s*{kind}, "{name}"', code)
        assert direction == ("in" if heard else "out"), name
    for service in ("~/learn", "~/reset_e_stop", "~/name_regime", "~/forget_regime"):
        assert f'"{service}"' in code
        assert service in text
    for key in ("decision_ms_p99", "missed"):
        assert key in code
        assert key in text


def test_what_the_diagnostics_say_of_the_pilot_exists(repository: Path) -> None:
    files = ("pilot.py", "beside.py", "memory_beside.py")
    told = "".join((repository / "crl" / "deployment" / name).read_text(encoding="utf-8") for name in files)
    for name in ("ugv.md", "quadrotor.md"):
        for key in re.findall(r"`pilot\.(\w+)`", page(repository, name)):
            assert f'"{key}":' in told, key


def test_options_of_the_runner_and_of_the_launch_file_exist(repository: Path) -> None:
    runner = source(repository, "bringup")
    launch = (repository / NODES.parent / "launch" / "agent.launch.py").read_text(encoding="utf-8")
    checked = 0
    for name in ("ugv.md", "quadrotor.md"):
        for line in page(repository, name).splitlines():
            if "crl_ros.bringup --" in line:
                for option in re.findall(r"--[a-z-]+", line):
                    assert f'add("{option}"' in runner, option
                    checked += 1
            if line.startswith("    ros2 launch"):
                for argument in re.findall(r"(\w+):=", line):
                    assert f'("{argument}",' in launch, argument
                    checked += 1
    assert checked > 8


@pytest.mark.parametrize("name", SPECS)
def test_numbers_are_those_of_the_descriptions(name: str, repository: Path) -> None:
    spec = load_spec(name)
    if name == "ugv_husky":
        text = page(repository, "ugv.md")
        assert f"husky: {spec.decision_rate:g} Hz" in text
        assert f"husky: {spec.command_rate:g} Hz" in text
        assert f"zero after {spec.timeouts.observation:g} s without a message" in text
        assert f"zero after {spec.timeouts.decision:g} s without a decision" in text
        assert f"`timeouts.receiver` ({spec.timeouts.receiver:g} s)" in text
    if spec.body == "air":
        text = page(repository, "quadrotor.md")
        assert spec.landing is not None
        assert f"after {spec.landing.after:g} s of uninterrupted stop" in text
        assert f"sinks at {spec.landing.speed:g} m/s" in text
        assert f"decides {spec.decision_rate:g} times a second" in text
        assert f"hold beyond {spec.tilt:g} rad" in text
        assert f"{spec.limits.high[0]:g} m/s level, {spec.limits.high[2]:g} m/s up and down" in text


def test_robots_and_environments_of_the_page_about_deploying_fit(repository: Path) -> None:
    from crl.sequences import load_sequence

    text = (repository / "docs" / "how-to" / "deploy.md").read_text(encoding="utf-8")
    rows = [[cell.strip("`") for cell in row] for row in table(text, "Export")]
    assert {row[1] for row in rows} == set(SPECS)
    for env, robot in rows:
        entry, body = load_sequence(env).tasks[0], load_spec(robot).simulation
        assert body is not None
        assert body.env == entry.id
        assert all(entry.kwargs[key] == value for key, value in body.options.items())
