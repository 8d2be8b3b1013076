"""The router: navigation built from the registry, the shared selection in the sidebar, then the page."""

from __future__ import annotations

import streamlit as st

from cape.diagnostics import DIAGNOSTICS, Diagnostic
from cape.errors import CapeError
from cape.ui import state
from cape.ui.controls import selection, stop_on
from cape.ui.lake import build_fault, current_lake


def run_app() -> None:
    """Draw navigation and selection, then run the page that the URL names."""
    st.set_page_config(page_title="CAPE workbench", layout="wide")
    page = draw_navigation()
    state.clear_notices()
    state.apply_next_selection()
    try:
        lake = current_lake()
        if fault := build_fault():
            state.notices().append(f"The lake could not be rebuilt; the last good one is shown. {fault}")
        state.remember_selection(selection(lake, is_used=_of(page).uses_selection))
    except CapeError as error:
        stop_on(error)
    page.run()


def draw_navigation() -> st.Page:
    """Draw the menu of all pages and return the one that the URL names."""
    sections: dict[str, list] = {}
    for diagnostic in DIAGNOSTICS:
        sections.setdefault(diagnostic.section, []).append(page_of(diagnostic))
    return st.navigation(sections, position="top")


def page_of(diagnostic: Diagnostic) -> st.Page:
    """Return the page of a diagnostic; the first one in the registry is the app's front page."""
    return st.Page(
        f"pages/{diagnostic.slug}.py",
        title=diagnostic.title,
        url_path=diagnostic.slug,
        default=diagnostic is DIAGNOSTICS[0],
    )


def _of(page: st.Page) -> Diagnostic:
    return next((d for d in DIAGNOSTICS if d.slug == page.url_path), DIAGNOSTICS[0])
