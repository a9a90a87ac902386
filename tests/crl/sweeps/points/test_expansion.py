from __future__ import annotations

import pytest

from crl.config.asking.composing import compose, fingerprint, to_plain
from crl.config.fingerprints import digest_before
from crl.errors import SettingsError
from crl.sweeps import options
from crl.sweeps.points.expansion import expand
from crl.sweeps.points.naming import LONGEST, make_unique, point_name
from crl.sweeps.points.point import Point, identity
from tests.crl.sweeps.small_sweep import points


class TestProduct:
    def test_all_combinations_and_the_first_seeds_of_all_come_first(self) -> None:
        found = points("env=cartpole_length", "continual=hypercrl,ewc", "seed=0,1,2", "planner.samples=32")
        assert [point.name for point in found] == [
            "hypercrl_s0",
            "ewc_s0",
            "hypercrl_s1",
            "ewc_s1",
            "hypercrl_s2",
            "ewc_s2",
        ]
        assert set(found[3].settings) == {"env=cartpole_length", "continual=ewc", "seed=1", "planner.samples=32"}

    def test_a_point_is_the_run_that_crl_train_would_make(self) -> None:
        found = points("env=cartpole_length", "continual=ewc,si", "launcher=local", "launcher.workers=3")
        assert [point.fingerprint for point in found] == [
            fingerprint(compose(["env=cartpole_length", f"continual={name}"])) for name in ("ewc", "si")
        ]

    def test_brackets_protect_commas(self) -> None:
        found = points("env=cartpole_length", "tasks=[0,1],[1,0],[2]", "budget.steps=[500]")
        assert [point.settings[1] for point in found] == ["tasks=[0,1]", "tasks=[1,0]", "tasks=[2]"]
        assert [point.name for point in found] == ["tasks-0-1", "tasks-1-0", "tasks-2"]
        assert [point.budget for point in found] == [1000, 1000, 500]

    def test_ranges_and_patterns(self) -> None:
        assert [p.name[-2:] for p in points("env=cartpole_length", "seed=range(1,4)")] == ["s1", "s2", "s3"]
        chosen = {p.name for p in points("env=cartpole_length", "continual=glob(hypercrl_*,exclude=hypercrl_s*)")}
        assert {"hypercrl_ewc", "hypercrl_replay"} <= chosen
        assert "hypercrl" not in chosen and "hypercrl_si" not in chosen

    def test_the_later_of_two_values_counts_and_equal_points_are_run_once(self) -> None:
        assert len(points("env=cartpole_length", "seed=0,1,2", "seed=5,5")) == 1
        plan = expand(options.read(["env=cartpole_length", "planner.samples=64,64.0", "seed=3"]).overrides[:1])
        assert plan.equal == 0

    def test_the_order_of_arguments_makes_no_other_sweep(self) -> None:
        one = points("env=cartpole_length", "seed=0,1", "continual=ewc,si")
        other = points("continual=si,ewc", "env=cartpole_length", "seed=range(0,2)")
        assert identity(one) == identity(other)
        # Videos decide nothing; a seed does.
        assert identity(points("env=cartpole_length", "videos=true")) == identity(points("env=cartpole_length"))
        assert identity(points("env=cartpole_length", "seed=1")) != identity(points("env=cartpole_length"))


class TestRefused:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("learning.lr=interval(1e-4,1e-2)", "an interval has no end of values"),
            ("seed=shuffle(0,1)", "another sweep each time"),
            ("learning.lr=glob(a*)", "glob() chooses among names"),
            ("continual=glob(nothing*)", "fits no continual"),
            ("~seed", "a setting can only be set"),
            ("seed", "cannot read 'seed'"),
            ("seed=range(0,20000)", "at most 10,000"),
        ],
    )
    def test_values(self, given: str, said: str) -> None:
        with pytest.raises(SettingsError) as caught:
            points("env=cartpole_length", given)
        assert said in str(caught.value)

    @pytest.mark.parametrize("given", ["run_dir=here", "name=a,b", "resume=true"])
    def test_what_the_sweep_sets_itself(self, given: str) -> None:
        with pytest.raises(SettingsError, match="sweep_dir=DIR"):
            options.read([given])

    def test_a_strategy_that_can_t_be_put_together_is_found_before_anything_runs(self) -> None:
        with pytest.raises(SettingsError, match="pnn makes the weights by itself"):
            points("env=cartpole_length", "continual=ewc+coreset,ewc+pnn")

    def test_impossible_points_are_listed_with_their_error_and_nothing_else_is(self) -> None:
        with pytest.raises(SettingsError) as caught:
            points("env=cartpole_length", "continual=ewc,ewcc", "tasks=[0],[99]")
        said = str(caught.value)
        assert "3 of 4 points can't run" in said
        assert "did you mean 'ewc'?" in said and "has no task 99" in said
        assert "continual=ewc tasks=[0]" not in said
        assert "nothing was started" in said


class TestNames:
    def test_what_varies_is_in_the_name(self) -> None:
        assert point_name([("continual", "ewc"), ("learning.lr", "0.01"), ("seed", "3")], "x") == "ewc_lr-0.01_s3"
        assert point_name([("seed", "3")], "hypercrl") == "hypercrl_s3"
        assert point_name([], "hypercrl") == "hypercrl"

    def test_any_text_becomes_a_name_of_a_folder(self) -> None:
        name = point_name([("env", "../../pack.mod:THING"), ("agent.options", "{a: 1/2}")], "x")
        assert "/" not in name and ":" not in name and not name.startswith(".")

    def test_long_names_end_with_a_hash_and_keep_the_seed(self) -> None:
        one, other = (point_name([("env.tasks", "0-" * 90 + end), ("seed", "7")], "x") for end in "12")
        assert one != other and max(len(one), len(other)) <= LONGEST
        assert one.endswith("_s7")

    def test_names_are_unique_on_any_file_system(self) -> None:
        names = make_unique(["a", "A", "b"], ["x", "y", "z"])
        assert len({name.lower() for name in names}) == 3
        assert names[2] == "b"


def test_what_one_point_reads_may_be_given_to_all() -> None:
    found = points("env=cartpole_length", "continual=ewc,finetune", "continual.ewc_lambda=3")
    assert [point.name for point in found] == [p.name for p in points("env=cartpole_length", "continual=ewc,finetune")]
    with pytest.raises(SettingsError, match=r"continual\.ewc_lambda has no meaning for continual=si"):
        points("env=cartpole_length", "continual=si,finetune", "continual.ewc_lambda=3")


def test_points_that_differ_in_nothing_that_they_read_are_one() -> None:
    assert len(points("env=cartpole_length", "continual=ewc,finetune", "continual.ewc_lambda=3,4")) == 3


def test_a_point_knows_runs_of_earlier_versions() -> None:
    [point] = points("env=cartpole_length", "continual=ewc")
    quiet = compose([*point.settings, "videos=false"])
    assert point.is_of(digest_before(to_plain(quiet)))
    assert point.is_of(point.fingerprint)
    assert not point.is_of(digest_before(to_plain(compose(["env=door_open"]))))
    assert Point.from_plain(point.to_plain()) == point
