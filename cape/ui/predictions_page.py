"""The predictions page: the standard body, and a form that adds a score to this browser session's own rows."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

import streamlit as st

from cape.diagnostics import Diagnostic
from cape.errors import CapeError
from cape.lake import ScoreEntry, checked_entry, command_of
from cape.ui import frame, state
from cape.ui.lake import current_lake
from cape.ui.page import close_page, open_page

HELP = {item.name: item.metadata["help"] for item in fields(ScoreEntry)}
AXES = ("swe_bench_verified", "gpqa_diamond", "ifeval", "hle")
REPORTED = {"not stated": "", "yes": "1", "no": "0"}
COLUMNS = 3


def show_predictions(diagnostic: Diagnostic) -> None:
    """Show the predictions and, below the sentences, what this session has added and the form to add more."""
    result = open_page(diagnostic)
    frame.sentences(result)
    today = date.today().isoformat()
    st.button(f"Score on today's date, {today}", on_click=state.choose, args=({"today": today},), key="score_today")
    _session_rows()
    with st.expander("Add a score of a frontier model"):
        _form()
    frame.panels(diagnostic, result)
    close_page(diagnostic, result)


def _session_rows() -> None:
    """Show the rows of this session, the commands that would add them to the shared lake, and a way to drop them."""
    entries = [ScoreEntry(**dict(row)) for row in state.added_rows()]
    if not entries:
        return
    st.info(
        f"{len(entries)} added in this browser session; every page of this session counts them, no other visitor "
        "sees them. The commands below add them to the lake that the server shows."
    )
    st.code("\n".join(command_of(entry) for entry in entries), language="bash", wrap_lines=True)
    st.button("Drop the rows of this session", on_click=state.drop_rows, key="drop_rows")


def _form() -> None:
    """Ask for one score; a row that stands is kept for this session, a fault is said."""
    with st.form("add_score", border=False):
        columns = st.columns(COLUMNS)
        given = {
            "model_id": columns[0].text_input("Model", key="added_model", help=HELP["model_id"]),
            "benchmark": columns[1].selectbox("Benchmark", AXES, key="added_benchmark", help=HELP["benchmark"]),
            "score": columns[2].text_input("Score", key="added_score", help=HELP["score"]),
            "unit": columns[0].selectbox("Unit", ("percent", "fraction"), key="added_unit", help=HELP["unit"]),
            "source_url": columns[1].text_input("Address", key="added_url", help=HELP["source_url"]),
            "date": columns[2].text_input("Read on (YYYY-MM-DD)", key="added_date", help=HELP["date"]),
            "lab": columns[0].text_input("Lab (new model)", key="added_lab", help=HELP["lab"]),
            "release_date": columns[1].text_input(
                "Released (new model)", key="added_release", help=HELP["release_date"]
            ),
        }
        reported = columns[2].selectbox("Reported by the lab itself", tuple(REPORTED), key="added_reported")
        is_sent = st.form_submit_button("Add to this session", type="primary")
    if not is_sent:
        return
    entry = ScoreEntry(**{k: v.strip() for k, v in given.items()}, is_self_reported=REPORTED[reported])
    try:
        state.add_row(checked_entry(entry, current_lake(), today=date.today()).entry)
    except CapeError as error:
        st.error(str(error))
        return
    st.rerun()
