"""Code in the current folder that a stranger's run or file names is not executed unless the user says so."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crl.cli import app
from crl.training.load import load_run
from crl.training.runs import trust
from crl.training.runs.trust import MARK, UntrustedCodeError, asking, code_here, made_here, mark_as_own
from tests import tiny

MODULE = "own_slides"
CODE = "from pathlib import Path\n\nfrom tests.tiny import SLIDES\n\nPath('executed').write_text('yes')\n"


def forget_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process."""
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    Path("executed").unlink(missing_ok=True)


@pytest.fixture
def folder(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of an environment in the current folder, as this user made it; the module is not loaded."""
    (workplace / f"{MODULE}.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(workplace))
    given = [item for item in tiny.arguments(workplace / "runs", tasks="[0]") if not item.startswith("env=")]
    done = CliRunner().invoke(app, ["train", f"env={MODULE}:SLIDES", *given])
    assert done.exit_code == 0, done.output
    forget_module(monkeypatch)
    return workplace / "runs" / "run"


def crl(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.output


def as_a_strangers(folder: Path) -> Path:
    """The run as it comes out of an archive: the mark of somebody else, and it began at another time."""
    for path in folder.glob("events.out.tfevents.*"):
        path.rename(folder / f"events.out.tfevents.{int(time.time()) - 86_400:010d}.{socket.gethostname()}.1.0")
    (folder / MARK).write_text("0" * 64 + "\n")
    return folder


def without_mark(folder: Path) -> Path:
    """The run as a version left it that made no marks."""
    (folder / MARK).unlink()
    return folder


def of_another_host(folder: Path) -> Path:
    for path in folder.glob("events.out.tfevents.*"):
        path.rename(folder / f"events.out.tfevents.{int(time.time()):010d}.elsewhere.1.0")
    return without_mark(folder)


def long_ago(folder: Path) -> Path:
    as_a_strangers(folder)
    return without_mark(folder)


def without_events(folder: Path) -> Path:
    for path in folder.glob("events.out.tfevents.*"):
        path.unlink()
    return without_mark(folder)


def same(folder: Path) -> Path:
    return folder


def moved(folder: Path) -> Path:
    return Path(shutil.copytree(folder, folder.parent / "copy"))


@pytest.mark.parametrize("kind", [same, moved, without_mark])
def test_a_users_own_run_is_played(kind: Callable[[Path], Path], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = crl("eval", str(kind(folder)))
    assert code == 0, said
    assert Path("executed").exists()


@pytest.mark.parametrize("kind", [as_a_strangers, of_another_host, long_ago, without_events])
def test_a_strangers_run_is_asked_about(
    kind: Callable[[Path], Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = str(kind(folder))
    (folder / "results.json").rename(folder / "aside")
    for command in (["eval", run], ["replay", run, "--task", "0"], ["resume", run]):
        code, said = crl(*command)
        assert code == 2 and "was not made by you on this machine" in said.replace("\n", " "), command
        assert f"{MODULE}.py" in said.replace("\n", "") and "--trust" in said
        assert not Path("executed").exists()
    (folder / "aside").rename(folder / "results.json")
    code, said = crl("cite", run)
    assert code == 0 and "--trust" in said and not Path("executed").exists()
    code, said = crl("train", "env=cartpole_length", "agent=frozen", f"agent.run={run}")
    assert code == 2 and "--trust" in said and not Path("executed").exists()
    assert crl("eval", run, "--trust")[0] == 0 and Path("executed").exists()
    forget_module(monkeypatch)
    assert crl("eval", run)[0] == 0  # remembered


def test_reports_execute_no_strangers_code(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    as_a_strangers(folder)
    results = json.loads((folder / "results.json").read_text())
    (folder / "results.json").write_text(json.dumps({**results, "strategy": "single"}))
    code, said = crl("report", str(folder))
    assert code == 0, said
    assert not Path("executed").exists()
    assert "--trust" in Path("report.html").read_text()
    assert crl("report", str(folder), "--trust")[0] == 0 and Path("executed").exists()


def test_the_library_asks_nothing(folder: Path) -> None:
    assert load_run(as_a_strangers(folder)).state.env_steps == 64
    assert Path("executed").exists()


def test_a_mark_is_of_one_run_and_one_environment(folder: Path) -> None:
    name = f"{MODULE}:SLIDES"
    assert made_here(folder, name) and not made_here(folder, "other:SLIDES")
    (folder / "fingerprint").write_text("another run's\n")
    assert not made_here(folder, name)


def test_where_no_key_can_be_kept_the_files_tell(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    name = f"{MODULE}:SLIDES"
    without_mark(folder)
    mark_as_own(folder, name)
    assert not (folder / MARK).exists() and made_here(folder, name)


def test_what_is_found_without_the_current_folder_is_not_asked_about(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, elsewhere = workplace / "here", workplace / "elsewhere"
    for place in (here, elsewhere):
        place.mkdir()
    monkeypatch.chdir(here)
    (here / "some_module.py").write_text("")
    (here / "some_package").mkdir()
    (here / "some_package" / "__init__.py").write_text("")
    (here / "some_namespace").mkdir()
    (elsewhere / "other_module.py").write_text("")
    monkeypatch.setattr(sys, "path", [*sys.path, "", str(elsewhere)])
    assert code_here("some_module:X") == here / "some_module.py"
    assert code_here("some_package.inside:X") == here / "some_package"
    assert code_here("some_namespace.inside:X") == here / "some_namespace"
    for name in ("other_module:X", "json:X", "numpy.random:X", "crl_envs.sequences:X", "no_such_module:X", "door_open"):
        assert code_here(name) is None, name
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/nowhere", str(here)]))
    assert code_here("some_module:X") is None
    monkeypatch.delenv("PYTHONPATH")
    packages = workplace / "site-packages"
    packages.mkdir()
    (packages / "mine.pth").write_text(f"import sys\n{here}\n")
    monkeypatch.setattr(trust.site, "getsitepackages", lambda: [str(packages)])
    assert code_here("some_module:X") is None


FORMAL = """
environment: {gymnasium: 'MODULE:FrozenLake-v1', options: {is_slippery: false}}
value: {discounted: 0.95}
basis: [{kind: all_fixed}]
agents: [{kind: fixed, action: '1'}]
"""


def test_a_formal_file_is_asked_about(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workplace / f"{MODULE}.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(workplace))
    forget_module(monkeypatch)
    (workplace / "problem.yaml").write_text(FORMAL.replace("MODULE", MODULE))
    code, said = crl("formal", "problem.yaml")
    assert code == 2 and "would execute" in said and "--trust" in said
    assert not Path("executed").exists()
    code, said = crl("formal", "problem.yaml", "--trust")
    assert code == 0 and "continual RL problem" in said, said
    assert Path("executed").exists()
    (workplace / "problem.yaml").write_text(FORMAL.replace("MODULE", "gymnasium.envs.toy_text"))
    assert crl("formal", "problem.yaml")[0] == 0  # an installed package


def test_asking_ends_with_the_command(folder: Path) -> None:
    as_a_strangers(folder)
    with asking(False), pytest.raises(UntrustedCodeError):
        load_run(folder)
    assert load_run(folder)
