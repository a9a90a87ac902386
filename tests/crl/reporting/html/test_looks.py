"""What readers see: axes with titles, colours and places that do not mislead, right words, room on phones and paper."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from crl.reporting.colour_range import colour_range
from crl.reporting.html.drawing import colours, curves, intervals, svg
from crl.reporting.reports import Options, write_reports
from crl.reporting.statistics import Interval
from tests.crl.reporting.folders import leave, plastic
from tests.crl.reporting.html import browser


def report(root: Path, **options: object) -> str:
    made = write_reports([str(root)], {"html": root / "report.html"}, Options(**options))  # type: ignore[arg-type]
    return made.files[0].read_text()


def circles(drawing: str) -> list[float]:
    """Places of the points, from left to right as drawn."""
    return [float(place) for place in re.findall(r'cx="([-\d.]+)" cy="[-\d.]+" r="5"', drawing)]


def words(page: str) -> str:
    """What is written on a page."""
    text = re.sub(r"<style>.*?</style>|<script>.*?</script>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


class TestAxes:
    @pytest.mark.parametrize("unit", ["return", "normalised score"])
    def test_curves_say_what_goes_up(self, unit: str) -> None:
        points = [Interval(0.0, 0.0, 1.0), Interval(1.0, 0.5, 2.0)]
        line = curves.Line("m", 0, [1.0, 2.0], points, ["", ""])
        for drawing in (
            curves.panel(line, None, [], (0.0, 1.0), "l", "", unit),
            curves.overlay([line], ["a", "b"], (0.0, 1.0), "l", "tasks learned", unit),
        ):
            for one in re.findall(r"<svg.*?</svg>", drawing, re.DOTALL):
                [title] = re.findall(r"<text[^>]*rotate\(-90[^>]*>([^<]*)</text>", one)
                assert title == unit

    @pytest.mark.parametrize(
        "values", [[-814.0, -813.5, -813.0], [100.0, 100.25, 100.5], [0.0, 0.5, 1.0], [1e6, 2e6], [12_000.0, 12_010.0]]
    )
    def test_no_two_numbers_of_an_axis_are_written_alike(self, values: list[float]) -> None:
        assert len(set(svg.labels(values))) == len(values)
        assert svg.labels([0.0, 0.25, 1e6]) == ["0", "0.25", "1M"]

    def test_a_flat_curve_has_room_above_and_below(self) -> None:
        line = curves.Line("m", 0, [1.0], [Interval(-813.0, float("nan"), float("nan"))], [""])
        low, high = curves.y_range([line], False)
        assert low < -850
        assert high > -780

    def test_nothing_has_a_place_of_its_own_on_a_logarithmic_axis(self) -> None:
        rows = [intervals.Row(f"m{place}", place, Interval(v, v, v)) for place, v in enumerate((1e6, 0.0, 1.1e6))]
        drawing = intervals.forest(rows, "l", "bytes", str, log=True)
        for one in re.findall(r"<svg.*?</svg>", drawing, re.DOTALL):
            million, nothing, more = circles(one)
            assert million - nothing > 60 and more > million
            assert ">0</text>" in one
        alone = intervals.forest([rows[0]], "l", "bytes", str, log=True)
        assert ">0</text>" not in alone


class TestColours:
    def test_scores_that_are_nearly_alike_look_alike(self) -> None:
        low, high = colour_range(np.array([184.5, 186.4]))
        assert high - low == pytest.approx(0.2 * 186.4)
        assert (low + high) / 2 == pytest.approx((184.5 + 186.4) / 2)
        fills = [colours.cividis((value - low) / (high - low))[0] for value in (184.5, 186.4)]
        assert abs(colours.luminance(fills[0]) - colours.luminance(fills[1])) < 0.06

    @pytest.mark.parametrize("known", [[-10.0, 5.0], [0.0, 180.0], [-3.0, -1.0]])
    def test_scores_that_differ_span_the_whole_range(self, known: list[float]) -> None:
        assert colour_range(np.array(known)) == (min(known), max(known))

    def test_small_losses_are_not_drawn_as_large_ones(self, tmp_path: Path) -> None:
        def strongest(page: str) -> int:
            [part] = re.findall(r"What became of every task.*?</figure>", page, re.DOTALL)
            return max(int(share) for share in re.findall(r"(\d+)%, var\(--card\)", part))

        for seed in range(2):
            leave(tmp_path / "kept", "hypercrl", seed, kept=0.999, noise=0.0)
            leave(tmp_path / "lost", "hypercrl", seed, kept=0.3, noise=0.0)
        assert strongest(report(tmp_path / "kept")) < 10
        assert strongest(report(tmp_path / "lost")) == 70


class TestWords:
    def test_one_run_of_one_method_on_one_task(self, tmp_path: Path) -> None:
        leave(tmp_path, "hypercrl", 0, tasks=("slide_0",), cpu_seconds=30.7)
        text = words(report(tmp_path))
        for right in (
            "1 run, 30.7 s of CPU time",
            "run 1",
            "method 1",
            "task in sequence 1",
            "(1 run)",
            "than this task",
        ):
            assert right in text, right
        assert not re.search(r"\b1 (runs|methods|seeds|tasks|missions|videos|lines)\b", text)
        assert "0.0 CPU hours" not in text

    def test_two_of_each(self, tmp_path: Path) -> None:
        for seed in range(2):
            for name in ("hypercrl", "finetune"):
                leave(tmp_path, name, seed, tasks=("slide_0", "slide_1"), cpu_seconds=7200.0)
        text = words(report(tmp_path))
        for right in ("4 runs, 8 h 00 min", "runs 4", "methods 2", "seeds per method 2", "tasks in sequence 2"):
            assert right in text, right
        assert "CPU seconds per run" in text, "phases took seconds"


class TestMemory:
    def test_growth_and_what_is_kept_once(self, tmp_path: Path) -> None:
        kept = {"stated_bytes_per_task": 40, "measured_bytes_per_task": 40.0, "measured_bytes_constant": 2_010_984.0}
        leave(tmp_path, "hypercrl", 0, memory={**kept, "revisits_data": False, "old_rows_read": 0})
        page = report(tmp_path)
        assert "Memory per task" in page and "Memory that does not grow" in page
        assert "40 B" in page and "2.0 MB" in page
        assert "kept once" in page and "2,010,984" in page

    def test_runs_of_before_have_no_such_column(self, tmp_path: Path) -> None:
        kept = {
            "stated_bytes_per_task": 40,
            "measured_bytes_per_task": 40.0,
            "revisits_data": False,
            "old_rows_read": 0,
        }
        leave(tmp_path, "hypercrl", 0, memory=kept)
        page = report(tmp_path)
        assert "Memory per task" in page and "Memory that does not grow" not in page
        assert '<th scope="col">kept once</th>' not in page


MEASURE = """
<script>
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const seen = (item) => item.getClientRects().length > 0;
  const charts = all("svg.chart").filter(seen);
  const letters = (chart) => all("text", chart).filter(seen).map((text) =>
    parseFloat(getComputedStyle(text).fontSize) * chart.getBoundingClientRect().width / chart.viewBox.baseVal.width);
  const report = {
    width: innerWidth,
    smallest: Math.min(...charts.map((chart) => Math.min(...letters(chart)))),
    wide: charts.filter((chart) => chart.classList.contains("wide")).length,
    narrow: charts.filter((chart) => chart.classList.contains("narrow")).length,
    over: document.documentElement.scrollWidth - innerWidth,
    cut: all(".scroll").filter(seen).filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.ariaLabel),
  };
  leave(report);
})();
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("looks")
    for seed in range(3):
        leave(root, "hypercrl", seed, visits=plastic(0.0, 0.1, 0.2))
        leave(root, "gradient_projection", seed, kept=0.5)
        leave(root, "single", seed)
    (root / "report.html").write_text(report(root))
    return root / "report.html"


def measured(page: Path, folder: Path, width: int) -> dict[str, object]:
    """What a browser of a width makes of a page."""
    (folder / "page.html").write_text(page.read_text().replace("</body>", f"{browser.LEAVE}{MEASURE}</body>", 1))
    document, _ = browser.dom(folder / "page.html", folder / "profile", f"--window-size={width},900")
    return browser.result(document)


def test_at_1280_pixels_no_table_is_cut_off(page: Path, tmp_path: Path) -> None:
    told = measured(page, tmp_path, 1280)
    assert told["cut"] == [] and told["over"] == 0
    assert told["wide"] and not told["narrow"]


def test_on_a_phone_charts_can_be_read(page: Path, tmp_path: Path) -> None:
    told = measured(page, tmp_path, 375)
    if told["width"] > 640:  # type: ignore[operator]
        pytest.skip("this browser has no window as narrow as a phone")
    assert told["narrow"] and not told["wide"] and told["over"] == 0
    assert told["smallest"] >= 7  # type: ignore[operator]


def test_on_paper_tables_stay_whole_and_headers_stay_with_their_rows(page: Path) -> None:
    [printed] = re.findall(r"@media print\{(.*)</style>", page.read_text(), re.DOTALL)
    kept = re.search(r"([^{}]*)\{break-inside:avoid\}", printed)
    assert kept and {".scroll", "tr", "figure"} <= set(kept[1].strip().split(","))
    assert re.search(r"thead\{[^}]*table-header-group[^}]*break-after:avoid", printed)
    assert ".narrow{display:none!important}" in printed
