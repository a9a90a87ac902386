from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from crl.agents.planning import PlanningAgent
from crl.training import loop as loops
from crl.training.loop import TrainingLoop
from crl.training.showing import progress as showing
from crl.training.showing.progress import Progress
from crl.training.showing.telling import SimulatorFailed
from crl.types import LearnBudget
from tests import tiny
from tests.tiny import EPISODE_STEPS, Puppet

MASTERY = (
    "budget.mastery=true",
    "budget.mastery_window=4",
    "budget.mastery_successes=3",
    "budget.validation_episodes=4",
    "budget.validation_successes=4",
    "budget.steps=[640]",
)


def puppet_loop(tmp_path: Path, puppet: Puppet, *overrides: str, **options: Any) -> TrainingLoop:
    return tiny.make_loop(tiny.settings(tmp_path, *overrides, **options), tmp_path / "loop", puppet)


def stages(loop: TrainingLoop) -> list[str]:
    """Do all units; the stages that they were of."""
    seen = []
    while not loop.done:
        seen.append(loop.state.stage)
        loop.unit()
    return seen


class TestBudgets:
    def test_each_visit_has_its_own(self, tmp_path: Path) -> None:
        agent = Puppet()
        loop = puppet_loop(tmp_path, agent, "budget.steps=[32,80,48]", tasks="[0,1,0]")
        tiny.finish(loop)
        assert [(visit["task"], visit["steps"], visit["episodes"]) for visit in loop.state.spent] == [
            ("slide_0", 32, 2),
            ("slide_1", 80, 5),
            ("slide_0", 48, 3),
        ]
        assert loop.state.env_steps == 160 == len(agent.seen)

    @pytest.mark.parametrize("steps", [1, EPISODE_STEPS - 1, 3 * EPISODE_STEPS - 1, 3 * EPISODE_STEPS + 1])
    def test_every_step_is_used_and_none_more(self, steps: int, tmp_path: Path) -> None:
        """The last episode is cut where the budget ends."""
        agent = Puppet()
        loop = tiny.finish(puppet_loop(tmp_path, agent, f"budget.steps=[{steps}]"))
        assert [visit["steps"] for visit in loop.state.spent] == [steps, steps]
        assert len(agent.seen) == 2 * steps
        lengths = [line["steps"] for line in tiny.lines(tmp_path / "loop", "episode")]
        assert lengths[-1] == (steps - 1) % EPISODE_STEPS + 1
        assert agent.seen[-1].last
        assert not agent.seen[-1].terminated, "cut off: what would have come has a value"

    def test_episodes_that_end_themselves_count_by_their_steps(self, tmp_path: Path) -> None:
        """No room is reserved for a whole episode: of 100 steps, episodes of 5 take all."""
        loop = tiny.finish(puppet_loop(tmp_path, Puppet(), "budget.steps=[100]", env="FALLS", tasks="[0]"))
        assert (loop.state.spent[0]["steps"], loop.state.spent[0]["episodes"]) == (100, 20)

    def test_a_budget_of_random_episodes_alone_is_said(self, tmp_path: Path) -> None:
        said = {}
        for steps in (32, 48):
            loop = puppet_loop(tmp_path, Puppet(), "exploration.random_episodes=2", f"budget.steps=[{steps}]")
            loop.progress, text = tiny.quiet()
            tiny.finish(loop)
            said[steps] = text.getvalue().count("steps went to random episodes alone")
        assert said == {32: 2, 48: 0}

    def test_the_closing_session_is_counted(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(showing, "LINE_SECONDS", 0.0)
        config = tiny.settings(tmp_path, "learning.final_steps=9", "budget.steps=[32]", tasks="[0]")
        loop = tiny.make_loop(config, tmp_path / "loop")
        text = io.StringIO()
        progress = Progress(32, ["slide_0"], Console(file=text, width=200))
        told = TrainingLoop(config, loop.sequence, loop.agent, loop.log, progress, loop.clock)
        tiny.finish(told)
        for done in range(2, 10):
            assert text.getvalue().count(f"learn     learning step {done} of 9 (dynamics)") >= 1
        assert text.getvalue().count("learning step") == 9  # no other session is counted

    def test_gradient_steps(self, tmp_path: Path) -> None:
        agent = Puppet()
        overrides = ["learning.initial_steps=5", "learning.steps_per_env_step=0.5", "learning.final_steps=9"]
        more = ["exploration.random_episodes=2", "budget.steps=[64]"]
        loop = tiny.finish(puppet_loop(tmp_path, agent, *overrides, *more, tasks="[0]"))
        # Nothing after the first random episode, then the initial steps, then a share of the environment's.
        assert agent.budgets == [LearnBudget(5), LearnBudget(8), LearnBudget(8), LearnBudget(9, closing=True)]
        assert loop.state.gradient_steps == 30


class TestCycles:
    @staticmethod
    def embeddings_at_the_beginning_of_visits(loop: TrainingLoop) -> list[dict[int, torch.Tensor]]:
        agent = loop.agent
        assert isinstance(agent, PlanningAgent)
        found: list[dict[int, torch.Tensor]] = []
        begin = agent.knowledge.strategy.begin_task

        def noted(task: int) -> None:
            begin(task)
            found.append({index: e.detach().clone() for index, e in agent.knowledge.strategy.embeddings.items()})  # type: ignore[attr-defined]

        agent.knowledge.strategy.begin_task = noted  # type: ignore[method-assign]
        tiny.finish(loop)
        return found

    def test_a_task_that_comes_back_keeps_its_embedding(self, tmp_path: Path) -> None:
        loop = tiny.make_loop(tiny.settings(tmp_path, tasks="[0,1,0]"), tmp_path / "loop")
        first, second, third = self.embeddings_at_the_beginning_of_visits(loop)
        assert (list(first), list(second), list(third)) == ([0], [0, 1], [0, 1])
        assert not torch.equal(first[0], second[0]), "it was learned in the first visit"
        assert torch.equal(second[0], third[0]), "it was left alone in the second, and taken up in the third"
        assert len(loop.state.rows) == 3

    def test_its_episodes_are_new_ones(self, tmp_path: Path) -> None:
        tiny.RESETS.clear()
        agent = Puppet()
        tiny.finish(puppet_loop(tmp_path, agent, tasks="[0,1,0]"))
        training = [episode for name, episode, explore in agent.begun if explore and name == "slide_0"]
        assert training == list(range(8))
        seeds = [seed for name, seed in tiny.RESETS if name == "gain 1.0" and seed not in (90_000, 90_001)]
        assert len(set(seeds)) == len(seeds)

    def test_only_the_present_visits_transitions_are_kept(self, tmp_path: Path) -> None:
        loop = tiny.finish(tiny.make_loop(tiny.settings(tmp_path, tasks="[0,1,0]"), tmp_path / "loop"))
        assert isinstance(loop.agent, PlanningAgent)
        assert len(loop.agent.knowledge.buffer) == 64

    def test_a_sequence_that_repeats_a_task_is_a_cycle(self, tmp_path: Path) -> None:
        loop = tiny.make_loop(tiny.settings(tmp_path, env="COMES_AGAIN", tasks="null"), tmp_path / "loop")
        tiny.finish(loop)
        assert isinstance(loop.agent, PlanningAgent)
        assert set(loop.agent.knowledge.normalisers) == {0, 1}, "two tasks"
        assert [sorted(row) for row in loop.state.rows] == [[0], [0], [0, 2], [0, 2]]
        episodes = [{line["task"]: line["episodes"]} for line in tiny.lines(tmp_path / "loop", "evaluation")]
        assert episodes == [{"a": 2}, {"a": 2}, {"a": 1}, {"b": 2}, {"a": 2}, {"b": 2}]


class TestEvaluations:
    @pytest.mark.parametrize("between", [0, 1])
    def test_full_on_the_diagonal_and_after_the_last_task(self, between: int, tmp_path: Path) -> None:
        loop = puppet_loop(
            tmp_path,
            Puppet(),
            "evaluation.episodes=3",
            f"evaluation.episodes_between={between}",
            tasks="[2,0,1]",
        )
        tiny.finish(loop)
        told = tiny.lines(tmp_path / "loop", "evaluation")
        found = [(line["after"], line["task"], line["episodes"]) for line in told]
        expected = [
            ("slide_2", "slide_2", 3),
            ("slide_0", "slide_2", between),
            ("slide_0", "slide_0", 3),
            ("slide_1", "slide_2", 3),
            ("slide_1", "slide_0", 3),
            ("slide_1", "slide_1", 3),
        ]
        assert found == [entry for entry in expected if entry[2]]
        assert [list(row) for row in loop.state.rows] == [[2], [2, 0], [2, 0, 1]]

    def test_they_cost_nothing_of_the_budget(self, tmp_path: Path) -> None:
        loop = tiny.finish(puppet_loop(tmp_path, Puppet(), "evaluation.episodes=9"))
        assert loop.state.env_steps == 128
        assert loop.state.evaluation_steps == (9 + 1 + 9 + 9 - 1) * EPISODE_STEPS


class TestMastery:
    def test_a_mastered_task_ends_early(self, tmp_path: Path) -> None:
        loop = puppet_loop(tmp_path, Puppet(), *MASTERY, env="PUSHED")
        seen = stages(loop)
        # The window's successes, and four validations that count as steps of the task.
        assert [(visit["steps"], visit["episodes"], visit["validation"]) for visit in loop.state.spent] == [
            ((3 + 4) * EPISODE_STEPS, 3, 4),
            ((3 + 4) * EPISODE_STEPS, 3, 4),
        ]
        assert seen[:9] == [*["collect"] * 3, "close", *["validate"] * 4, "evaluate"]

    @pytest.mark.parametrize(("enough", "mastered"), [(-1e9, True), (0.1, False)])
    def test_a_return_masters_a_task_that_defines_no_success(
        self, enough: float, mastered: bool, tmp_path: Path
    ) -> None:
        """Rewards of the slide are negative, so that no episode returns 0.1."""
        wanted = f"budget.solved_return={enough}"
        loop = tiny.finish(puppet_loop(tmp_path, Puppet(), *MASTERY, wanted, env="ENDLESS", tasks="[0]"))
        [visit] = loop.state.spent
        assert visit["validation"] == (4 if mastered else None)
        assert visit["steps"] == ((3 + 4) * EPISODE_STEPS if mastered else 640)

    def test_not_before_there_was_something_to_learn_from(self, tmp_path: Path) -> None:
        loop = puppet_loop(tmp_path, Puppet(), *MASTERY, "budget.mastery_steps=100", env="PUSHED", tasks="[0]")
        assert stages(loop).index("validate") == 7 + 1, "seven episodes of 16 steps, and the closing session"

    def test_by_option_only(self, tmp_path: Path) -> None:
        loop = puppet_loop(tmp_path, Puppet(), *MASTERY, "budget.mastery=false", env="PUSHED")
        assert "validate" not in stages(loop)
        assert [visit["steps"] for visit in loop.state.spent] == [640, 640]

    def test_a_task_that_is_not_mastered_takes_its_whole_budget(self, tmp_path: Path) -> None:
        loop = puppet_loop(tmp_path, Puppet(lambda puppet: [-1.0]), *MASTERY, env="PUSHED")
        assert "validate" not in stages(loop), "nothing is left for it"
        assert [visit["steps"] for visit in loop.state.spent] == [640, 640]
        assert [visit["validation"] for visit in loop.state.spent] == [None, None]

    @pytest.mark.parametrize("steps", [256, 304, 310, 640])
    def test_no_task_pays_for_the_validations_of_another(self, steps: int, tmp_path: Path) -> None:
        """Training succeeds, every validation fails: each task validates again and again, within its own budget."""
        agent = Puppet(lambda puppet: [1.0 if puppet.explore else -1.0])
        loop = tiny.finish(puppet_loop(tmp_path, agent, *MASTERY, f"budget.steps=[{steps}]", env="PUSHED"))
        assert [visit["steps"] for visit in loop.state.spent] == [steps, steps]
        assert [visit["validation"] for visit in loop.state.spent] == [0, 0]
        validations = tiny.lines(tmp_path / "loop", "validation")
        assert {line["steps"] for line in validations} == {EPISODE_STEPS}, "none is cut"

    def test_a_snapshot_that_succeeded_is_kept_when_no_other_can_be_validated(self, tmp_path: Path) -> None:
        """After a validation of 2 of 4, ten steps are left: learning from them could not be judged any more."""
        agent = Puppet(lambda puppet: [1.0 if puppet.explore or puppet.played <= 2 else -1.0])
        steps = (3 + 4) * EPISODE_STEPS + 10
        loop = tiny.finish(puppet_loop(tmp_path, agent, *MASTERY, f"budget.steps=[{steps}]", env="PUSHED"))
        assert [(visit["steps"], visit["validation"]) for visit in loop.state.spent] == [(steps - 10, 2)] * 2

    def test_steps_that_are_left_pass_to_the_next_task(self, tmp_path: Path) -> None:
        """The first task is mastered with (3 + 4) episodes of its 40; the second never is."""
        for carry, most in ((False, 640), (True, 2 * 640 - 7 * EPISODE_STEPS)):
            agent = Puppet(lambda puppet: [1.0 if puppet.begun[-1][0] == puppet.begun[0][0] else -1.0])
            overrides = [*MASTERY, f"budget.carry={str(carry).lower()}"]
            loop = tiny.finish(puppet_loop(tmp_path / str(carry), agent, *overrides, env="PUSHED"))
            first, second = (visit["steps"] for visit in loop.state.spent)
            assert first == 7 * EPISODE_STEPS
            # What is left is less than an episode, or a validation takes it.
            assert most - EPISODE_STEPS < second <= most + 4 * EPISODE_STEPS
            assert loop.state.env_steps <= 2 * 640

    @pytest.mark.parametrize(("stop", "played"), [(False, 4), (True, 2)])
    def test_a_validation_can_stop_at_the_failure_that_decides_it(
        self, tmp_path: Path, stop: bool, played: int
    ) -> None:
        overrides = [*MASTERY, "budget.validation_successes=3", f"budget.validation_stop={str(stop).lower()}"]
        agent = Puppet(lambda puppet: [1.0 if puppet.explore else -1.0])
        seen = stages(puppet_loop(tmp_path, agent, *overrides, env="PUSHED", tasks="[0]"))
        assert seen[:4] == [*["collect"] * 3, "close"]
        assert seen.index("collect", 4) - 4 == played
        loop = puppet_loop(tmp_path / "won", Puppet(), *overrides, env="PUSHED", tasks="[0]")
        assert stages(loop).count("validate") == 4, "nothing fails: all of them are played"

    def test_a_success_ends_a_validation_episode_and_training_goes_on_after_it(self, tmp_path: Path) -> None:
        overrides = ["budget.after_success=2", "budget.mastery_successes=1"]
        loop = puppet_loop(tmp_path, Puppet(lambda puppet: [0.0]), *MASTERY, *overrides, tasks="[0]")
        tiny.finish(loop)
        won = [line for line in tiny.lines(tmp_path / "loop") if line.get("success")]
        training = [line["steps"] for line in won if line["kind"] == "episode"]
        validation = [line["steps"] for line in won if line["kind"] == "validation"]
        assert min(training) == 3, "a start at the goal: the first step succeeds, and two come after it"
        assert min(validation) == 1
        lost = [line["steps"] for line in tiny.lines(tmp_path / "loop") if line.get("success") is False]
        assert set(lost) == {EPISODE_STEPS}


class TestSnapshots:
    """Training episodes succeed all; of four validation episodes as many as the snapshot's skill."""

    @staticmethod
    def run(tmp_path: Path, skills: list[int], steps: int) -> tuple[int, list[int], list[int]]:
        """The version that was evaluated in the end; the versions that were validated, and their successes."""

        def choose(puppet: Puppet) -> list[float]:
            closings = sum(budget.closing for budget in puppet.budgets)
            return [1.0 if puppet.explore or puppet.played <= skills[closings - 1] else -1.0]

        agent = Puppet(choose)
        overrides = [*MASTERY, f"budget.steps=[{steps}]", "evaluation.episodes=1"]
        loop = puppet_loop(tmp_path, agent, *overrides, env="PUSHED", tasks="[0]")
        versions = []
        while not loop.done:
            if loop.state.stage == "validate" and not loop.state.validated:
                versions.append(agent.version)
            if loop.state.stage == "evaluate":
                break
            loop.unit()
        won = [line["success"] for line in tiny.lines(tmp_path / "loop", "validation")]
        successes = [sum(won[start : start + 4]) for start in range(0, len(won), 4)]
        assert max(successes) == loop.state.best
        return agent.version, versions, successes

    def test_the_best_one_is_kept(self, tmp_path: Path) -> None:
        kept, versions, successes = self.run(tmp_path, [1, 3, 2], steps=300)
        assert successes == [1, 3, 2]
        assert kept == versions[1] < versions[2]

    def test_of_equals_the_newest(self, tmp_path: Path) -> None:
        kept, versions, successes = self.run(tmp_path, [2, 2, 2], steps=300)
        assert successes == [2, 2, 2]
        assert kept == versions[2] > versions[1]

    def test_learning_goes_on_from_the_newest_and_not_from_the_best(self, tmp_path: Path) -> None:
        kept, versions, successes = self.run(tmp_path, [3, 0, 4], steps=640)
        assert successes == [3, 0, 4]
        assert versions == sorted(set(versions)), "a snapshot that was given up would come again"
        assert kept == versions[2]

    @pytest.mark.parametrize("steps", [130, 140, 150, 230, 240, 250, 320])
    def test_the_best_one_is_kept_when_the_budget_leaves_no_room_to_validate_the_newest(
        self, tmp_path: Path, steps: int
    ) -> None:
        kept, versions, successes = self.run(tmp_path, [3, *[0] * 20], steps=steps)
        assert successes[0] == 3
        assert kept == versions[0]

    def test_they_are_chosen_on_seeds_of_their_own(self, tmp_path: Path) -> None:
        config = tiny.settings(tmp_path, *MASTERY, "budget.steps=[400]", env="LUCKY")
        loop = tiny.make_loop(config, tmp_path / "loop", Puppet())
        seeds: dict[str, set[int]] = {"collect": set(), "validate": set(), "evaluate": set()}
        validations = 0
        while not loop.done:
            stage = loop.state.stage
            tiny.RESETS.clear()
            loop.unit()
            validations += stage == "validate"
            if stage in seeds:
                seeds[stage] |= {seed for _, seed in tiny.RESETS}
        assert validations >= 8
        assert len(seeds["validate"]) == validations, "no episode decides twice"
        assert seeds["evaluate"] == {90_000, 90_001}
        assert not seeds["validate"] & seeds["evaluate"]
        assert not seeds["collect"] & (seeds["validate"] | seeds["evaluate"])


class TestFaults:
    def test_a_faulty_step_is_told_and_not_learned(self, tmp_path: Path) -> None:
        config = tiny.settings(tmp_path, "budget.steps=[160]", env="SOMETIMES_NAN", tasks="[0]")
        loop = tiny.make_loop(config, tmp_path / "loop")
        progress, text = tiny.quiet()
        loop.progress = progress
        tiny.finish(loop)
        episodes = tiny.lines(tmp_path / "loop", "episode")
        faulty = [line for line in episodes if "fault" in line]
        assert 0 < len(faulty) < len(episodes)
        assert {line["fault"] for line in faulty} == {"the simulator returned a number that is not finite"}
        assert text.getvalue().count("slide_0: episode ended early: the simulator returned a number") == len(faulty)
        assert isinstance(loop.agent, PlanningAgent)
        buffer = loop.agent.knowledge.buffer
        assert len(buffer) == loop.state.env_steps - len(faulty)
        assert all(np.isfinite(buffer.column(name)).all() for name in ("observation", "next_observation", "reward"))
        assert bool(torch.isfinite(loop.agent.knowledge.strategy.weights(0)).all())

    @pytest.mark.parametrize(
        ("env", "words"),
        [
            ("NAN", "a number that is not finite"),
            ("SHAPE", r"an observation of shape \(3,\) instead of \(2,\)"),
            ("NAN_RESET", "began with a number that is not finite"),
            ("SHAPE_RESET", r"began with an observation of shape \(3,\)"),
            ("TOLD", "the motor is on fire"),
        ],
    )
    def test_five_in_a_row_stop_the_run(self, env: str, words: str, tmp_path: Path) -> None:
        loop = tiny.make_loop(tiny.settings(tmp_path, env=env, tasks="[0]"), tmp_path / "loop")
        with pytest.raises(SimulatorFailed, match=f"(?s)slide_0: 5 training episodes in a row.*{words}.*check_task"):
            tiny.finish(loop)
        assert len(tiny.lines(tmp_path / "loop", "episode")) == 5, "each is on record"

    def test_five_that_are_not_in_a_row_do_not(self, tmp_path: Path) -> None:
        config = tiny.settings(tmp_path, "budget.steps=[320]", env="SOMETIMES_NAN", tasks="[0]")
        loop = tiny.finish(tiny.make_loop(config, tmp_path / "loop", Puppet()))
        assert sum("fault" in line for line in tiny.lines(tmp_path / "loop", "episode")) > 5
        assert loop.done

    def test_a_run_that_five_faults_stopped_goes_on_where_it_was(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        config = tiny.settings(tmp_path, env="NAN", tasks="[0]")
        loop = tiny.make_loop(config, tmp_path / "loop")
        with pytest.raises(SimulatorFailed):
            tiny.finish(loop)
        state = loop.state_dict()
        loop.log.close()
        again = tiny.make_loop(config, tmp_path / "loop")
        assert again.load_state_dict(state) == []
        monkeypatch.setattr(tiny, "FIXED", {"nan"})
        tiny.finish(again)
        episodes = tiny.lines(tmp_path / "loop", "episode")
        assert [line["episode"] for line in episodes] == list(range(1, len(episodes) + 1))
        assert ["fault" in line for line in episodes] == [True] * 5 + [False] * (len(episodes) - 5)


def test_environments_that_were_closed_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def played() -> TrainingLoop:
        return tiny.finish(tiny.make_loop(tiny.settings(tmp_path, tasks="[0,1,2,0]"), tmp_path / "loop"))

    all_open = played()
    assert len(all_open._envs) == 3
    monkeypatch.setattr(loops, "ENVS_KEPT", 1)
    one_open = played()
    assert len(one_open._envs) == 1
    assert one_open.state == all_open.state
