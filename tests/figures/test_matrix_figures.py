"""Figures of coupling_matrix and effective_dimension on shipped, empty and null tables, in both themes."""

from __future__ import annotations

import re
from dataclasses import replace

import plotly.graph_objects as go
import polars as pl
import pytest

from cape.diagnostics import coupling_matrix, effective_dimension
from cape.diagnostics._diagnostic import Panel, run_diagnostic
from cape.figures import theme as look
from cape.lake import Lake
from cape.quantities import Result

PANELS = [(d, panel) for d in (coupling_matrix.DIAGNOSTIC, effective_dimension.DIAGNOSTIC) for panel in d.panels]
every_figure = pytest.mark.parametrize(("diagnostic", "panel"), PANELS, ids=[panel.name for _, panel in PANELS])


@pytest.fixture(scope="module")
def results(lake: Lake) -> dict[str, Result]:
    return {d.slug: run_diagnostic(d, {"resamples": 200}, lake) for d in {d.slug: d for d, _ in PANELS}.values()}


def words(figure: go.Figure) -> str:
    return " ".join(a.text.replace("<br>", " ") for a in figure.layout.annotations)


def changed(result: Result, change: object) -> Result:
    tables = tuple(replace(t, frame=change(t.frame)) for t in result.tables)  # type: ignore[operator]
    return replace(result, tables=tables, estimates=())


@every_figure
@pytest.mark.parametrize("theme", look.THEMES)
def test_a_figure_is_complete(results: dict[str, Result], diagnostic: object, panel: Panel, theme: str) -> None:
    figure = panel.figure(results[diagnostic.slug], theme)
    assert figure.layout.template == look.TEMPLATES[theme] and figure.layout.title.text is None
    assert figure.data and figure.to_json()
    for trace in figure.data:
        assert trace.hoverinfo == "skip" or trace.hovertemplate == "%{hovertext}<extra></extra>"


@every_figure
def test_empty_tables_give_a_sentence(results: dict[str, Result], diagnostic: object, panel: Panel) -> None:
    figure = panel.figure(changed(results[diagnostic.slug], pl.DataFrame.clear), "light")
    assert not figure.data
    assert re.fullmatch(r"(No|An?) .*\.", words(figure))


@every_figure
def test_tables_without_numbers_are_no_error(results: dict[str, Result], diagnostic: object, panel: Panel) -> None:
    numbers = pl.selectors.float().exclude("position", "position_from", "position_to")
    figure = panel.figure(changed(results[diagnostic.slug], lambda f: f.with_columns(numbers * None)), "dark")
    assert figure.to_json()
    for trace in figure.data:
        assert trace.mode == "text" or not [y for y in trace.y if y is not None]
