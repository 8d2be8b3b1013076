"""The SQL page: schema, examples, one query at a time in its own limited process, result as table and download."""

from __future__ import annotations

import polars as pl
import streamlit as st

from cape.diagnostics import Diagnostic
from cape.errors import QueryRefusedError
from cape.lake import EXAMPLES, public_database, run_public_sql
from cape.quantities import Table
from cape.ui import frame
from cape.ui.controls import choice
from cape.ui.lake import current_lake
from cape.ui.page import close_page, open_page


def show_sql(diagnostic: Diagnostic) -> None:
    """Show the query box and the schema."""
    result = open_page(diagnostic)
    frame.sentences(result)
    st.caption(
        "One SELECT or EXPLAIN per run, read-only, over a copy that holds only the marts; "
        "rows, time and memory are capped."
    )
    example = choice("example", "Example", list(EXAMPLES), 0)
    frame.show_notices()
    query = st.text_area("Query", value=EXAMPLES[example], height="content", key=f"query_{example}")
    if st.button("Run", type="primary", key="run_query"):
        _answer(query)
    frame.panels(diagnostic, result)
    close_page(diagnostic, result)


def _answer(query: str) -> None:
    lake = current_lake()
    try:
        with st.spinner("Running the query ..."):
            answer = run_public_sql(public_database(lake.database), query)
    except QueryRefusedError as error:
        st.error(str(error))
        return
    note = " The rows were cut at the cap." if answer.truncated else ""
    st.caption(f"{answer.frame.height} rows in {answer.seconds:.2f} s.{note} Lake {lake.version}.")
    st.dataframe(answer.frame, hide_index=True, key="answer", alt="Result of the query")
    table = Table(name="query", title="Result", frame=answer.frame)
    st.download_button(
        "CSV",
        data=lambda: _csv(table.frame),
        file_name="cape_query.csv",
        mime="text/csv",
        key="download_query",
        on_click="ignore",
    )


def _csv(frame_: pl.DataFrame) -> bytes:
    return frame_.write_csv().encode()
