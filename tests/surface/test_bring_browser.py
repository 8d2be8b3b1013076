"""The page that takes a visitor's scores, in a real browser: pasted into the grid, or the sample."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cape.lake import Lake
from tests.conftest import require, require_program

sync_api = require("playwright.sync_api")
from tests.surface._browser import FLAGS, READY, SCREENSHOTS, Visit, serving, visiting  # noqa: E402

pytestmark = pytest.mark.browser
FIRST_RESULT_S = 30.0
START_MS = 120_000
SETTLED_MS = 1_500  # the grid takes keys once it has drawn its selection
ROWS = (("small", "410M", "40.9", "41.2"), ("medium", "1.4B", "52.0", "38.7"), ("large", "6.9B", "64.1", "33.0"))


@pytest.fixture(scope="module")
def address(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("bring") / "streamlit.log") as found:
        yield found


@pytest.fixture(params=["light", "dark"])
def visit(request: pytest.FixtureRequest, address: str) -> Iterator[Visit]:
    chromium = require_program("chromium", "chromium-browser", "google-chrome")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=list(FLAGS))
        window = browser.new_context(color_scheme=request.param, accept_downloads=True)
        with visiting(window, address) as opened:
            opened.page.goto(address)  # the server has run once: what is measured is the page, not the start of Python
            opened.page.wait_for_selector(READY, timeout=START_MS)
            yield opened
            assert opened.faults == []
        browser.close()


def first_result(visit: Visit, started: float, step: str) -> None:
    """Wait for gamma of a step with its interval; a machine that does other work is given the time that it lacks."""
    said = visit.page.locator('[data-testid="stMarkdown"]', has_text=step).filter(has_text="95% interval")
    said.first.wait_for(timeout=START_MS)
    slack = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert time.monotonic() - started < FIRST_RESULT_S * slack


def test_the_sample_gives_gamma_on_one_click(visit: Visit) -> None:
    started = time.monotonic()
    page = visit.open("bring_your_scores")
    page.get_by_role("button", name="Try a sample").click()
    first_result(visit, started, "invented-heron-70m to")
    page.get_by_text("SAMPLE: these are invented").wait_for()
    visit.settle()
    assert visit.chosen("Panel") == "mine"
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    height = page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollHeight")
    page.set_viewport_size({"width": 1400, "height": min(int(height) + 80, 6000)})
    scheme = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'")
    page.screenshot(path=SCREENSHOTS / f"bring_your_scores_sample_{scheme}.png")
    page.get_by_role("button", name="Critical scale", exact=True).click()
    page.locator("h1", has_text="Critical scale").wait_for()
    visit.settle()
    assert visit.chosen("Panel") == "mine"


def test_rows_pasted_from_a_spreadsheet_into_the_grid_give_gamma(visit: Visit) -> None:
    started = time.monotonic()
    page = visit.open("bring_your_scores")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate("text => navigator.clipboard.writeText(text)", "\n".join("\t".join(row) for row in ROWS))
    grid = page.locator('[data-testid="stDataFrame"]').first
    grid.scroll_into_view_if_needed()
    grid.click(position={"x": 80, "y": 52})
    page.wait_for_timeout(SETTLED_MS)
    page.keyboard.press("Control+V")
    page.wait_for_timeout(SETTLED_MS)
    page.get_by_role("button", name="Show gamma of my table").click()
    first_result(visit, started, "small to medium")
    assert "medium to large" in visit.text()


def test_the_report_of_a_session_is_one_file(visit: Visit, tmp_path: Path) -> None:
    page = visit.open("bring_your_scores")
    page.get_by_role("button", name="Try a sample").click()
    page.get_by_text("SAMPLE: these are invented").wait_for()
    visit.settle()
    with page.expect_download(timeout=180_000) as waiting:
        page.get_by_role("button", name="Report as one HTML file").click()
    file = tmp_path / "report.html"
    waiting.value.save_as(file)
    text = file.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "SAMPLE" in text and "Doubts" in text
