"""The standard body of a page: controls, result, figures, estimates, reproducibility."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from cape.diagnostics import Diagnostic
from cape.errors import CapeError
from cape.lake import Lake
from cape.quantities import Result
from cape.ui import frame, state
from cape.ui.controls import page_controls, report_refusals, stop_on
from cape.ui.lake import current_lake, result_of
from cape.ui.router import draw_navigation

Draw = Callable[[Diagnostic, Lake, Mapping[str, Any]], dict[str, Any]]


def show(diagnostic: Diagnostic) -> None:
    """Show a diagnostic with the standard body."""
    result = open_page(diagnostic)
    frame.sentences(result)
    frame.panels(diagnostic, result)
    close_page(diagnostic, result)


def open_page(diagnostic: Diagnostic, *, draw: Draw = page_controls) -> Result:
    """Draw controls and header and return the result; end the run with a plain message when there is none.

    draw : draws the page's own controls, given diagnostic, lake and shared selection, and returns all parameters.
    """
    if not state.remembered_selection():
        # The first visitor of a fresh server may come by a link: Streamlit then runs the page file without the
        # router. Naming the navigation once makes it run the router from now on.
        draw_navigation()
        st.rerun()
    lake = current_lake()
    raw = st.query_params.to_dict()
    top = st.container()
    params = draw(diagnostic, lake, state.remembered_selection())
    report_refusals(raw, diagnostic)
    with top:
        frame.header(diagnostic, lake)
        if diagnostic.uses_selection:
            frame.axis_note(state.remembered_selection(), lake)
    try:
        return result_of(diagnostic.slug, params, lake)
    except CapeError as error:
        stop_on(error)
        raise


def close_page(diagnostic: Diagnostic, result: Result) -> None:
    """Show the estimates and how to reproduce them."""
    frame.estimates(result)
    frame.reproducibility(diagnostic, result)
