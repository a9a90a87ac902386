from __future__ import annotations

import pytest

from crl.errors import CrlError, SettingsError
from crl.sweeps import options
from crl.sweeps.options import Local
from crl.sweeps.sweep import sweep
from tests.crl.sweeps.small_sweep import silent


def refused(*arguments: str) -> str:
    with pytest.raises(CrlError) as caught:
        sweep(["env=cartpole_length", *arguments], silent())
    return str(caught.value)


def test_settings_of_the_sweep_are_told_from_those_of_its_runs() -> None:
    request = options.read(["seed=0,1", "launcher=ray", "launcher.workers=2", "sweep_dir=a/b", "agent.lr=0.1"])
    assert [item.get_key_element() for item in request.overrides] == ["seed", "agent.lr"]
    assert (request.launcher, request.launcher_settings, str(request.folder)) == ("ray", {"workers": 2}, "a/b")


def test_unknown_launcher_names_the_nearest() -> None:
    said = refused("launcher=lokal")
    assert "unknown launcher 'lokal': did you mean 'local'?" in said and "ray, slurm" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("sweep=tun",), "did you mean 'tune'?"),
        (("launcher.worker=2",), "unknown setting launcher.worker: did you mean 'workers'?"),
        (("seed=0,1", "workers=2"), "did you mean 'launcher.workers'?"),
        (("trials=9",), "did you mean 'sweep.trials'?"),
        (("launcher.workers=two",), "launcher.workers cannot be 'two'"),
        (("launcher.workers=0",), "launcher.workers=0 is too small"),
        (("launcher=ray", "launcher.address=auto", "launcher.workers=2"), "is for a local instance"),
        (("sweep.trials=3",), "add sweep=tune"),
        (("launcher=local,ray",), "has one value"),
        (("sweep=tune", "sweep.sampler=magic"), "unknown sweep.sampler 'magic'"),
        (("sweep=tune", "seed=0,1"), "has nothing to search"),
        (("sweep=tune", "planner=icem,cem", "sweep.maximise=success"), "no result is called 'success'"),
        (("sweep=tune", "learning.lr=interval(1,0)"), "from less to more"),
        (("sweep=tune", "planner=icem,cem", "launcher=slurm"), "launcher"),
    ],
)
def test_bad_settings_start_nothing(given: tuple[str, ...], said: str, workplace: object) -> None:
    assert said in refused(*given)
    assert not options.Path("sweeps").exists()


def test_defaults_stay_and_values_are_typed() -> None:
    local = options.structured(Local, {"workers": 4}, "launcher")
    assert local == Local(workers=4, retries=2)
    with pytest.raises(SettingsError, match="unknown setting"):
        options.structured(Local, {"y": 1}, "launcher")
    with pytest.raises(SettingsError, match="cannot be"):
        options.structured(Local, {"workers.x": 4}, "launcher")
