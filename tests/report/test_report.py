"""A report is one file that holds every diagnostic of a panel, says what could not be computed, and asks no host."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from cape import diagnostics
from cape.errors import UnknownNameError
from cape.ingest.pasted import Benchmark, read_pasted
from cape.lake import Lake, own_scores, with_own
from cape.report import Report, build_report, report_slugs
from tests.conftest import require, require_program

TABLE = "m1\t0.41\t40.9\t41.2\nm2\t1.4\t52\t38.7\n<b>m3</b>\t6.9\t64.1\t33"
RESAMPLES = 200


class Outline(HTMLParser):
    """The headings, identifiers, links and addresses of a document."""

    def __init__(self) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.labelled: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if held.get("id"):
            self.ids.append(str(held["id"]))
        if tag == "a":
            self.links.append(str(held["href"]))
        if held.get("role") == "img":
            self.labelled.append(str(held.get("aria-label")))
        self.loaded += [str(held[name]) for name in ("src", "srcset", "data") if held.get(name)]
        self.loaded += [str(held["href"])] if tag == "link" else []


@pytest.fixture(scope="module")
def mine(lake: Lake) -> Report:
    rows = lake.read("mart_benchmarks").iter_rows(named=True)
    known = {
        row["benchmark_id"]: Benchmark(
            benchmark=row["benchmark"], variant=row["variant"], metric=row["metric"], chance_pct=row["chance_pct"]
        )
        for row in rows
    }
    own = own_scores(read_pasted(TABLE, benchmarks=known, pair=("hellaswag", "truthfulqa_mc2")))
    held = with_own(lake, own)
    return build_report({"panel": "mine", "resamples": RESAMPLES}, held, made_on="2026-01-31")


@pytest.fixture(scope="module")
def outline(mine: Report) -> Outline:
    parsed = Outline()
    parsed.feed(re.sub(r"<script\b[^>]*>.*?</script>", "", mine.html, flags=re.DOTALL))
    return parsed


def test_every_diagnostic_stands_in_the_report_or_says_why_it_does_not(mine: Report, outline: Outline) -> None:
    assert {*mine.ran, *(slug for slug, _ in mine.refused)} == set(report_slugs())
    assert {"bring_your_scores", "local_coupling", "critical_scale", "trend_control"} <= set(mine.ran)
    for slug in mine.ran:
        assert slug in outline.ids
    assert all(f"#{name}" in outline.links for name in (*mine.ran, "scores", "sources"))


def test_what_a_panel_cannot_answer_is_named_with_its_reason(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cape.report.build.SECTIONS", ("Dynamics",))
    frontier = build_report({"panel": "frontier", "resamples": RESAMPLES}, lake, made_on="2026-01-31")
    refused = dict(frontier.refused)
    assert "ode_explorer" in refused and "ode_explorer" not in frontier.ran
    assert diagnostics.get("ode_explorer").title in frontier.html and escape(refused["ode_explorer"]) in frontier.html


def test_headings_never_skip_a_level_and_every_figure_has_words(outline: Outline) -> None:
    assert outline.levels[0] == 1 and outline.levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in zip(outline.levels, outline.levels[1:], strict=False))
    assert outline.labelled and all(len(words) > 20 for words in outline.labelled)


def test_nothing_is_loaded_from_anywhere_and_names_cannot_be_markup(mine: Report, outline: Outline) -> None:
    assert outline.loaded == []
    assert "<b>m3</b>" not in re.sub(r"<script\b[^>]*>.*?</script>", "", mine.html, flags=re.DOTALL)
    assert "&lt;b&gt;m3&lt;/b&gt;" in mine.html
    assert mine.html.count("plotly.js v") == 1


def test_the_report_says_its_size_lake_commands_and_doubts(mine: Report) -> None:
    said = re.search(r"about ([\d.]+) MB", mine.html)
    assert said and float(said[1]) == pytest.approx(mine.n_bytes / 1e6, abs=0.06)
    assert "cape local-coupling --panel mine" in mine.html
    assert "Doubts" in mine.html and "data:text/csv;base64," in mine.html and "lake=" in mine.html


def test_the_command_writes_the_file_or_says_what_is_missing(
    cape: object, tmp_path: Path, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cape.report.build.SECTIONS", ())
    file = tmp_path / "author.html"
    done = cape("report", "--panel", "author", "--out", str(file), "--resamples", "200")  # type: ignore[operator]
    assert done.code == 0, done.err
    assert "author.html" in done.out and file.read_text(encoding="utf-8").startswith("<!doctype html>")
    for words, said in (
        (("--panel", "mine", "--out", str(file)), "cape ingest"),
        (("--panel", "autor", "--out", str(file)), "author"),
        (("--panel", "author", "--out", str(tmp_path / "no" / "a.html")), "no folder"),
        (("--panel", "author", "--out", str(file), "--pair", "mmlu"), "two benchmarks"),
    ):
        refused = cape("report", *words)  # type: ignore[operator]
        assert refused.code == 2 and said in refused.err, refused.err


def test_an_unknown_panel_is_refused_with_near_names(lake: Lake) -> None:
    with pytest.raises(UnknownNameError, match="author"):
        build_report({"panel": "autor"}, lake, made_on="2026-01-31")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_file_opens_offline_and_draws_its_figures_in_both_schemes(
    scheme: str, mine: Report, tmp_path: Path
) -> None:
    sync_api = require("playwright.sync_api")
    from tests.surface._browser import FLAGS

    file = tmp_path / "report.html"
    file.write_text(mine.html, encoding="utf-8")
    chromium = require_program("chromium", "chromium-browser", "google-chrome")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(chromium), args=list(FLAGS))
        page = browser.new_context(color_scheme=scheme, offline=True).new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
        page.on(
            "request", lambda r: faults.append(r.url) if not r.url.startswith(("file:", "data:", "blob:")) else None
        )
        page.goto(file.as_uri())
        page.wait_for_function(
            "() => [...document.querySelectorAll('[data-figure]')].every((box) => box.querySelector('.main-svg'))"
        )
        assert page.locator("[data-figure]").count() >= 5
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(14, 17, 23)")
        assert faults == []
        browser.close()
