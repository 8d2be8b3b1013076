"""The page of steering: stored scorecards, published runs, and a model to steer here where torch is installed."""

from __future__ import annotations

import streamlit as st

from cape.diagnostics import Diagnostic
from cape.diagnostics._steering_live import card_model, own_result
from cape.internals.live import can_run
from cape.internals.models import INSTALL_LINE
from cape.quantities import Result
from cape.ui import frame, state
from cape.ui.lake import current_lake
from cape.ui.page import close_page, open_page
from cape.ui.steering_endpoint import endpoint_box
from cape.ui.steering_live import choose_model, session_texts, write_box
from cape.ui.steering_scorecard import scorecard_box

STORED, MINE = "stored scorecard", "my scorecard"


def show_steering(diagnostic: Diagnostic) -> None:
    """Show the stored scorecard or the session's own, the published runs, and the live boxes."""
    result = open_page(diagnostic)
    with st.container(border=True):
        st.subheader("Steer a model here")
        _live()
    shown = _chosen(result)
    frame.sentences(shown)
    frame.panels(diagnostic, shown)
    close_page(diagnostic, shown)


def _live() -> None:
    """Draw what can be run here; without torch, what to install. The endpoint needs no torch."""
    named = choose_model() if can_run() else None
    writing, scoring, asking = st.tabs(["Before and after", "Scorecard", "Prompt only, by an endpoint"])
    if named is not None:
        with writing:
            write_box(named)
        with scoring:
            scorecard_box(named)
    else:
        for tab in (writing, scoring):
            with tab:
                st.info("Running a model here needs torch and transformers. The recorded results below need neither.")
                st.code(INSTALL_LINE, language="bash")
    with asking:
        endpoint_box()
    session_texts()


def _chosen(result: Result) -> Result:
    """Return the result on the page: with the session's own scorecard where there is one and it is asked for."""
    card = state.steering("card")
    if card is None:
        return result
    st.caption(f"A scorecard of {card_model(card)} was computed in this session.")
    shown = st.segmented_control("Show", [MINE, STORED], default=MINE, required=True, key="steer_shown")
    return own_result(card, result.params, current_lake()) if shown == MINE else result
