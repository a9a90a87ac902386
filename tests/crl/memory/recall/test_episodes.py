"""To which label an episode belongs: a judge on models that were learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from crl.agents.factory import make_agent
from crl.agents.planning import PlanningAgent
from crl.memory.recall.episodes import FEWEST, EpisodeJudge, Verdict
from crl.sequences import load_sequence
from crl.types import LearnBudget, Transition
from tests import tiny
from tests.crl.memory.recall.test_labels import pushes

Make = Callable[[], EpisodeJudge]
SEQUENCE = load_sequence("tests.tiny:SLIDES")


def episode(task: int, seed: int = 5) -> list[Transition]:
    return list(pushes(SEQUENCE, task, seed=seed))


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """Makes judges of an agent that has left the first of three gains, and learned the second."""
    words = ("continual=single", "dynamics.hidden=[32,32]")
    agent = make_agent(tiny.settings(tmp_path_factory.mktemp("runs"), *words), SEQUENCE.spec(0))
    assert isinstance(agent, PlanningAgent)
    left: dict[str, object] = {}
    for task in (0, 1):
        for seed in range(10, 20):
            agent.begin(SEQUENCE.spec(task), seed, explore=True)
            for transition in episode(task, seed):
                agent.observe(replace(transition, task=task))
        agent.learn(LearnBudget(600, closing=True))
        if task == 0:
            judge = EpisodeJudge(agent.knowledge)
            judge.leave()
            left = judge.state_dict()

    def made() -> EpisodeJudge:
        judge = EpisodeJudge(agent.knowledge)
        judge.load_state_dict(left)
        return judge

    return made


def test_an_episode_of_the_task_that_is_learned_belongs_to_it(make: Make) -> None:
    verdict = make().judge(episode(1), changed=False)
    assert verdict.label == 1
    assert verdict.ratios[1] < 1.5 < 4 < verdict.ratios[0]


def test_a_new_task_is_noticed_and_a_known_one_recalled_once_the_label_has_settled(make: Make) -> None:
    judge = make()
    assert judge.judge(episode(2), changed=False).label == 1, "nothing was explained yet"
    assert judge.judge(episode(1), changed=False).label == 1
    assert judge.judge(episode(2), changed=False).label is None
    assert judge.judge(episode(0), changed=False).label == 0


@pytest.mark.parametrize(("task", "label"), [(0, 0), (1, 1), (2, None)])
def test_a_boundary_puts_all_labels_to_the_question(make: Make, task: int, label: int | None) -> None:
    assert make().judge(episode(task), changed=True).label == label


def test_too_few_transitions_say_nothing(make: Make) -> None:
    judge = make()
    assert judge.judge(episode(2)[: FEWEST - 1], changed=True) == Verdict(1, {})


def test_broken_numbers_are_no_task(make: Make) -> None:
    judge = make()
    first = episode(1)
    still: Sequence[Transition] = [first[0]] * FEWEST  # a sensor that stands still
    assert judge.judge(still, changed=False).label == 1


def test_what_it_knows_is_kept(make: Make) -> None:
    judge, again = make(), make()
    judge.judge(episode(1), changed=False)
    again.load_state_dict(judge.state_dict())
    for task in (0, 1, 2):
        assert again.judge(episode(task), changed=False) == judge.judge(episode(task), changed=False)
