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
from crl.config.asking.composing import fingerprint, load_yaml, to_yaml
from crl.training.load import load_run
from crl.training.runner import train
from crl.training.runs import trust
from crl.training.runs.trust import (
    MARK,
    UntrustedCodeError,
    asking,
    code_here,
    made_here,
    mark_as_own,
    named_code,
    require_trusted_run,
)
from tests import tiny

MODULE = "own_slides"
CODE = "from pathlib import Path\n\nfrom tests.tiny import SLIDES\n\nPath('executed').write_text('yes')\n"


def forget_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process."""
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    Path("executed").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def own_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of an environment in the folder where it was started, as this user made it."""
    place = tmp_path_factory.mktemp("own")
    (place / f"{MODULE}.py").write_text(CODE)
    given = [item for item in tiny.arguments(place / "runs", tasks="[0]") if not item.startswith("env=")]
    with pytest.MonkeyPatch.context() as here:
        here.chdir(place)
        here.syspath_prepend(str(place))
        done = CliRunner().invoke(app, ["train", f"env={MODULE}:SLIDES", *given])
    assert done.exit_code == 0, done.output
    return place / "runs" / "run"


@pytest.fixture
def folder(workplace: Path, own_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of an environment in the current folder, as this user made it just now; the module is not loaded."""
    (workplace / f"{MODULE}.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(workplace))
    run = Path(shutil.copytree(own_run, workplace / "runs" / "run"))
    for path in run.glob("events.out.tfevents.*"):
        path.rename(run / f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.1.0")
    forget_module(monkeypatch)
    return run


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


NAMED = {
    "env": lambda config: setattr(config.env, "name", f"{MODULE}:SLIDES"),
    "env, joined": lambda config: setattr(config.env, "name", f"tests.tiny:SLIDES+{MODULE}:SLIDES"),
    "continual": lambda config: setattr(config.continual, "name", f"{MODULE}:Name"),
    "planner": lambda config: setattr(config.planner, "name", f"{MODULE}:Name"),
    "agent": lambda config: setattr(config.agent, "name", f"{MODULE}:Name"),
    "refiner": lambda config: setattr(config.refiner, "name", f"{MODULE}:Name"),
    "callbacks": lambda config: setattr(config, "callbacks", [f"{MODULE}:Name"]),
    "an option of a plug-in": lambda config: setattr(config.continual, "options", {"net": [{"of": f"{MODULE}:Name"}]}),
    "data": lambda config: setattr(config.data, "source", f"{MODULE}:dataset"),
}
"""Every setting that may name a module, and what lets it name the one in the current folder."""


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of nothing but what is built in."""
    place = tmp_path_factory.mktemp("made")
    train(tiny.settings(place, "continual=single", tasks="[0]"), tiny.quiet()[0])
    return place / "run"


@pytest.fixture
def strangers_run(workplace: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Makes a stranger's run that names a module of the current folder in one setting."""
    (workplace / f"{MODULE}.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(workplace))
    forget_module(monkeypatch)

    def make(setting: str) -> Path:
        run = Path(shutil.copytree(finished_run, workplace / "runs" / "run"))
        config = load_yaml(run / "config.yaml")
        NAMED[setting](config)
        (run / "config.yaml").write_text(to_yaml(config))
        (run / "fingerprint").write_text(fingerprint(config) + "\n")  # no word of settings that were changed
        return as_a_strangers(run)

    return make


@pytest.mark.parametrize("setting", NAMED)
def test_no_setting_of_a_strangers_run_executes_code(
    setting: str, strangers_run: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = strangers_run(setting)
    folder = str(run)
    deploy = ["deploy", folder, "--robot", "ugv_husky", "--out", "deployment"]
    (run / "results.json").rename(run / "aside")
    for command in (["eval", folder], ["replay", folder, "--task", "0"], ["resume", folder], deploy):
        code, said = crl(*command)
        assert code == 2 and "was not made by you on this machine" in said.replace("\n", " "), (command, said)
        assert f"{MODULE}.py" in said.replace("\n", "") and "--trust" in said
    (run / "aside").rename(run / "results.json")
    frozen = ["env=tests.tiny:SLIDES", "agent=frozen", f"agent.run={folder}"]
    for command in (["train", *frozen], ["sweep", *frozen, "seed=0,1", "sweep_dir=sweep"]):
        code, said = crl(*command)
        assert code == 2 and "--trust" in said, (command, said)
    for command in (["cite", folder], ["report", folder], ["runs", "list"], ["runs", "show", folder]):
        code, said = crl(*command)
        assert code == 0, (command, said)
    assert not Path("executed").exists()
    (run / "results.json").unlink()
    crl("resume", folder, "--trust")  # whatever becomes of it: the module has no strategy, agent or planner
    imported = setting not in ("refiner", "an option of a plug-in", "data")  # slides have no missions
    assert Path("executed").exists() == imported
    forget_module(monkeypatch)
    assert made_here(run, named_code(load_yaml(run / "config.yaml")))  # remembered


@pytest.mark.parametrize("setting", ["env", "continual"])
def test_a_strangers_run_that_is_played_by_another_one(setting: str, strangers_run: Callable[[str], Path]) -> None:
    run = strangers_run(setting)
    outer = run.with_name("outer")
    shutil.copytree(run, outer)
    config = load_yaml(run.parent / "run" / "config.yaml")
    config.env.name, config.continual.name = "tests.tiny:SLIDES", "single"
    config.agent.name, config.agent.run = "frozen", str(run)
    (outer / "config.yaml").write_text(to_yaml(config))
    (outer / "fingerprint").write_text(fingerprint(config) + "\n")
    code, said = crl("eval", str(outer))
    assert code == 2 and "--trust" in said, said
    code, said = crl("cite", str(outer))
    assert code == 0, said
    with asking(False), pytest.raises(UntrustedCodeError):
        require_trusted_run(outer)
    assert not Path("executed").exists()


def test_a_strangers_folder_of_missions_executes_nothing(strangers_run: Callable[[str], Path]) -> None:
    fit = Path("missions/fits/nominal")
    fit.parent.mkdir(parents=True)
    strangers_run("env").rename(fit)
    code, said = crl("eval-missions", "env=ugv_mission", "refiner=none", "seeds=1", "out=missions", "workers=1")
    assert code == 2 and "--trust" in said, said
    assert not Path("executed").exists()


def test_a_run_that_names_nothing_has_no_mark(finished_run: Path) -> None:
    config = load_yaml(finished_run / "config.yaml")
    assert named_code(config) == ("tests.tiny:SLIDES",) and (finished_run / MARK).exists()
    config.env.name, config.run_dir, config.name = "door_open", "of:mine", "a:b"
    assert named_code(config) == ()


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


def test_a_mark_is_of_one_run_and_all_that_it_names(folder: Path) -> None:
    name = f"{MODULE}:SLIDES"
    assert made_here(folder, [name]) and not made_here(folder, ["other:SLIDES"])
    assert not made_here(folder, [name, "other:Strategy"]) and not made_here(folder, [])
    (folder / "fingerprint").write_text("another run's\n")
    assert not made_here(folder, [name])


def test_where_no_key_can_be_kept_the_files_tell(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    name = f"{MODULE}:SLIDES"
    without_mark(folder)
    mark_as_own(folder, [name])
    assert not (folder / MARK).exists() and made_here(folder, [name])


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
