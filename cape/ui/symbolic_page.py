"""The page of symbolic laws: what is stored, a search of one's own with progress and cancel, and its result."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cape.diagnostics import SHARED, Diagnostic
from cape.diagnostics._law_search import LawSearch
from cape.dynamics.symbolic import SECONDS, Progress, engine_words
from cape.errors import CapeError
from cape.quantities import Result
from cape.ui import frame, state
from cape.ui.controls import stop_on
from cape.ui.lake import current_lake
from cape.ui.page import close_page, open_page

FOLLOW_EVERY = "1s"
STORED, MINE = "stored laws", "laws of my search"
SHORTEST_S, LONGEST_S = 10, 3600
MOST_SHOWN = 4


def show_symbolic(diagnostic: Diagnostic) -> None:
    """Show stored laws or, once there is one for this selection, those of the session's own search."""
    result = open_page(diagnostic)
    box = st.container(border=True)
    with box:
        st.caption(engine_words())
        mine = _own_search(result)
    if mine is not None:
        with box:
            shown = st.segmented_control("Show", [MINE, STORED], default=MINE, required=True, key="laws_shown")
        result = mine if shown == MINE else result
    frame.sentences(result)
    _formulas(result)
    frame.panels(diagnostic, result)
    close_page(diagnostic, result)


def _own_search(result: Result) -> Result | None:
    """Draw the button, or the progress of a search under way; return the result of one that ended."""
    held: LawSearch | None = state.law_search()
    if held is None:
        _offer(result)
        return None
    try:
        progress = held.search.poll()
    except CapeError as error:
        state.keep_law_search(None)
        st.error(str(error))
        _offer(result)
        return None
    if not progress.is_over:
        _follow()
        return None
    _offer(result)
    return _ended(held, progress, result)


def _offer(result: Result) -> None:
    limit, button = st.columns([1, 2], vertical_alignment="bottom")
    seconds = limit.number_input(
        "Time limit (s)", min_value=SHORTEST_S, max_value=LONGEST_S, value=int(SECONDS), key="law_seconds"
    )
    started = button.button("Search now", type="primary", key="search_laws")
    words = ", ".join(str(result.params[name]) for name in ("panel", "family", "target", "inputs"))
    st.caption(f"Searches {words}, seed {result.params['seed']}: once with all families, then without each fold.")
    if not started:
        return
    try:
        state.keep_law_search(LawSearch(result.params, current_lake(), seconds=float(seconds)))
    except CapeError as error:
        st.error(str(error))
        return
    st.rerun()


@st.fragment(run_every=FOLLOW_EVERY)
def _follow() -> None:
    """Show how far the search is and offer to end it; draw the page again when it is over."""
    held = state.law_search()
    if held is None:
        st.rerun()
    try:
        progress = held.search.poll()
    except CapeError as error:
        state.keep_law_search(None)
        stop_on(error)
        return
    if progress.is_over:
        st.rerun()
    share = progress.n_done / progress.n_runs if progress.n_runs else 0.0
    st.progress(share, text=f"{progress.n_done} of {progress.n_runs or 'some'} runs, {progress.seconds:.0f} s")
    if st.button("Cancel", key="cancel_laws"):
        held.search.cancel()
        st.rerun()


def _ended(held: LawSearch, progress: Progress, result: Result) -> Result | None:
    """Say how the search ended; return its result when it is of the selection on the page."""
    how = f"{progress.n_done} of {progress.n_runs} runs in {progress.seconds:.0f} s: {progress.stopped}."
    if not progress.runs:
        st.warning(f"The search found nothing: {how} Give it more time, then search again.")
        return None
    same = [name for name in _selected(result) if getattr(held.params, name) != result.params[name]]
    if same:
        st.info(f"A search of another selection is kept ({how}); {', '.join(same)} differ from what is shown.")
        return None
    st.success(f"The search ended after {how}")
    return held.result(progress, current_lake())


def _selected(result: Result) -> list[str]:
    return [
        name for name in (*SHARED, "families", "min_b", "max_b", "target", "inputs", "seed") if name in result.params
    ]


def _formulas(result: Result) -> None:
    """Write the best ranked formulas as mathematics."""
    laws = result.table("laws").frame
    rows: list[dict[str, Any]] = [row for row in laws.iter_rows(named=True) if row["rank"] and row["latex"]]
    for row in rows[:MOST_SHOWN]:
        st.latex(rf"\text{{{row['rank']}. }}\quad {row['latex']}")
    if rows:
        st.caption(
            "The best by held-out error. x first score (%), w = d_model / 512, x_n = x / w, l_N and l_D: "
            "log10 of parameters and of training tokens; a, b, c, d are fitted."
        )
