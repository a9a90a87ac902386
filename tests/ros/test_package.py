"""The ROS package's files agree with each other: there is no `ros2 launch` here that would find out."""

from __future__ import annotations

import ast
import configparser
import importlib
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest
import yaml

NODES = {
    "crl_agent": ("crl_ros.agent_node", "agent_node"),
    "mission": ("crl_ros.mission_node", "mission_node"),
    "recorder": ("crl_ros.recorder_node", "recorder_node"),
    "sim_robot": ("crl_ros.sim_robot_node", "sim_robot_node"),
}
"""Names of nodes: their modules and executables."""
LAUNCH = ("agent.launch.py", "sim.launch.py")


def setup_arguments(package: Path) -> dict[str, ast.expr]:
    tree = ast.parse((package / "setup.py").read_text())
    call = next(
        node for node in ast.walk(tree) if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "setup"
    )
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def scripts(package: Path) -> dict[str, str]:
    entries = ast.literal_eval(setup_arguments(package)["entry_points"])["console_scripts"]
    return dict(re.fullmatch(r"(\S+) = (\S+)", entry).groups() for entry in entries)  # type: ignore[union-attr]


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == name]


def keywords(call: ast.Call) -> dict[str, Any]:
    return {k.arg: k.value.value for k in call.keywords if k.arg and isinstance(k.value, ast.Constant)}


def arguments(tree: ast.Module) -> list[str]:
    """Names of the launch arguments."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", "") == "ARGUMENTS":
            assert isinstance(statement.value, ast.Tuple)
            return [entry.elts[0].value for entry in statement.value.elts]  # type: ignore[attr-defined]
    raise AssertionError("there are no ARGUMENTS")


def test_the_manifest_names_what_is_imported(package: Path) -> None:
    root = ElementTree.parse(package / "package.xml").getroot()
    assert root.findtext("name") == "crl_ros"
    assert root.findtext("export/build_type") == "ament_python"
    needed = {element.text for element in root.findall("exec_depend")}
    imported = set()
    for file in [*package.glob("crl_ros/*.py"), *package.glob("launch/*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            imported |= {str(name).partition(".")[0] for name in names}
    ros = {name for name in imported if name.endswith("_msgs") or name in ("rclpy", "std_srvs", "launch", "launch_ros")}
    # Messages hold those of builtin_interfaces, which nobody imports.
    assert needed == ros | {"builtin_interfaces", "rcl_interfaces"}


def test_version_and_name_are_the_same_everywhere(package: Path) -> None:
    root = ElementTree.parse(package / "package.xml").getroot()
    setup = setup_arguments(package)
    assert ast.literal_eval(setup["version"]) == root.findtext("version")
    assert (package / "resource" / "crl_ros").is_file()
    config = configparser.ConfigParser()
    config.read(package / "setup.cfg")
    # Where `ros2 run` and launch look for executables.
    assert config["install"]["install_scripts"] == "$base/lib/crl_ros"


def test_executables_exist(package: Path) -> None:
    pytest.importorskip("rclpy")
    for target in scripts(package).values():
        module, function = target.split(":")
        assert callable(getattr(importlib.import_module(module), function))


def test_the_parameter_file_names_each_parameter_with_its_default(package: Path) -> None:
    pytest.importorskip("rclpy")
    plain = yaml.safe_load((package / "config" / "agent.yaml").read_text())
    assert set(plain) == {f"/**/{name}" for name in NODES}
    for name, (module, _) in NODES.items():
        declared = {p.name: p.default for p in importlib.import_module(module).PARAMETERS}
        assert plain[f"/**/{name}"]["ros__parameters"] == declared


@pytest.mark.parametrize("file", LAUNCH)
def test_launch_files_name_nodes_and_parameters_that_exist(package: Path, file: str) -> None:
    tree = ast.parse((package / "launch" / file).read_text())
    compile(tree, file, "exec")
    executables = scripts(package)
    nodes = [*calls(tree, "Node"), *calls(tree, "LifecycleNode")]
    assert nodes
    plain = yaml.safe_load((package / "config" / "agent.yaml").read_text())
    for node in nodes:
        named = keywords(node)
        assert named["executable"] in executables
        assert NODES[named["name"]][1] == named["executable"]
        given = next(k.value for k in node.keywords if k.arg == "parameters")
        keys = {k.value for d in ast.walk(given) if isinstance(d, ast.Dict) for k in d.keys if k is not None}  # type: ignore[attr-defined]
        assert keys <= set(plain[f"/**/{named['name']}"]["ros__parameters"])


@pytest.mark.parametrize("file", LAUNCH)
def test_launch_arguments_are_declared_and_used(package: Path, file: str) -> None:
    text = (package / "launch" / file).read_text()
    tree = ast.parse(text)
    declared = arguments(tree)
    used = set(re.findall(r'given\["(\w+)"\]', text))
    for loop in re.findall(r"for name in \(([^)]*)\)", text):
        used |= set(re.findall(r'"(\w+)"', loop))
    if file == "sim.launch.py":
        assert set(declared) >= {"robot", "deployment"}
        passed_on = ast.literal_eval(
            next(s.value for s in tree.body if getattr(getattr(s, "targets", [None])[0], "id", "") == "PASSED_ON")
        )  # type: ignore[attr-defined]
        assert set(passed_on) <= set(arguments(ast.parse((package / "launch" / "agent.launch.py").read_text())))
        used |= set(passed_on)
    assert set(declared) == used


def test_the_package_imports_no_simulator_and_unpickles_nothing(package: Path) -> None:
    for file in package.glob("crl_ros/*.py"):
        text = file.read_text()
        assert not re.search(r"^\s*(import|from) (mujoco|pybullet|torch|pickle|shelve|marshal|dill)\b", text, re.M)
        assert "yaml.load(" not in text
