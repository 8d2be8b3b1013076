"""The page of analyze_model: the model's own numbers in groups, known models to load, then the standard body."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import streamlit as st

from cape.diagnostics import Diagnostic, Panel, defaults_of, options_of
from cape.diagnostics._analyze_params import (
    CLEARED,
    METHOD_FIELDS,
    MODEL_FIELDS,
    PAIR_FIELDS,
    SCORE_FIELDS,
    WHAT_IF_FIELDS,
)
from cape.lake import Lake
from cape.quantities import Result
from cape.ui import frame, state
from cape.ui.controls import choice, control, report_number
from cape.ui.page import close_page, open_page

KNOWN = "known"
COLUMNS = 5
LIST_HEIGHT = 260
SLIDER_STEP = 0.05


def show_analyze(diagnostic: Diagnostic) -> None:
    """Show one model among the others; a known model is loaded by its name or from the list."""
    result = open_page(diagnostic, draw=_inputs)
    frame.sentences(result)
    for panel in diagnostic.panels:
        if panel.name == KNOWN:
            _known(panel, result)
        else:
            frame.show_panel(panel, result)
    close_page(diagnostic, result)


def _inputs(diagnostic: Diagnostic, lake: Lake, selected: Mapping[str, Any]) -> dict[str, Any]:
    """Draw every control of the page in its group and return all parameters by name."""
    params: dict[str, Any] = dict(selected)
    options, defaults = options_of(diagnostic.params), defaults_of(diagnostic.params)

    def draw(names: Sequence[str], n_columns: int) -> None:
        columns = st.columns(n_columns)
        for index, name in enumerate(names):
            with columns[index % n_columns]:
                params[name] = control(name, options[name], defaults[name], lake, params)

    about = options[KNOWN]
    models = lake.read("mart_models").filter(pl.col("n_scores") > 0)["model_id"].sort().to_list()
    params[KNOWN] = choice(KNOWN, about.label, ["", *models], 0, help_text=about.help)
    draw(MODEL_FIELDS, len(MODEL_FIELDS))
    draw((*SCORE_FIELDS, "other_scores"), COLUMNS)
    with st.expander("Custom pair: scores of two or more releases"):
        draw(PAIR_FIELDS, len(PAIR_FIELDS))
    params.update(_sliders(diagnostic))
    with st.expander("Settings of this page"):
        draw(METHOD_FIELDS, len(METHOD_FIELDS) // 2)
    return params


def _sliders(diagnostic: Diagnostic) -> Mapping[str, float]:
    """Draw the levers of the what-if as sliders."""
    options, defaults = options_of(diagnostic.params), defaults_of(diagnostic.params)
    found = {}
    for column, name in zip(st.columns(len(WHAT_IF_FIELDS)), WHAT_IF_FIELDS, strict=True):
        about, asked = options[name], st.query_params.get(name)
        with column:
            found[name] = st.slider(
                about.label,
                min_value=float(about.low or 0.0),
                max_value=float(about.high or 0.0),
                value=float(defaults[name]),
                step=SLIDER_STEP,
                key=name,
                help=about.help,
                bind="query-params",
            )
        report_number(name, about, asked, found[name])
    return found


def _known(panel: Panel, result: Result) -> None:
    """Show the known models, searchable and sortable; the selected one can be loaded."""
    st.subheader(panel.title)
    st.caption("Search with the magnifier of the table; select a row to load that model.")
    table = result.table(KNOWN)
    units = {name: st.column_config.Column(f"{name} ({unit})") for name, unit in table.units.items()}
    picked = st.dataframe(
        table.frame,
        hide_index=True,
        height=LIST_HEIGHT,
        column_config=units,
        on_select="rerun",
        selection_mode="single-row",
        key="known_list",
        alt=panel.alt,
    )
    for row in picked.selection.rows[:1]:
        chosen = str(table.frame["model_id"][row])
        loaded = {KNOWN: chosen, **CLEARED}
        st.button(f"Load {chosen}", type="primary", on_click=state.choose, args=(loaded,), key="load_known")
    frame.downloads(table, result, key=KNOWN)
