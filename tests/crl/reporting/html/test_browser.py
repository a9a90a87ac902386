"""The page in a browser: drawn, free of errors, without a request, and usable by keyboard, in both themes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crl.reporting.reports import Options, write_reports
from tests.crl.reporting.folders import leave, plastic
from tests.crl.reporting.html import browser

PROBE = """
<script>
addEventListener("error", (event) => { document.documentElement.dataset.failed = event.message; });
</script>
"""
TELL = """
<script>
(async () => {
  const report = {};
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const press = (key) => {
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
  };
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  report.scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  report.page = [style("--page")];
  const theme = document.getElementById("theme");
  theme.click(); report.page.push(style("--page")); report.pressed = theme.getAttribute("aria-pressed");
  theme.click(); report.page.push(style("--page"));

  const charts = all("svg.chart").filter((chart) => chart.getClientRects().length);
  report.charts = charts.length;
  report.drawn = charts.every((chart) => { const box = chart.getBBox(); return box.width > 50 && box.height > 20; });
  report.focusable = charts.every((chart) => { chart.focus(); return document.activeElement === chart; });
  const tip = document.getElementById("tip");
  charts[0].focus(); press("ArrowDown"); report.tip = [tip.hidden, tip.textContent];
  press("End"); report.tip.push(tip.textContent); press("ArrowRight"); report.tip.push(tip.textContent);
  press("Escape"); report.tip.push(tip.hidden);

  const tabs = all("[role=tab]");
  tabs[0].focus(); press("ArrowRight");
  const pane = (tab) => document.getElementById(tab.getAttribute("aria-controls"));
  report.tabs = tabs.slice(0, 2).map((tab) => [tab.getAttribute("aria-selected"), pane(tab).hidden]);

  const box = document.querySelector("[data-series]");
  box.click();
  report.hidden = all(".series.off").length;

  const table = document.querySelector("table[data-sort]");
  const first = () => all("tbody tr", table).map((row) => row.cells[2].textContent);
  const button = table.querySelectorAll("thead button")[2];
  button.click(); report.down = first(); button.click(); report.up = first();
  report.sort = button.parentElement.getAttribute("aria-sort");

  dispatchEvent(new Event("beforeprint"));
  report.unfolded = all("details").filter((item) => !item.closest("figure")).every((item) => item.open);
  dispatchEvent(new Event("afterprint"));
  const asked = performance.getEntriesByType("resource").map((entry) => entry.name);
  report.requests = asked.filter((name) => !name.startsWith("data:"));
  leave(report);
})();
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("report")
    for seed in range(3):
        leave(root / "runs", "hypercrl", seed, visits=plastic(0.0, 0.1, 0.2))
        leave(root / "runs", "finetune", seed, kept=0.5)
        leave(root / "runs", "single", seed)
    leave(root / "runs", "ewc <b>&amp;", 0, kept=0.8)
    leave(root / "runs", "ewc", 0, env="zebra", name="other")
    videos = root / "runs" / "hypercrl_s0" / "videos"
    videos.mkdir()
    (videos / "0_slide 0_0.mp4").write_bytes(b"no film")
    (leave(root / "runs", "si", 0) / "results.json").unlink()
    write_reports([str(root / "runs")], {"html": root / "report.html"}, Options(title="A <report>"))
    return root / "report.html"


@pytest.fixture(scope="module", params=["light", "dark"])
def told(page: Path, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What a script found that used the page as a reader does, in either theme of the system."""
    folder = tmp_path_factory.mktemp(request.param)
    text = (
        page.read_text().replace("<body>", f"<body>{PROBE}", 1).replace("</body>", f"{browser.LEAVE}{TELL}</body>", 1)
    )
    (folder / "page.html").write_text(text)
    dark = ["--blink-settings=preferredColorScheme=0"] if request.param == "dark" else []
    document, console = browser.dom(folder / "page.html", folder / "profile", *dark)
    assert console == []
    assert "data-failed" not in document
    assert 'data-ready="yes"' in document, "the page's own script ran to its end"
    return {**browser.result(document), "wanted": request.param}


def test_charts_are_drawn_and_nothing_is_requested(told: dict[str, object]) -> None:
    assert told["charts"] > 15  # type: ignore[operator]
    assert told["drawn"] is True and told["focusable"] is True
    assert [name for name in told["requests"] if not name.endswith(".mp4")] == []  # type: ignore[attr-defined]


def test_the_theme_is_the_systems_until_it_is_chosen(told: dict[str, object]) -> None:
    light, dark = "#f4f5f7", "#101215"
    assert told["scheme"] == told["wanted"]
    own, other = (dark, light) if told["wanted"] == "dark" else (light, dark)
    assert told["page"] == [own, other, own]
    assert told["pressed"] == str(other == dark).lower()


def test_marks_are_reached_by_keyboard(told: dict[str, object]) -> None:
    hidden, first, last, again, closed = told["tip"]  # type: ignore[misc]
    assert hidden is False and closed is True
    assert first == again != last, "from the last mark on to the first"
    assert "hypercrl" in first or "ewc" in first
    assert told["tabs"] == [["false", True], ["true", False]]
    assert told["hidden"] == 2, "in the chart for wide pages and in that for phones"


def test_tables_sort_by_numbers(told: dict[str, object]) -> None:
    numbers = [float(cell.split()[0].replace("−", "-")) for cell in told["down"]]  # type: ignore[attr-defined]
    assert numbers == sorted(numbers, reverse=True) and len(numbers) >= 3
    assert told["up"] == told["down"][::-1] or sorted(numbers) == [  # type: ignore[index]
        float(cell.split()[0].replace("−", "-"))
        for cell in told["up"]  # type: ignore[attr-defined]
    ]
    assert told["sort"] == "ascending" and told["unfolded"] is True


@pytest.mark.parametrize("dark", [False, True])
def test_a_picture_of_the_page_has_its_theme_and_its_colours(page: Path, tmp_path: Path, dark: bool) -> None:
    import imageio.v3 as imageio

    flags = ["--blink-settings=preferredColorScheme=0"] if dark else []
    shot = tmp_path / "page.png"
    browser.run(page, tmp_path / "profile", f"--screenshot={shot}", "--window-size=1300,3200", *flags)
    picture = np.asarray(imageio.imread(shot))[..., :3].astype(int)
    assert picture.shape[:2] == (3200, 1300)
    corner = picture[-5, 5]
    assert (corner.mean() < 40) if dark else (corner.mean() > 230)
    yellow = np.abs(picture - [254, 232, 56]).max(axis=-1) < 12
    assert yellow.sum() > 5_000, "heat maps of methods that keep what they learn"


def test_it_prints(page: Path, tmp_path: Path) -> None:
    browser.run(page, tmp_path / "profile", f"--print-to-pdf={tmp_path / 'page.pdf'}", "--no-pdf-header-footer")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert printed.startswith(b"%PDF") and printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") >= 2
