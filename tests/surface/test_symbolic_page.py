"""The search of the page of symbolic laws: started, followed, cancelled, kept for its selection; and its command."""

from __future__ import annotations

import time

import pytest
from streamlit.testing.v1 import AppTest

from cape.dynamics import symbolic
from cape.lake import Lake
from tests.surface._app import CommandLine, estimates_on, open_page

SLUG = "symbolic_laws"
PAGE = {"panel": "author", "family": "Pythia", "resamples": 200}


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every search short."""
    original = symbolic.Job.request
    monkeypatch.setattr(
        symbolic.Job, "request", lambda job: original(job).replace('"evaluations": 100000', '"evaluations": 2000')
    )


def started() -> AppTest:
    app = open_page(SLUG, **PAGE)
    assert any("pyoperon" in text.value or "PySR" in text.value for text in app.caption)
    return app.button(key="search_laws").click().run()


def test_a_search_is_followed_to_its_end_and_shown_in_place_of_what_is_stored(lake: Lake, quick: None) -> None:
    stored = estimates_on(open_page(SLUG, **PAGE))
    app = started()
    deadline = time.monotonic() + 120
    while not app.success and time.monotonic() < deadline:
        assert not app.exception and not app.error
        time.sleep(0.5)
        app.run()
    assert app.success[0].value.endswith("finished.")
    mine = estimates_on(app)
    assert mine != stored
    assert any("seeds 0." in text.value for text in app.markdown)
    app.session_state["laws_shown"] = "stored laws"
    assert estimates_on(app.run()) == stored
    other = app.selectbox(key="target").select("as measured").run()
    assert any("another selection" in info.value and "target" in info.value for info in other.info)


def test_a_cancelled_search_says_so_and_the_stored_laws_stay(lake: Lake) -> None:
    app = started()
    app.button(key="cancel_laws").click().run()
    app.run()
    assert not app.exception
    assert any("cancelled" in one.value for one in (*app.warning, *app.success))
    assert app.button(key="search_laws")


def test_a_search_that_cannot_start_is_an_error_in_words(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(SLUG, panel="author", family="Gemma", resamples=200)
    app.button(key="search_laws").click().run()
    assert not app.exception
    assert "needed" in app.error[0].value


def test_the_command_searches_and_prints_what_it_found(cape: CommandLine, lake: Lake, quick: None) -> None:
    answered = cape("search-laws", "--panel", "author", "--seconds", "200", "--json")
    found = answered.json
    assert found["diagnostic"] == SLUG
    assert "of 11 runs" in answered.err
    assert next(e for e in found["estimates"] if e["symbol"] == "n_laws")["value"] > 0
    refused = cape("search-laws", "--panel", "autor")
    assert (refused.code, "author" in refused.err) == (2, True)
