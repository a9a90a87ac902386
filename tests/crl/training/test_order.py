from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crl.errors import CrlError
from crl.training.loop import TrainingLoop
from crl.training.order import evaluation_episodes, step_budgets, task_order
from tests import tiny
from tests.tiny import Puppet


def loop_of(tmp_path: Path, **options: Any) -> TrainingLoop:
    return tiny.make_loop(tiny.settings(tmp_path, **options), tmp_path / "loop", Puppet())


class TestOrder:
    def test_every_task_once_unless_told_otherwise(self, tmp_path: Path) -> None:
        assert loop_of(tmp_path, tasks="null").order == [0, 1, 2]
        assert loop_of(tmp_path, tasks="[2,0,2]").order == [2, 0, 2]

    def test_a_task_that_the_sequence_names_again_is_the_same_task(self, tmp_path: Path) -> None:
        loop = loop_of(tmp_path, env="COMES_AGAIN", tasks="null")  # a a b a
        assert loop.order == [0, 0, 2, 0]

    @pytest.mark.parametrize(("order", "wrong"), [([0, 3], 3), ([-1], -1)])
    def test_a_task_outside_the_sequence(self, order: list[int], wrong: int, tmp_path: Path) -> None:
        config = tiny.settings(tmp_path)
        config.env.tasks = order
        with pytest.raises(CrlError, match=f"slides has no task {wrong}\nuse 0 to 2"):
            tiny.make_loop(config, tmp_path / "loop", Puppet())

    def test_no_task_at_all(self, tmp_path: Path) -> None:
        config = tiny.settings(tmp_path)
        loop = tiny.make_loop(config, tmp_path / "loop", Puppet())
        config.env.tasks = []
        with pytest.raises(CrlError, match="leaves nothing to learn"):
            task_order(config, loop.sequence)


class TestBudgets:
    def test_one_number_serves_all(self, tmp_path: Path) -> None:
        assert step_budgets(tiny.settings(tmp_path, "budget.steps=[32]"), 3) == [32, 32, 32]

    def test_as_many_numbers_as_tasks(self, tmp_path: Path) -> None:
        with pytest.raises(CrlError, match=r"2 entries for 3 tasks\ngive one number, or one for every task"):
            step_budgets(tiny.settings(tmp_path, "budget.steps=[1,2]"), 3)


class TestEvaluation:
    ORDER = (*range(30), 4)  # task 4 comes back

    def plans(self, tmp_path: Path, *overrides: str) -> list[dict[int, int]]:
        settings = tiny.settings(tmp_path, *overrides)
        return [evaluation_episodes(settings, self.ORDER, visit) for visit in range(len(self.ORDER))]

    def test_all_tasks_seen_so_far_unless_told_otherwise(self, tmp_path: Path) -> None:
        plans = self.plans(tmp_path)
        assert [len(plan) for plan in plans] == [*range(1, 31), 30]
        assert plans[7] == {**dict.fromkeys(range(7), 1), 7: 2}
        assert plans[30] == dict.fromkeys(range(30), 2)

    def test_of_a_sample_as_many_as_are_asked_for_and_the_one_just_learned(self, tmp_path: Path) -> None:
        plans = self.plans(tmp_path, "evaluation.tasks=5")
        assert [len(plan) for plan in plans] == [*range(1, 7), *[6] * 25]
        for visit, plan in enumerate(plans):
            newest = self.ORDER[visit]
            assert plan[newest] == 2
            assert set(plan) <= set(self.ORDER[: visit + 1])
            assert list(plan) == sorted(plan), "in the order of their first visits"
            between = 2 if visit == 30 else 1
            assert {episodes for index, episodes in plan.items() if index != newest} <= {between}

    def test_the_sample_is_another_one_after_each_visit_and_the_same_for_all_runs(self, tmp_path: Path) -> None:
        plans = self.plans(tmp_path, "evaluation.tasks=5")
        assert len({tuple(plan)[:3] for plan in plans[10:]}) > 10
        assert self.plans(tmp_path, "evaluation.tasks=5", "seed=3", "continual=finetune") == plans
        assert self.plans(tmp_path, "evaluation.tasks=5", "evaluation.seed=3") != plans

    def test_every_task_is_drawn_as_often(self, tmp_path: Path) -> None:
        config = tiny.settings(tmp_path, "evaluation.tasks=2")
        drawn = [0] * 8
        for seed in range(400):
            config.evaluation.seed = seed
            for index in evaluation_episodes(config, range(9), 8):
                if index != 8:
                    drawn[index] += 1
        assert sum(drawn) == 800
        assert all(abs(count - 100) < 4 * (400 * 0.25 * 0.75) ** 0.5 for count in drawn)
