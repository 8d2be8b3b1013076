"""The router: navigation built from the registry, the shared selection in the sidebar, then the page."""

from __future__ import annotations

import streamlit as st

from cape.diagnostics import DIAGNOSTICS, Diagnostic
from cape.errors import CapeError
from cape.ui import state
from cape.ui.controls import selection, stop_on
from cape.ui.lake import current_lake


def run_app() -> None:
    """Draw navigation and selection, then run the page that the URL names."""
    st.set_page_config(page_title="CAPE workbench", layout="wide")
    sections: dict[str, list] = {}
    for diagnostic in DIAGNOSTICS:
        sections.setdefault(diagnostic.section, []).append(page_of(diagnostic))
    page = st.navigation(sections, position="top")
    state.clear_notices()
    try:
        lake = current_lake()
        state.remember_selection(selection(lake, is_used=_of(page).uses_selection))
    except CapeError as error:
        stop_on(error)
    page.run()


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
