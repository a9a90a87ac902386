"""Every subject in a machine as it should be, and in broken ones: fake modules and packages, bad variables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crl.diagnosis import disk as disk_module
from crl.diagnosis.disk import disk
from crl.diagnosis.finding import Finding
from crl.diagnosis.packages import packages
from crl.diagnosis.plugins import plugins
from crl.diagnosis.processors import processors
from crl.diagnosis.rendering import _choice, rendering
from crl.diagnosis.ros import ros
from crl.diagnosis.video import video

CRASH = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


@pytest.fixture
def shadows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose modules child processes import instead of the installed ones."""
    folder = tmp_path / "shadows"
    folder.mkdir()
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
    monkeypatch.setenv("PYTHONPATH", path)
    return folder


def install(folder: Path, name: str, entry_points: str = "", requires: str = "") -> None:
    """Leave the metadata of an installed package."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{requires}")
    (info / "entry_points.txt").write_text(entry_points)


class TestPackages:
    def test_this_installation_is_sound(self) -> None:
        found = by_name(packages())
        for name in ("Python", "crl", "torch", "mujoco", "gymnasium", "hydra-core"):
            assert (found[name].state, found[name].needed) == ("ok", True), found[name]
        assert not any(finding.stops_training for finding in found.values())

    def test_a_package_that_crashes_at_import_is_named_and_the_others_are_still_looked_at(self, shadows: Path) -> None:
        (shadows / "hydra.py").write_text(CRASH)
        (shadows / "torch.py").write_text("raise ImportError('libcudart.so.12: cannot open shared object file')")
        found = by_name(packages())
        assert found["hydra-core"].stops_training
        assert "it crashed (SIGSEGV)" in found["hydra-core"].said
        assert "--force-reinstall" in str(found["hydra-core"].hint)
        assert "libcudart.so.12" in found["torch"].said
        assert found["torch"].stops_training
        assert found["numpy"].state == "ok"

    def test_what_only_some_runs_need_does_not_stop_training(self, shadows: Path) -> None:
        (shadows / "pybullet.py").write_text("raise ImportError('undefined symbol')")
        found = by_name(packages())["pybullet"]
        assert (found.state, found.stops_training) == ("warning", False)
        assert "ugv_mission_husky" in str(found.hint)


class TestPlugins:
    def test_all_of_this_package_load(self) -> None:
        found = by_name(plugins())
        for group in ("crl.agents", "crl.planners", "crl.task_sequences", "gymnasium.envs"):
            assert found[group].state == "ok", found[group]

    def test_a_broken_plug_in_is_named_with_its_package_and_does_not_stop_training(
        self, shadows: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        install(shadows, "sleepy-robots", "[crl.planners]\nsleepy = sleepy_robots:Sleepy\nicem = sleepy_robots:X\n")
        (shadows / "sleepy_robots.py").write_text(CRASH)
        monkeypatch.syspath_prepend(str(shadows))
        found = by_name(plugins())
        sleepy = found["crl.planners: sleepy"]
        assert (sleepy.state, sleepy.stops_training) == ("warning", False)
        assert "sleepy-robots" in sleepy.said
        assert "it crashed (SIGSEGV)" in sleepy.said
        assert "pip uninstall sleepy-robots" in str(sleepy.hint)
        twice = [finding for finding in plugins() if finding.name == "crl.planners: icem"]
        assert any("offered more than once: crl, sleepy-robots" in finding.said for finding in twice)
        assert found["crl.task_sequences"].state == "ok"

    def test_a_callback_whose_library_is_not_installed_is_absent_and_nothing_else(self, shadows: Path) -> None:
        (shadows / "mlflow.py").write_text("raise ModuleNotFoundError(\"No module named 'mlflow'\")\n")
        (shadows / "wandb.py").write_text("raise ModuleNotFoundError(\"No module named 'wandb'\")\n")
        found = by_name(plugins())
        for name in ("mlflow", "wandb"):
            assert found[f"crl.callbacks: {name}"].state == "absent"
            assert found[f"crl.callbacks: {name}"].hint == f"pip install 'crl[{name}]'"
        assert (found["crl.callbacks"].state, found["crl.callbacks"].said[:6]) == ("ok", "0 load")

    def test_a_callback_whose_library_crashes_does_not_stop_training(self, shadows: Path) -> None:
        (shadows / "mlflow.py").write_text(CRASH)
        found = by_name(plugins())["crl.callbacks: mlflow"]
        assert (found.state, found.stops_training) == ("warning", False)
        assert "it crashed (SIGSEGV)" in found.said


class TestProcessors:
    @pytest.mark.parametrize(
        ("text", "state", "said"),
        [("1", "ok", "1"), ("100000", "warning", "wait for each other"), ("x", "warning", "'x'")],
    )
    def test_threads_against_cores(
        self, text: str, state: str, said: str, shadows: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (shadows / "torch.py").write_text("raise ImportError('not looked at here')")
        monkeypatch.setenv("OMP_NUM_THREADS", text)
        found = by_name(processors())
        assert found["OMP_NUM_THREADS"].state == state
        assert said in found["OMP_NUM_THREADS"].said
        assert found["torch"].stops_training
        assert "not looked at here" in found["torch"].said

    def test_a_gpu_that_torch_does_not_see(self, shadows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (shadows / "nvidia-smi").write_text("#!/bin/sh\n")
        (shadows / "nvidia-smi").chmod(0o755)
        monkeypatch.setenv("PATH", str(shadows), prepend=os.pathsep)
        (shadows / "torch.py").write_text(
            "def get_num_threads(): return 1\nclass cuda:\n    is_available = staticmethod(lambda: False)\n"
            "    device_count = staticmethod(lambda: 0)\nclass version:\n    cuda = None\n"
        )
        found = by_name(processors())["CUDA"]
        assert found.state == "warning"
        assert "built for the CPU alone" in found.said
        (shadows / "torch.py").write_text((shadows / "torch.py").read_text().replace("cuda = None", "cuda = '12.8'"))
        assert "torch does not see it" in by_name(processors())["CUDA"].said


class TestRendering:
    def test_a_graphics_library_that_crashes_is_reported(self, shadows: Path) -> None:
        (shadows / "mujoco.py").write_text(CRASH)
        found = by_name(rendering())
        assert "it crashed (SIGSEGV)" in found["EGL"].said
        assert found["EGL"].state == "warning"
        assert "libegl1" in str(found["EGL"].hint)
        assert "libosmesa6" in str(found["OSMesa"].hint)
        assert not any(finding.stops_training for finding in found.values()), "training needs no pictures"

    def test_a_library_that_is_missing_is_said_so(self, shadows: Path) -> None:
        (shadows / "mujoco.py").write_text(
            "raise AttributeError(\"'NoneType' object has no attribute 'glGetError'\")\n"
        )
        found = by_name(rendering())
        assert found["OSMesa"].said == "its library is not installed; no videos"
        assert "libosmesa6" in str(found["OSMesa"].hint)

    def test_one_that_draws_is_enough(self, shadows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # A simulator that draws with OSMesa alone.
        (shadows / "mujoco.py").write_text(
            "import os, numpy\nif os.environ['MUJOCO_GL'] == 'egl': raise ImportError('no EGL device')\n"
            "def mj_forward(*a): pass\nclass MjModel: from_xml_string = staticmethod(lambda text: None)\n"
            "class MjData:\n    def __init__(self, model): pass\n"
            "class Renderer:\n    def __init__(self, model, height, width): self.size = height, width, 3\n"
            "    def update_scene(self, data): pass\n    def close(self): pass\n"
            "    def render(self):\n        picture = numpy.zeros(self.size); picture[:20] = 255; return picture\n"
        )
        monkeypatch.setenv("MUJOCO_GL", "egl")
        found = by_name(rendering())
        assert (found["EGL"].state, found["OSMesa"].state) == ("absent", "ok")
        assert "no EGL device" in found["EGL"].said
        assert found["MUJOCO_GL"].state == "warning"
        assert found["MUJOCO_GL"].hint == "export MUJOCO_GL=osmesa"

    @pytest.mark.parametrize(
        ("chosen", "state", "said"),
        [
            ("", "ok", "not set"),
            ("EGL", "ok", "EGL"),
            ("osmesa", "warning", "osmesa, which does not draw here"),
            ("glfw", "warning", "glfw needs a display, and there is none: no videos"),
            ("1", "warning", "1 needs a display"),
            ("nonsense", "warning", "nonsense is none of egl, osmesa, glfw and off"),
            ("off", "warning", "off switches drawing off: no videos"),
        ],
    )
    def test_what_is_asked_for(self, chosen: str, state: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "PYOPENGL_PLATFORM"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("MUJOCO_GL", chosen)
        found = _choice(["egl"])
        assert found.state == state and said in found.said
        assert (found.hint is not None) == (state == "warning")

    def test_two_variables_that_contradict_each_other(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MUJOCO_GL", "egl")
        monkeypatch.setenv("PYOPENGL_PLATFORM", "osmesa")
        assert _choice(["egl", "osmesa"]).hint == "unset PYOPENGL_PLATFORM"

    def test_a_display_is_only_for_windows(self, monkeypatch: pytest.MonkeyPatch, shadows: Path) -> None:
        (shadows / "mujoco.py").write_text("raise ImportError('not looked at here')")
        assert by_name(rendering())["display"].state == "absent"
        monkeypatch.setenv("DISPLAY", ":7")
        assert by_name(rendering())["display"].said == ":7"


class TestVideo:
    def test_ffmpeg_encodes(self) -> None:
        [found] = video()
        assert found.state == "ok", found

    def test_no_ffmpeg(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        program = tmp_path / "ffmpeg"
        program.write_text("#!/bin/sh\necho 'Unknown encoder libx264' >&2\nexit 1\n")
        program.chmod(0o755)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(program))
        [found] = video()
        assert (found.state, found.stops_training) == ("warning", False)
        assert "Unknown encoder libx264" in found.said
        assert "imageio[ffmpeg]" in str(found.hint)


class TestRos:
    def test_rclpy_of_another_python(self, shadows: Path) -> None:
        (shadows / "rclpy.py").write_text("raise ImportError('librcl.so: undefined symbol')")
        found = by_name(ros())["rclpy"]
        assert found.state == "warning"
        assert "undefined symbol" in found.said

    @pytest.mark.parametrize(
        ("variables", "name", "state", "said"),
        [
            ({}, "ROS_DOMAIN_ID", "ok", "domain 0"),
            ({"ROS_DOMAIN_ID": "42"}, "ROS_DOMAIN_ID", "ok", "42"),
            ({"ROS_DOMAIN_ID": "150"}, "ROS_DOMAIN_ID", "warning", "150"),
            ({"ROS_DOMAIN_ID": "-1"}, "ROS_DOMAIN_ID", "warning", "no domain"),
            ({"ROS_DOMAIN_ID": "233"}, "ROS_DOMAIN_ID", "warning", "no domain"),
            ({}, "discovery", "ok", "SUBNET"),
            ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"}, "discovery", "ok", "LOCALHOST"),
            ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, "discovery", "warning", "no node finds another"),
            ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "HERE"}, "discovery", "warning", "not known"),
            (
                {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST", "RMW_IMPLEMENTATION": "rmw_zenoh_cpp"},
                "discovery",
                "warning",
                "rmw_zenoh does not read",
            ),
            ({"ROS_LOCALHOST_ONLY": "1"}, "ROS_LOCALHOST_ONLY", "warning", "deprecated"),
        ],
    )
    def test_variables(
        self,
        variables: dict[str, str],
        name: str,
        state: str,
        said: str,
        shadows: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        (shadows / "rclpy.py").write_text("raise ImportError('not looked at here')")
        for known in ("ROS_DOMAIN_ID", "ROS_AUTOMATIC_DISCOVERY_RANGE", "ROS_LOCALHOST_ONLY", "RMW_IMPLEMENTATION"):
            monkeypatch.delenv(known, raising=False)
        for variable, value in variables.items():
            monkeypatch.setenv(variable, value)
        found = by_name(ros())[name]
        assert found.state == state
        assert said in found.said


class TestDisk:
    def test_a_folder_that_does_not_exist_yet(self, tmp_path: Path) -> None:
        found = by_name(disk(tmp_path / "there" / "runs"))
        assert list(found) == ["room", "writing", "locks", "links"]
        assert {finding.state for finding in found.values()} == {"ok"}
        assert list(tmp_path.iterdir()) == [], "nothing is left"

    def test_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "runs").write_text("")
        found = by_name(disk(tmp_path / "runs"))["writing"]
        assert found.stops_training
        assert "is a file" in found.said

    def test_a_folder_that_can_not_be_written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*args: object, **kwargs: object) -> object:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(disk_module.tempfile, "TemporaryDirectory", refuse)
        found = by_name(disk(tmp_path))["writing"]
        assert found.stops_training
        assert "Permission denied" in found.said
        assert "run_dir=" in str(found.hint)

    @pytest.mark.parametrize(("least", "little", "state"), [(0, 1e30, "warning"), (1e30, 1e30, "broken")])
    def test_little_room(
        self, least: float, little: float, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(disk_module, "LEAST", least)
        monkeypatch.setattr(disk_module, "LITTLE", little)
        found = by_name(disk(tmp_path))["room"]
        assert found.state == state
        assert found.stops_training == (state == "broken")
        assert "checkpoints" in str(found.hint)
