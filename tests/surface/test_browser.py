"""Every page in a headless Chromium: no fault, no outside host, links that restore, downloads that hold the table."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cape import diagnostics
from cape.diagnostics import DIAGNOSTICS
from cape.lake import EXAMPLES, Lake
from tests.conftest import require, require_program
from tests.surface._app import SLUGS, as_shown

sync_api = require("playwright.sync_api")
from tests.surface._browser import FLAGS, SCREENSHOTS, Visit, serving, visiting  # noqa: E402

pytestmark = pytest.mark.browser
THEMES = ("light", "dark")
NARROW = 420
DRAWN = {d.slug: [panel for panel in d.panels if panel.figure is not None] for d in DIAGNOSTICS}


@dataclass(frozen=True, slots=True)
class Served:
    """The running app, a browser window per theme, and what the very first visitor saw, who came by a link."""

    address: str
    windows: dict[str, Any]
    first_visitor: str


@pytest.fixture(scope="module")  # Playwright runs once in a process: it has to end before another file starts it
def served(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    chromium = require_program("chromium", "chromium-browser", "google-chrome")
    log = tmp_path_factory.mktemp("server") / "streamlit.log"
    with serving(log) as address, sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=list(FLAGS))
        windows = {theme: browser.new_context(color_scheme=theme, accept_downloads=True) for theme in THEMES}
        with visiting(windows["light"], address) as visit:
            visit.open("local_coupling", family="Pythia")
            first = visit.text()
            visit.open()  # from here on the router has run once
        yield Served(address, windows, first)
        browser.close()
    assert "Traceback" not in log.read_text(encoding="utf-8")


@pytest.fixture
def visit(served: Served) -> Iterator[Visit]:
    with visiting(served.windows["light"], served.address) as visit:
        yield visit
        assert visit.faults == []


def test_the_first_visitor_of_a_fresh_server_may_come_by_a_link(served: Served) -> None:
    assert "Selection" in served.first_visitor
    assert "Evidence" in served.first_visitor  # the sections of the navigation, not a list of file names
    assert "intervals in 1 famil" in served.first_visitor  # the family of the link


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("slug", SLUGS)
def test_a_page_opens_without_a_fault_in_either_theme(slug: str, theme: str, served: Served) -> None:
    with visiting(served.windows[theme], served.address) as visit:
        page = visit.open(slug)
        height = page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
        page.set_viewport_size({"width": 1400, "height": min(int(height) + 80, 9000)})
        visit.settle()
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{slug}_{theme}.png")
        assert page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]').count() == 0
        assert page.locator("h1").inner_text() == diagnostics.get(slug).title
        background = page.evaluate(
            "getComputedStyle(document.querySelector('[data-testid=\"stApp\"]')).backgroundColor"
        )
        assert background == ("rgb(255, 255, 255)" if theme == "light" else "rgb(15, 20, 25)")
        charts = page.locator('[data-testid="stPlotlyChart"]')
        assert charts.count() == len(DRAWN[slug])
        for index, panel in enumerate(DRAWN[slug]):
            chart = charts.nth(index)
            marks = chart.locator(".main-svg .point, .main-svg path.point, .main-svg .bars path, .main-svg image")
            if panel.name in MESSAGES:
                assert MESSAGES[panel.name] in " ".join(chart.inner_text().split()), panel.name
            else:
                assert marks.count() > 0, panel.name
            box = chart.bounding_box()
            assert box is not None and box["width"] > 300 and box["height"] > 100
        if theme == "light":
            _check_narrow(page, slug)
        assert visit.faults == []


# Figures that have nothing to draw of the panel that is shown first, and what they say instead.
MESSAGES = dict.fromkeys(("paired_items", "item_flips"), "No row of this selection has results by item.")

LINKS = {
    "overview": {"panel": "independent", "x": "mmlu", "y": "winogrande", "family": "OPT"},
    "phase_diagram": {"panel": "independent", "family": "OPT", "x": "arc_challenge", "y": "truthfulqa_mc2"},
    "local_coupling": {
        **{"panel": "author_by_family", "family": "Pythia", "x": "mmlu", "y": "winogrande", "families": "Pythia"},
        **{"min_b": "0.1", "max_b": "13.0", "compare_panel": "independent", "compare_family": "Pythia-deduped"},
        **{"resamples": "500", "seed": "11"},
    },
    "critical_scale": {
        **{"panel": "independent", "family": "all", "x": "hellaswag", "y": "truthfulqa_mc2", "families": "OPT, BLOOM"},
        **{"min_b": "0.2", "max_b": "70.0", "compare_panel": "author", "compare_family": "OPT"},
        **{"resamples": "400", "seed": "12", "curve": "no curve"},
    },
    "trend_control": {
        **{"panel": "independent", "family": "all", "x": "hellaswag", "y": "mmlu", "families": "OPT, BLOOM, XGLM"},
        **{"min_b": "0.5", "max_b": "30.0", "curve": "no curve", "resamples": "300", "seed": "13"},
    },
    "claims": {"reproduced": "open", "supported": "open", "search": "paper"},
    "data": {"view": "mart_models"},
}


@pytest.mark.parametrize("slug", LINKS)
def test_a_link_restores_every_parameter_and_the_numbers(slug: str, visit: Visit, lake: Lake) -> None:
    asked = LINKS[slug]
    page = visit.open(slug, **asked)
    shown = visit.permalink()
    assert {name: _same(value) for name, value in shown.items() if name in asked} == {
        name: _same(value) for name, value in asked.items() if name in shown or value
    }
    assert shown["lake"] == lake.version
    assert page.get_by_test_id("stAlertContentWarning").count() == 0
    for name, label in (("panel", "Panel"), ("family", "Family"), ("x", "First benchmark"), ("y", "Second benchmark")):
        if name in asked:
            assert visit.chosen(label) == asked[name]
    expected = as_shown(diagnostics.run(slug, asked, lake))
    assert _downloaded_estimates(visit) == expected


def test_the_permalink_of_a_page_opens_the_same_page(visit: Visit) -> None:
    visit.open("local_coupling", **LINKS["local_coupling"])
    shown, numbers = visit.permalink(), _downloaded_estimates(visit)
    again = visit.open("local_coupling", **shown)
    assert again.get_by_test_id("stAlertContentInfo").count() == 0
    assert visit.permalink() == shown
    assert _downloaded_estimates(visit) == numbers


def test_a_selection_follows_through_the_navigation(visit: Visit, lake: Lake) -> None:
    page = visit.open("phase_diagram")
    visit.choose("Panel", "independent")
    visit.choose("Family", "OPT")
    for title in ("Local coupling", "Critical scale", "Glossary", "Trend control", "Overview"):
        _navigate(visit, title)
        assert page.locator("h1").inner_text() == title
        assert (visit.chosen("Panel"), visit.chosen("Family")) == ("independent", "OPT")
        if title == "Local coupling":
            expected = diagnostics.run("local_coupling", {"panel": "independent", "family": "OPT"}, lake)
            assert _downloaded_estimates(visit) == as_shown(expected)


def test_a_claim_opens_and_leads_to_its_diagnostic_with_its_parameters(visit: Visit, lake: Lake) -> None:
    rows = lake.read("mart_claims").iter_rows(named=True)
    wired = [row for row in rows if row["diagnostic"] and len(json.loads(row["params"] or "{}")) > 1]
    for claim in (wired[0], wired[len(wired) // 2]):
        page = visit.open("claims", search=claim["claim_id"])
        table = page.locator('[data-testid="stDataFrame"]:visible').first
        table.scroll_into_view_if_needed()
        table.click(position={"x": 14, "y": 52})
        page.get_by_text(f"Reproduced: {claim['reproduced']}").first.wait_for()
        visit.settle()
        assert f"{claim['claim_id']}: " in visit.text()
        target = diagnostics.get(claim["diagnostic"])
        page.get_by_role("button", name=f"Open {target.title}").click()
        page.locator("h1", has_text=target.title).wait_for()
        visit.settle()
        asked = {name: _same(str(value)) for name, value in json.loads(claim["params"]).items()}
        offered = visit.permalink()
        assert {name: _same(value) for name, value in offered.items() if name in asked} == {
            name: value for name, value in asked.items() if name in offered
        }
        assert set(asked) - set(offered) <= {"variant", "resamples", "seed"}
        assert page.get_by_test_id("stAlertContentWarning").count() == 0


def test_a_download_holds_the_rows_of_the_table(visit: Visit, lake: Lake) -> None:
    visit.open("local_coupling", family="Pythia", resamples=500)
    result = diagnostics.run("local_coupling", {"family": "Pythia", "resamples": 500}, lake)
    assert _downloaded_estimates(visit) == as_shown(result)
    visit.page.get_by_text("Table and downloads: gamma_12 by size").click()
    visit.settle()
    steps = list(csv.DictReader(io.StringIO(_download(visit, 0).decode())))
    frame = result.table("steps").frame
    assert [row["label"] for row in steps] == frame["label"].to_list()
    assert [float(row["gamma"]) for row in steps] == frame["gamma"].to_list()


def test_a_figure_is_delivered_as_a_page_of_its_own(visit: Visit) -> None:
    visit.open("trend_control", resamples=500, curve="no curve")
    visit.page.get_by_text("Table and downloads:").first.click()
    visit.settle()
    with visit.page.expect_download() as waiting:
        visit.page.get_by_role("button", name="Figure as HTML").first.click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert "Plotly.newPlot" in text and len(text) > 1_000_000


def test_the_query_page_runs_an_example(visit: Visit) -> None:
    page = visit.open("sql")
    name = list(EXAMPLES)[1]
    visit.choose("Example", name)
    assert EXAMPLES[name].splitlines()[0] in page.locator("textarea").first.input_value()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("rows in").first.wait_for()
    visit.settle()
    assert page.locator('[data-testid="stDataFrame"]').count() >= 2


def _check_narrow(page: Any, slug: str) -> None:
    """On a telephone nothing but tables scrolls sideways."""
    page.set_viewport_size({"width": NARROW, "height": 1400})
    page.wait_for_timeout(600)
    for selector in ("html", '[data-testid="stMain"]'):
        assert page.eval_on_selector(selector, "e => e.scrollWidth") <= NARROW + 1, selector
    page.screenshot(path=SCREENSHOTS / f"{slug}_narrow.png")


def _navigate(visit: Visit, title: str) -> None:
    """Click through the navigation at the top; a section with several pages opens a menu first."""
    section = next(d.section for d in DIAGNOSTICS if d.title == title)
    page, bar = visit.page, visit.page.locator('[data-testid="stHeader"]')
    link = page.locator("a", has_text=title).locator("visible=true")
    if bar.get_by_text(section, exact=True).count():
        bar.get_by_text(section, exact=True).first.click()
    link.first.click()
    page.locator("h1", has_text=title).wait_for()
    visit.settle()


def _download(visit: Visit, index: int) -> bytes:
    button = visit.page.get_by_role("button", name="CSV", exact=True).locator("visible=true").nth(index)
    with visit.page.expect_download() as waiting:
        button.click()
    return Path(waiting.value.path()).read_bytes()


def _downloaded_estimates(visit: Visit) -> list[dict[str, object]]:
    """Return the estimates from the last CSV button of the page, which stands under the estimates."""
    text = _download(visit, -1).decode()
    rows: list[dict[str, object]] = []
    for row in csv.DictReader(io.StringIO(text)):
        numbers = {name: float(row[name]) if row[name] else None for name in ("value", "low", "high")}
        rows.append({**row, **numbers, "n": int(row["n"])})
    return rows


def _same(value: str) -> str:
    """Return one spelling of a number."""
    try:
        number = float(value)
    except ValueError:
        return value
    return f"{number:g}" if math.isfinite(number) else value
