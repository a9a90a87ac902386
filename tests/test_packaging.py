from __future__ import annotations

import importlib.metadata
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

import pytest

import crl
from crl.config.declared.compositions import compositions, elements
from tests.scripts_by_path import load_script


@pytest.fixture
def project(repository: Path) -> dict[str, Any]:
    with (repository / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    root = Path(__file__).resolve().parents[1]
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = folder.glob("*.whl")
    here = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if here.startswith("linux_"):  # the package index takes no plain linux
        here = here.replace("linux_", r"(many)?linux_(\d+_\d+_)?", 1)
    assert re.fullmatch(f"crl-{crl.__version__}-py3-none-{here if can_compile() else 'any'}.whl", built.name)
    unpacked = folder / "unpacked"
    with zipfile.ZipFile(built) as archive:
        archive.extractall(unpacked)
    return unpacked


def can_compile() -> bool:
    return any(shutil.which(name) for name in ("cc", "gcc", "clang"))


@pytest.mark.parametrize(
    ("library", "platform", "expected"),
    [
        (b"GLIBC_2.2.5\0GLIBC_2.14", "linux-x86_64", "manylinux_2_17_x86_64"),
        (b"GLIBC_2.2.5\0GLIBC_2.34", "linux-aarch64", "manylinux_2_34_aarch64"),
        (b"no GNU library", "linux-x86_64", "linux_x86_64"),
        (b"", "macosx-11.0-arm64", "macosx_11_0_arm64"),
    ],
)
def test_a_wheels_platform_is_what_its_kernel_needs(
    library: bytes, platform: str, expected: str, repository: Path
) -> None:
    pytest.importorskip("hatchling")
    module = load_script("hatch_build.py")
    assert module.platform_of(library, platform) == expected


class TestWheel:
    @pytest.mark.parametrize(
        "path",
        [
            "crl/py.typed",
            "crl_envs/py.typed",
            "crl_envs/missions/maps/courtyard.csv",
            "crl_envs/missions/maps/hall.csv",
            "crl_robots/py.typed",
            "crl/configs/config.yaml",
            "crl/kernel/source/rollout.c",
            "crl/configs/env/door_open.yaml",
            "crl_robots/specs/ugv_husky.yaml",
            "crl/configs/profile/door_open/quick.yaml",
            f"crl-{crl.__version__}.dist-info/licenses/LICENSE",
        ],
    )
    def test_holds(self, wheel: Path, path: str) -> None:
        assert (wheel / path).is_file()

    def test_holds_nothing_but_the_packages(self, wheel: Path) -> None:
        assert {path.name for path in wheel.iterdir()} == {
            "crl",
            "crl_envs",
            "crl_robots",
            f"crl-{crl.__version__}.dist-info",
        }

    @pytest.mark.skipif(not can_compile(), reason="there is no C compiler: the wheel holds Python alone")
    def test_holds_a_kernel_that_fits_its_python(self, wheel: Path) -> None:
        code = (
            f"import sys; sys.path.insert(0, {str(wheel)!r})\n"
            "from crl.kernel.library import library\n"
            "print(library().loaded._name, *library().sets)"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=wheel)
        name, first, *_ = done.stdout.split()
        assert (name, first) == (str(wheel / "crl/kernel/librollout.so"), "portable")

    def test_holds_every_config(self, wheel: Path, repository: Path) -> None:
        def listed(folder: Path) -> set[str]:
            return {str(path.relative_to(folder)) for path in folder.rglob("*.yaml")}

        assert listed(wheel / "crl/configs") == listed(repository / "configs")

    def test_composes_from_its_own_configs(self, wheel: Path) -> None:
        code = (
            f"import sys; sys.path.insert(0, {str(wheel)!r})\n"
            "from crl.config.asking import composing as settings\n"
            "print(settings.config_dir()); print(settings.compose(['env=door_open']).env.tasks)"
        )
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=wheel)
        assert done.stdout.splitlines() == [str(wheel / "crl/configs"), "[0, 2, 4]"]


class TestMetadata:
    def test_the_installed_version_is_this_one(self) -> None:
        assert version("crl") == crl.__version__

    @pytest.mark.parametrize("group", ["crl.task_sequences", "crl.planners"])
    def test_every_entry_point_loads(self, group: str) -> None:
        points = [point for point in entry_points(group=group) if point.dist is not None and point.dist.name == "crl"]
        assert points, "run `make install-dev` after a change of pyproject.toml"
        for point in points:
            assert point.load() is not None

    def test_the_environments_entry_point_registers(self) -> None:
        import gymnasium

        (point,) = [point for point in entry_points(group="gymnasium.envs") if point.module == "crl_envs"]
        point.load()()
        assert {"crl/DoorOpen-v0", "crl/CartPoleLength-v0"} <= set(gymnasium.registry)

    def test_every_planner_and_sequence_has_a_config(self, project: dict[str, Any], repository: Path) -> None:
        points = project["project"]["entry-points"]
        for group, folder in (("crl.planners", "planner"), ("crl.task_sequences", "env")):
            files = {path.stem for path in (repository / "configs" / folder).glob("*.yaml")}
            assert set(points[group]) <= files

    def test_every_strategy_is_made_of_what_there_is(self) -> None:
        for name in compositions():
            assert elements(name), name
            for path in elements(name):
                module, _, attribute = path.partition(":")
                assert isinstance(getattr(importlib.import_module(module), attribute), type), path


class TestConstraints:
    def pins(self, repository: Path) -> dict[str, str]:
        lines = (repository / "constraints.txt").read_text().splitlines()
        pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
        return {pair[0]: pair[1] for pair in pairs}

    def test_every_dependency_is_pinned(self, project: dict[str, Any], repository: Path) -> None:
        extras = project["project"]["optional-dependencies"]
        wanted = [*project["project"]["dependencies"], *extras["dev"], *extras["viz"], *extras["docs"]]
        names = {re.split(r"[\[<>=!;~ ]", requirement)[0] for requirement in wanted}
        assert names <= set(self.pins(repository))

    def test_the_tests_run_with_the_pinned_versions(self, repository: Path) -> None:
        """What passed here says nothing about other versions."""
        differing = {}
        for name, pin in self.pins(repository).items():
            try:
                found = version(name).split("+")[0]
            except importlib.metadata.PackageNotFoundError:
                continue  # an extra that isn't installed
            if found != pin:
                differing[name] = (pin, found)
        assert differing == {}


def test_the_changelog_describes_this_version(repository: Path) -> None:
    assert f"## [{crl.__version__}]" in (repository / "CHANGELOG.md").read_text()


def test_importing_the_packages_imports_nothing_heavy() -> None:
    heavy = {"torch", "mujoco", "pybullet", "hydra", "gymnasium", "rclpy"}
    for package, avoided in (("crl", heavy | {"numpy"}), ("crl_robots", heavy - {"gymnasium"})):
        code = f"import sys, {package}; print(sorted(set({sorted(avoided)}) & sys.modules.keys()))"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]", package
