from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crl.errors import CrlError
from crl.training.loop import TrainingLoop
from crl.training.order import step_budgets, task_order
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
