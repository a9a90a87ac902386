"""Progress is a panel on a terminal and lines elsewhere."""

from __future__ import annotations

from io import StringIO
from time import monotonic, sleep

import pytest
from rich.console import Console

from crl.training.showing import progress as module
from crl.training.showing.progress import MISSION, Progress, Stage, duration


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def plain(stream: StringIO, time: Time) -> Progress:
    console = Console(file=stream, force_terminal=False, width=40)
    return Progress(1000, ["pull", "lever [-]"], console, time)


def test_a_line_per_episode_and_every_five_seconds(time: Time) -> None:
    stream = StringIO()
    with plain(stream, time) as progress:
        for step in range(1, 31):
            time.now += 0.5
            progress.update(task_index=1, task_step=step, task_budget=500, step=100 + step, phase="act")
        progress.update(episode_return=-12.3456, success=True, loss=0.000123456)
        progress.message("[bold]saved[/bold] :smile:")
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5
    assert lines[2] == ("task 2/2 lever [-]  act       task step 30/500  step 130/1,000  elapsed 0:15  left 7:15")
    assert "return -12.35  success 1/1  loss 0.0001235" in lines[3]
    assert lines[4] == "[bold]saved[/bold] :smile:"
    assert "\x1b" not in stream.getvalue()


def test_success_is_that_of_the_last_ten_episodes_of_the_task(time: Time) -> None:
    stream = StringIO()
    progress = plain(stream, time)
    for episode in range(14):
        progress.update(task_index=0, phase="act", episode_return=1.0, success=episode >= 8)
    assert "success 6/10" in stream.getvalue().splitlines()[-1]
    progress.update(phase="learn", episode_return=1.0, success=True)
    assert "success 7/10" in stream.getvalue().splitlines()[-1]
    progress.update(phase="evaluate", episode_return=1.0, success=False)
    assert "success 0/1" in stream.getvalue().splitlines()[-1]
    progress.update(task_index=1, phase="act", episode_return=1.0, success=True)
    assert "success 1/1" in stream.getvalue().splitlines()[-1]


def test_time_left_follows_the_rate_of_this_session(time: Time) -> None:
    progress = plain(StringIO(), time)
    assert progress.seconds_left() is None
    progress.update(step=500)  # a resumed run does not begin at 0
    assert progress.seconds_left() is None
    for step in range(501, 601):
        time.now += 0.1
        progress.update(step=step)
    assert progress.seconds_left() == pytest.approx(40.0)
    time.now += 10.0  # a learning session: no step, and the estimate grows
    assert progress.seconds_left() == pytest.approx(80.0)
    for step in range(601, 1001):
        time.now += 2.0
        progress.update(step=step)
    assert progress.seconds_left() == 0.0


def test_time_left_forgets_an_earlier_pace(time: Time) -> None:
    progress = plain(StringIO(), time)
    for step in range(200):
        time.now += 0.01
        progress.update(step=step)
    for step in range(200, 400):
        time.now += 2.0
        progress.update(step=step)
    assert progress.seconds_left() == pytest.approx(601 * 2.0, rel=0.05)


def test_an_evaluation_counts_its_episodes_and_estimates_what_is_left(time: Time) -> None:
    stream = StringIO()
    progress = plain(stream, time)
    for step in range(0, 500, 10):
        time.now += 1.0
        progress.update(task_index=0, task_step=step, task_budget=500, step=step, phase="act")
    progress.update(phase="evaluate", stage=Stage("evaluation episode", 0, 8, "pull"), step=500, task_step=500)
    assert progress.seconds_left() is None
    time.now += 6.0
    progress.count(Stage("evaluation episode", 2, 8, "pull"))
    # Six episodes at 3 s, and 500 steps at 0.1 s; to evaluate makes the steps no slower.
    assert progress.seconds_left() == pytest.approx(18.0 + 50.0, rel=0.05)
    line = stream.getvalue().splitlines()[-1]
    assert "evaluate  evaluation episode 3 of 8 (pull)  step 500/1,000" in line
    assert "task step" not in line and "left -" not in line
    progress.update(task_index=1, phase="act", task_step=0, step=500)
    assert progress.seconds_left() == pytest.approx(50.0, rel=0.05)


def test_missions_are_counted_and_announced(time: Time) -> None:
    stream = StringIO()
    progress = plain(stream, time)
    for step in (0, 500, 1000):
        time.now += 10.0
        progress.update(task_index=0, task_budget=1000, task_step=step, step=step, phase="act", missions=12)
    assert stream.getvalue().splitlines()[-1].endswith("left 0:00, then 12 missions")
    for done in range(4):
        progress.update(
            phase="evaluate", stage=Stage(MISSION, done, 12, "gain_x, waypoint 3 of 61"), missions=12 - done
        )
        time.now += 100.0
    progress.count(Stage(MISSION, 4, 12))
    lines = stream.getvalue().splitlines()
    assert lines[-2].startswith("missions  evaluate  mission 4 of 12 (gain_x, waypoint 3 of 61)  step 1,000/1,000")
    assert lines[-1].endswith("left 13:20")


def test_no_line_reads_0_of_0(time: Time) -> None:
    stream = StringIO()
    progress = plain(stream, time)
    progress.update(episode_return=1.0)
    assert "0/0" not in stream.getvalue() and "return 1.00" in stream.getvalue()


def test_a_sign_of_life_in_a_long_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_SECONDS", 0.06)
    stream = StringIO()
    with Progress(10, ["pull"], Console(file=stream, width=200)) as progress:
        progress.update(task_index=0, task_step=3, task_budget=10, step=3, phase="learn")
        until = monotonic() + 30
        while stream.getvalue().count("learn     task step 3/10") < 2 and monotonic() < until:
            sleep(0.01)
    assert stream.getvalue().count("learn     task step 3/10") >= 2


def test_the_panel(time: Time) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100, record=True)
    with Progress(1000, ["pull", "lever [-]"], console, time) as progress:
        progress.update(task_index=1, task_step=250, task_budget=500, step=750, phase="explore")
        progress.message("saved [x]")
        time.now += 60.0
        progress.update(phase="act", episode_return=3.0, success=False, loss=0.5)
    text = console.export_text()
    assert "saved [x]" in text
    for words in (
        "task 2/2 lever [-]",
        "250 / 500 steps",
        "750 / 1,000 steps",
        "act        return 3.00   success 0/1   loss 0.5",
        "elapsed 1:00   left -",
    ):
        assert words in text


def test_the_panel_of_an_evaluation(time: Time) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100, record=True)
    with Progress(1000, ["pull"], console, time) as progress:
        progress.update(task_index=0, task_step=1000, task_budget=1000, step=1000, phase="evaluate", missions=2)
        progress.count(Stage("evaluation episode", 3, 8, "pull"))
        progress.turn_to("evaluate")
    text = console.export_text()
    assert "episode" in text and "3 / 8 pull" in text
    assert "then 2 missions" in text


def test_nothing_known_yet(time: Time) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=60, record=True)
    with Progress(0, [], console, time):
        pass
    text = console.export_text()
    assert "elapsed 0:00" in text and "0 / 0" not in text


def test_the_parts_of_a_closing_session_are_counted(time: Time) -> None:
    stream = StringIO()
    progress = plain(stream, time)
    progress.update(task_index=0, task_step=500, task_budget=500, step=500, phase="learn")
    for part in ("model of the body", "flow"):
        for done in range(1, 11):
            time.now += 2.0
            progress.count(Stage("learning step", done, 10, part))
            if done == 6:
                assert progress.seconds_left() is None or progress.seconds_left() == pytest.approx(8.0)
    lines = stream.getvalue().splitlines()
    assert any("learn     learning step 4 of 10 (model of the body)" in line for line in lines)
    assert any("learning step 9 of 10 (flow)" in line for line in lines)
    progress.update(phase="evaluate", stage=Stage("evaluation episode", 0, 4, "pull"))
    assert progress.seconds_left() is None


def test_the_panel_of_an_evaluation_by_itself(time: Time) -> None:
    console = Console(file=StringIO(), force_terminal=True, width=100, record=True)
    with Progress(0, ["pull", "lever"], console, time) as progress:
        progress.update(task_index=1, phase="evaluate", stage=Stage("evaluation episode", 4, 8, "lever"))
    text = console.export_text()
    assert "task 2/2 lever" in text and "4 / 8 lever" in text
    assert "steps" not in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (float("inf"), "-"), (0.4, "0:00"), (61.0, "1:01"), (3723.0, "1:02:03")]
)
def test_duration(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text
