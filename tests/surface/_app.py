"""The app, the command line and Python behind one set of words, for the tests of the surfaces."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest
from streamlit.runtime.pages_manager import PagesManager
from streamlit.testing.v1 import AppTest

from cape import cli
from cape.diagnostics import DIAGNOSTICS, SHARED, Diagnostic
from cape.quantities import Result

REPOSITORY = Path(__file__).resolve().parents[2]
ESTIMATE_COLUMNS = ["symbol", "label", "value", "low", "high", "n", "unit", "method", "caveats"]
SLUGS = tuple(diagnostic.slug for diagnostic in DIAGNOSTICS)
ROW_PRINTERS = ("claims", "sql")  # their commands print rows, not estimates
TIMEOUT_S = 60


def follow_the_router(patch: pytest.MonkeyPatch) -> None:
    """Make AppTest run the entry script on every page, as a server does whose router has run once.

    AppTest forgets before each run that `st.navigation` was called; with a folder called pages/ Streamlit then runs
    the page file alone. What a fresh server does with a first deep link is tested in the browser.
    """
    original = PagesManager.__init__

    def init(self: PagesManager, *given: Any, **named: Any) -> None:
        original(self, *given, **named)
        PagesManager.uses_pages_directory = False

    patch.setattr(PagesManager, "__init__", init)


def new_app(slug: str, **params: Any) -> AppTest:
    """Return the app at a page with these URL parameters, not yet run."""
    app = AppTest.from_file(str(REPOSITORY / "streamlit_app.py"), default_timeout=TIMEOUT_S)
    app = go_to(app, slug)
    for name, value in params.items():
        app.query_params[name] = str(value)
    return app


def go_to(app: AppTest, slug: str) -> AppTest:
    return app.switch_page(f"pages/{slug}.py")


def open_page(slug: str, **params: Any) -> AppTest:
    """Return the app after its first run at a page, which must raise nothing."""
    app = new_app(slug, **params).run()
    assert not app.exception, app.exception[0].message
    return app


def tables(app: AppTest) -> list[pd.DataFrame]:
    return [element.value for element in app.dataframe]


def table_with(app: AppTest, *columns: str) -> list[dict[str, Any]]:
    """Return the rows of the first table on the page that has these columns."""
    frame = next(frame for frame in tables(app) if set(columns) <= set(frame.columns))
    return rows_of(frame)


def estimates_on(app: AppTest) -> list[dict[str, Any]]:
    """Return the estimates that a page shows, caveats joined by semicolons as there."""
    frame = next(frame for frame in tables(app) if list(frame.columns) == ESTIMATE_COLUMNS)
    return rows_of(frame)


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return plain values; what a cell leaves empty is None."""
    return [{name: _plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def frame_rows(frame: pl.DataFrame) -> list[dict[str, Any]]:
    return [{name: _plain(value) for name, value in row.items()} for row in frame.iter_rows(named=True)]


def as_shown(result: Result) -> list[dict[str, Any]]:
    """Return the estimates of a result with caveats joined, as the page and CSV have them."""
    return [{**estimate.as_dict(), "caveats": "; ".join(estimate.caveats)} for estimate in result.estimates]


def selection_in(app: AppTest) -> dict[str, str]:
    return {box.key: box.value for box in app.sidebar.selectbox if box.key in SHARED}


def page_keys(diagnostic: Diagnostic) -> set[str]:
    """Return the parameters that the page of a diagnostic offers and uses."""
    return {*(SHARED if diagnostic.uses_selection else ()), *diagnostic.controls}


def options(params: Mapping[str, Any]) -> list[str]:
    """Return parameters as command line options."""
    return [word for name, value in params.items() for word in (f"--{name.replace('_', '-')}", str(value))]


@dataclass(frozen=True, slots=True)
class Answered:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.code == 0, self.err
        return json.loads(self.out)


CommandLine = Callable[..., Answered]


def command_line(patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> CommandLine:
    """Return a function that runs `cape` with the words given, in this process."""

    def run(*words: str) -> Answered:
        patch.setattr(sys, "argv", ["cape", *words])
        capture.readouterr()
        code: Any = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        said = capture.readouterr()
        return Answered(int(code), said.out, said.err)

    return run


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    return None if isinstance(value, float) and math.isnan(value) else value
