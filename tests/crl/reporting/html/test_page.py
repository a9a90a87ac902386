"""The page as text: complete, well-formed, self-contained, escaped; and the drawings it is made of."""

from __future__ import annotations

import math
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from crl.reporting.html.block import prose
from crl.reporting.html.drawing import colours, curves, heatmap, intervals, svg
from crl.reporting.reports import Options, write_reports
from crl.reporting.statistics import Interval
from crl.training.metrics.curves import Curve, area
from tests.crl.reporting.folders import leave

VOID = {"meta", "link", "input", "br", "hr", "img", "wbr"}


class Checked(HTMLParser):
    """Notes tags that do not fit, ids, and what a page points to."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.wanted: list[str] = []
        self.sources: list[str] = []
        self.unnamed: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            self.open.append(tag)
        self.note(tag, given)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.note(tag, dict(attrs))

    def note(self, tag: str, given: dict[str, str | None]) -> None:
        if given.get("id"):
            self.ids.append(str(given["id"]))
        self.wanted += [str(given[key]) for key in ("aria-labelledby", "aria-controls") if given.get(key)]
        self.wanted += [str(given["href"])[1:]] if str(given.get("href", "")).startswith("#") else []
        self.sources += [str(given[key]) for key in ("src", "href", "xlink:href") if given.get(key)]
        if tag == "svg" and not given.get("aria-label"):
            self.unnamed.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, (self.open[-3:], tag, self.getpos())
        self.open.pop()


def report(root: Path, **options: object) -> str:
    made = write_reports([str(root / "runs")], {"html": root / "out" / "report.html"}, Options(**options))  # type: ignore[arg-type]
    return made.files[0].read_text()


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for seed in range(2):
        leave(tmp_path / "runs", "hypercrl", seed)
        leave(tmp_path / "runs", "finetune", seed, kept=0.5)
    leave(tmp_path / "runs", 'x" onload="alert(1)', 0, name="odd", kept=0.9)
    leave(tmp_path / "runs", "<script>alert(1)</script>", 0, name="bad", kept=0.9)
    return tmp_path


def test_it_is_well_formed_and_points_only_into_itself(runs: Path) -> None:
    page = Checked()
    page.feed(report(runs))
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.wanted) <= set(page.ids)
    assert page.unnamed == []
    assert [source for source in page.sources if not source.startswith(("#", "data:"))] == []


def test_names_are_never_code(runs: Path) -> None:
    text = report(runs, title="<b>")
    assert "<script>alert" not in text and 'onload="alert' not in text
    assert text.count("<script>") == 1 and "&lt;b&gt;" in text


def test_it_holds_all_that_a_reader_needs(runs: Path) -> None:
    (runs / "runs/hypercrl_s0/config.yaml").write_text("env: {name: 'tests.tiny:SLIDES'}\nseed: 0\n")
    text = report(runs)
    for heading in (
        "What it shows",
        "Reward matrices",
        "Learning curves",
        "Forgetting and transfer",
        "Methods compared",
        "Cost",
        "Runs, settings and commands",
        "Interquartile mean of the final scores",
        "Probability of improvement",
    ):
        assert heading in text, heading
    assert "crl train env=tests.tiny:SLIDES" in text
    assert "nan" not in re.sub(r"<script>.*</script>|<style>.*</style>", "", text, flags=re.DOTALL).replace(
        "finance", ""
    )
    for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(drawing.replace("&nbsp;", " "))


def test_the_same_runs_give_the_same_page(runs: Path) -> None:
    assert report(runs) == report(runs)


def test_problems_come_first_and_a_page_without_results_says_so(tmp_path: Path) -> None:
    (leave(tmp_path / "runs", "hypercrl", 0) / "results.json").unlink()
    text = report(tmp_path)
    assert "hypercrl_s0 is not in the report: it is unfinished at 240 environment steps" in text
    assert "No run here is finished" in text and "crl resume" in text


def test_videos_are_linked_or_embedded_within_a_limit(runs: Path) -> None:
    folder = runs / "runs" / "hypercrl_s0" / "videos"
    folder.mkdir()
    (folder / "a b.mp4").write_bytes(b"x" * 1000)
    (folder / "c.mp4").write_bytes(b"y" * 1000)
    linked = report(runs)
    assert 'src="../runs/hypercrl_s0/videos/a%20b.mp4"' in linked and "data:video" not in linked
    embedded = report(runs, embed=1500)
    assert embedded.count("data:video/mp4;base64,") == 1 and 'src="../runs/hypercrl_s0/videos/c.mp4"' in embedded
    assert "1 video did not fit into the page and is linked to" in embedded


def test_one_method_one_task_one_seed(tmp_path: Path) -> None:
    leave(tmp_path / "runs", "hypercrl", 0, tasks=("slide_0",))
    text = report(tmp_path)
    assert "Methods compared" not in text and "Reward matrices" in text


def test_colours_have_contrast_in_both_themes() -> None:
    assert all(colours.contrast(colour, "#ffffff") >= 3 for colour in colours.LIGHT)
    assert all(colours.contrast(colour, "#1a1d21") >= 3 for colour in colours.DARK)
    for share in np.linspace(0, 1, 101):
        fill, ink = colours.cividis(float(share))
        assert colours.contrast(fill, {"#fff": "#ffffff", "#000": "#000000"}[ink]) >= 4.5
    lightness = [colours.luminance(colours.cividis(float(share))[0]) for share in np.linspace(0, 1, 30)]
    assert lightness == sorted(lightness), "a grey print keeps the order"
    assert colours.contrast("#ffffff", "#000000") == pytest.approx(21)


def test_ticks_are_round_and_inside() -> None:
    assert svg.ticks(0, 1, 4) == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert svg.ticks(-3, 17, 4) == pytest.approx([0, 5, 10, 15])
    assert svg.ticks(2, 2) == [2]
    for low, high in ((0.0, 1e-7), (-1e6, 3e6), (99.9, 100.1)):
        found = svg.ticks(low, high)
        assert 2 <= len(found) <= 9 and low <= found[0] and found[-1] <= high * (1 + 1e-9)


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0"), (0.25, "0.25"), (-0.5, "−0.5"), (5000, "5,000"), (12_000, "12k"), (3.5e6, "3.5M")]
)
def test_short_numbers(value: float, expected: str) -> None:
    assert svg.short(value) == expected


def test_a_path_breaks_where_nothing_is_known() -> None:
    assert svg.path([(0, 0), (1, 1), (math.nan, 0), (2, 2), (3, 3.25)]) == "M0 0L1 1M2 2L3 3.2"


def test_resampling_keeps_the_area_of_a_curve() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        steps = tuple(int(n) for n in random.integers(1, 50, 12))
        curve = Curve("t", 0, steps, tuple(random.normal(size=12).tolist()))
        for bins in (1, 3, 24):
            assert curves.resample(curve, bins).mean() == pytest.approx(area(curve))
    assert curves.resample(Curve("t", 0, (1, 3), (0.0, 1.0)), 2) == pytest.approx([0.5, 1.0])


def test_a_logarithmic_axis_takes_what_is_not_above_zero_to_its_left_end() -> None:
    rows = [
        intervals.Row(name, 0, Interval(value, value, value)) for name, value in (("a", 0.0), ("b", 10.0), ("c", 1e5))
    ]
    drawn = intervals.forest(rows, "label", "axis", str, log=True)
    places = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"[^>]*class="point"', drawn)]
    assert places[0] <= places[1] < places[2]


def test_a_heat_map_leaves_out_what_is_not_known() -> None:
    grid = heatmap.Grid(np.array([[1.0, np.nan]]), ["r"], ["a", "b"], "label", lambda r, c: f"{r},{c}", str)
    assert re.findall('data-tip="([^"]*)"', heatmap.matrix(grid, 0, 1)) == ["0,0"]


def test_labels_never_overlap_and_keep_their_order() -> None:
    moved = curves._spread([100.0, 100.0, 101.0, 20.0, 330.0, 330.0], 13, 300)
    order = np.argsort([100.0, 100.0, 101.0, 20.0, 330.0, 330.0], kind="stable")
    assert min(np.diff(np.array(moved)[order])) >= 13 - 1e-9 and max(moved) <= 300


def test_prose() -> None:
    assert prose("`a_b` <i> *x*") == "<code>a_b</code> &lt;i&gt; <em>x</em>"
