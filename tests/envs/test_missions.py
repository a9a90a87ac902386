"""Waypoint files, fault schedules and progress: what is accepted, what is refused and how."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crl_envs.missions import MAPS, MAX_WAYPOINTS, FaultSchedule, Mission, MissionError, Progress, progress_reward
from crl_envs.quadrotors.quadrotor import QuadrotorEnv
from crl_envs.vehicles.bodies import make_ugv_mission


def write(folder: Path, text: str) -> Path:
    path = folder / "map.csv"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "dimensions"), [("courtyard", 2), ("orchard", 2), ("hall", 3), ("spiral", 3)])
def test_shipped_maps_are_missions(name: str, dimensions: int) -> None:
    mission = Mission.read(name, dimensions=dimensions)
    assert mission.name == name
    assert 20 <= len(mission) <= 35
    gaps = np.linalg.norm(np.diff(mission.points, axis=0), axis=1)
    assert gaps.min() > (0.5 if dimensions == 2 else 0.3)  # further apart than the radius
    assert mission.length == pytest.approx(gaps.sum())


def test_all_maps_are_known() -> None:
    assert set(MAPS) == {"courtyard", "orchard", "hall", "spiral"}


def test_reads_columns_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeffName, Y ,X,z\na,1,2,3\n\n b,-4,5e-1,6\n")
    np.testing.assert_array_equal(Mission.read(path, dimensions=2).points, [[2, 1], [0.5, -4]])
    np.testing.assert_array_equal(Mission.read(path, dimensions=3).points, [[2, 1, 3], [0.5, -4, 6]])


def test_files_without_heights_get_one(tmp_path: Path) -> None:
    path = write(tmp_path, "x,y\n0,0\n1,2\n")
    np.testing.assert_array_equal(Mission.read(path, dimensions=3, altitude=1.5).points, [[0, 0, 1.5], [1, 2, 1.5]])


def test_a_closed_mission_ends_where_it_began(tmp_path: Path) -> None:
    path = write(tmp_path, "x,y\n0,0\n1,2\n")
    np.testing.assert_array_equal(Mission.read(path, dimensions=2, closed=True).points, [[0, 0], [1, 2], [0, 0]])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", r"map\.csv, line 1: the columns x and y are missing, found nothing: begin the file with a line x,y"),
        ("x,z\n1,2\n3,4\n", r"map\.csv, line 1: the column y is missing, found x,z"),
        ("1,2\n3,4\n", r"line 1: the columns x and y are missing, found 1,2"),
        ("x,y\n1,2\n", r"map\.csv has 1 waypoint, a mission needs at least 2: add lines"),
        ("x,y\n", r"map\.csv has 0 waypoints, a mission needs at least 2"),
        ("x,y\n1,2\n\n3,nan\n", r"map\.csv, line 4, column y: 'nan' is not finite"),
        ("x,y\n1,2\ninf,1\n", r"line 3, column x: 'inf' is not finite"),
        ("x,y\n1,2\n3;4,5\n", r"line 3, column x: '3;4' is not a number: write metres with a decimal point"),
        ("x,y\n1,2\n3\n", r"line 3, column y: the value is missing"),
        ("x,y\n1,2\n3,\n", r"line 3, column y: the value is missing"),
        ("x,y\n0,0\n3,20000\n", r"line 3: the waypoint is 20000 m from the first, at most 10000 m"),
        ("x,y\n" + "0,1\n" * 1000, rf"line {MAX_WAYPOINTS + 2}: the file has more than 500 waypoints.*thin it out"),
    ],
)
def test_bad_files_are_refused_with_file_line_and_hint(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(MissionError, match=complaint):
        Mission.read(write(tmp_path, text), dimensions=2)


def test_the_greatest_mission_is_accepted(tmp_path: Path) -> None:
    assert len(Mission.read(write(tmp_path, "x,y\n" + "0,1\n" * MAX_WAYPOINTS), dimensions=2)) == MAX_WAYPOINTS


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissionError, match=r"nowhere\.csv can't be read \(No such file.*courtyard"):
        Mission.read(tmp_path / "nowhere.csv", dimensions=2)
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(MissionError, match="not UTF-8"):
        Mission.read(tmp_path / "binary.csv", dimensions=2)


@pytest.mark.parametrize("points", [[[0, 0]], [[0, 0, 0, 0], [1, 1, 1, 1]], [0, 1], np.zeros((501, 2))])
def test_arrays_of_another_shape_are_refused(points: object) -> None:
    with pytest.raises(MissionError, match="waypoints have the shape"):
        Mission.of(points)  # type: ignore[arg-type]


def test_arrays_that_are_not_finite_are_refused() -> None:
    with pytest.raises(MissionError, match="waypoint 1 is not finite"):
        Mission.of([[0, 0], [math.nan, 0]])


def test_the_default_schedule_is_the_published_one() -> None:
    # of 34 waypoints: 0.15 N = 5.1 and 0.8 N = 27.2
    active = [reached for reached in range(35) if FaultSchedule().active(reached, 34)]
    assert active == list(range(6, 28))


def test_a_lasting_fault_is_always_on() -> None:
    assert all(FaultSchedule(0.0, 1.0).active(reached, 20) for reached in range(21))


@pytest.mark.parametrize(
    ("inject", "remove", "complaint"),
    [(0.8, 0.15, "not below"), (0.5, 0.5, "not below"), (-0.1, 0.5, "outside 0..1"), (0.1, 1.5, "outside 0..1"),
     (math.nan, 0.5, "not a finite number")],
)  # fmt: skip
def test_impossible_schedules_are_refused(inject: float, remove: float, complaint: str) -> None:
    with pytest.raises(MissionError, match=complaint):
        FaultSchedule(inject, remove)


def test_a_fault_that_never_comes_is_refused() -> None:
    FaultSchedule().check(2)
    with pytest.raises(MissionError, match="never comes"):
        FaultSchedule(0.4, 0.45).check(3)
    with pytest.raises(MissionError, match="never comes"):
        FaultSchedule(0.95, 1.0).check(10)


def test_waypoints_are_reached_in_order_one_a_step() -> None:
    progress = Progress(Mission.of([[0, 0], [1, 0], [0, 0.1]]), 0.5, FaultSchedule())
    progress.begin(np.array([0.6, 0.0]))
    progress.advance((0.6, 0.0))  # near the second one, which is not due
    assert progress.reached == 0
    progress.advance((0.5, 0.0))  # exactly the radius away is not reached
    assert progress.reached == 0
    progress.advance((0.49, 0.0))
    assert progress.reached == 1
    progress.advance((0.2, 0.0))
    assert progress.reached == 1
    progress.advance((0.9, 0.0))
    assert (progress.reached, progress.done) == (2, False)
    progress.advance((0.1, 0.1))
    assert (progress.reached, progress.done) == (3, True)
    progress.advance((0.1, 0.1))
    assert progress.reached == 3


def test_the_goal_is_seen_from_the_robot() -> None:
    progress = Progress(Mission.of([[0, 0, 1], [1, 0, 2], [5, 5, 5]]), 0.5, FaultSchedule())
    progress.begin(np.array([0.1, 0.2, 1.0]))
    assert progress.observe((0.0, 0.0, 1.0)) == pytest.approx([0, 0, 0, 1, 0, 1, 0.1, 0.2, 0, 0])
    progress.advance((0.0, 0.0, 1.0))
    assert progress.observe((1.0, 1.0, 1.0)) == pytest.approx([0, -1, 1, 4, 4, 4, -1, -1, 0, 1 / 3])


def test_the_distance_beside_a_leg_is_that_to_the_segment() -> None:
    progress = Progress(Mission.of([[0, 0], [4, 0]]), 0.1, FaultSchedule())
    progress.begin(np.zeros(2))
    progress.advance((0.0, 0.0))
    for position, expected in (((2, 1.5), 1.5), ((-3, 4), 5.0), ((7, -4), 5.0), ((3, 0), 0.0)):
        assert progress.advance(position) == pytest.approx(expected)


coordinates = st.floats(-50, 50, width=32)


@given(st.lists(coordinates, min_size=9, max_size=9), st.lists(coordinates, min_size=3, max_size=3))
def test_the_reward_is_the_distance_gained_less_the_distance_beside(block: list[float], there: list[float]) -> None:
    """Against the textbook in double precision: observation [position, goal, then, from]."""
    here, goal, start = (np.array(block[i : i + 3]) for i in (0, 3, 6))
    before = np.array([*here, *goal, 0, 0, 0, *start])
    after = np.array([*there, *np.full(9, 77.0)])
    moved = np.array(there) - here
    rest, leg = goal - moved, goal - start
    along = rest @ leg / (leg @ leg) if leg @ leg > 0 else 0.0
    expected = (np.linalg.norm(goal) - np.linalg.norm(rest)) / 0.5 - 0.1 * np.linalg.norm(rest - along * leg)
    if 0 < np.linalg.norm(leg) < 0.1 or np.linalg.norm(rest) + np.linalg.norm(goal) < 1e-3:
        return  # regularised there
    with_numpy = progress_reward(before, after, dimensions=3, goal=3, full=0.5)
    with_torch = progress_reward(torch.tensor(before), torch.tensor(after), dimensions=3, goal=3, full=0.5)
    assert float(with_numpy) == pytest.approx(expected, abs=2e-2 if np.linalg.norm(leg) < 1 else 1e-3)
    assert float(with_torch) == pytest.approx(float(with_numpy), abs=1e-9)


DEGREES = [[52.520008, 13.404954], [52.520009, 13.404955], [52.520010, 13.404958]]


@pytest.mark.parametrize("points", [DEGREES, [[3.0, 4.0]] * 5, [[0, 0], [0.4, 0], [0, 0.3], [0.5, 0]]])
def test_a_path_inside_the_radius_is_refused_and_asks_for_metres(points: list[list[float]], tmp_path: Path) -> None:
    """A robot that stands still would be a success."""
    message = r"all waypoints of .* inside the radius of 0\.5 m.*: give metres in a local frame \(not degrees\)"
    with pytest.raises(MissionError, match=message):
        Progress(Mission.of(points), 0.5, FaultSchedule(0.0, 1.0))
    file = write(tmp_path, "x,y\n" + "".join(f"{x!r},{y!r}\n" for x, y in points))
    with pytest.raises(MissionError, match=message):
        make_ugv_mission(waypoints=file, radius=0.5, inject=0.0, remove=1.0)
    high = write(tmp_path, "x,y,z\n" + "".join(f"{x!r},{y!r},1.5\n" for x, y in points))
    with pytest.raises(MissionError, match=message):
        QuadrotorEnv(waypoints=high, radius=0.5, inject=0.0, remove=1.0)


def test_a_short_path_with_a_smaller_radius_is_a_mission(tmp_path: Path) -> None:
    env = make_ugv_mission(waypoints=write(tmp_path, "x,y\n0,0\n0.4,0\n"), radius=0.1, inject=0.0, remove=1.0)
    env.reset(seed=0)
    done = [env.step(np.zeros(2, np.float32))[4]["reached"] for _ in range(5)]
    assert done[-1] == 1  # the first waypoint, where it stands


def test_waypoints_nearer_than_the_radius_are_said(tmp_path: Path) -> None:
    points = [[0, 0], [3, 0], [3.1, 0], [3.2, 0], [6, 0], [6, 0.5]]
    remark = Progress(Mission.of(points, "yard"), 0.5, FaultSchedule()).remark
    assert remark is not None
    assert "waypoints 1 and 2 of 'yard' are 0.1 m apart, less than the radius of 0.5 m (2 such pairs)" in remark
    assert Progress(Mission.of([[0, 0], [0.5, 0], [3, 0]]), 0.5, FaultSchedule()).remark is None
    flat, high = tmp_path / "flat.csv", tmp_path / "high.csv"
    flat.write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y in points))
    high.write_text("x,y,z\n" + "".join(f"{x},{y},1.5\n" for x, y in points))
    with pytest.warns(UserWarning, match=r"waypoints 1 and 2 of 'flat' are 0\.1 m apart"):
        make_ugv_mission(waypoints=flat)
    with pytest.warns(UserWarning, match=r"waypoints 1 and 2 of 'high' are 0\.1 m apart"):
        QuadrotorEnv(waypoints=high)


def test_columns_of_degrees_are_told_from_metres(tmp_path: Path) -> None:
    with pytest.raises(MissionError, match=r"x and y are missing, found lat,lon: .*turn degrees into metres"):
        Mission.read(write(tmp_path, "lat,lon\n52.5,13.4\n52.6,13.4\n"), dimensions=2)
