"""The session's own scores: kept, confirmed in a table, exported and removed; nothing of them reaches the lake."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import polars as pl
import streamlit as st

from cape.diagnostics import choices_for
from cape.errors import CapeError
from cape.ingest.confirm import EDITED, ORDERS, OwnReading, own_reading
from cape.ingest.reading import Finding, Reading, counts_of
from cape.lake import OWN_SOURCE, Lake, OwnScores, own_scores
from cape.quantities import Result
from cape.ui import exports, state
from cape.ui.lake import lake_with

ORDER_WORDS = {"params": "size", "tokens": "training tokens", "step": "training step"}
INGEST = "cape ingest PATH... --source-id mine"
NO_SCORE = "No score could be read; nothing was changed. What is wrong stands below."


def take(held: OwnReading, lake: Lake) -> None:
    """Make what was read the session's panel and show it; a fault leaves the session's panel as it was."""
    state.keep_own_reading(held)
    try:
        own = own_scores(held.placed, is_sample=held.is_sample)
        selection = selection_of(lake_with(own))
    except CapeError as error:
        st.error(str(error))
        return
    state.keep_own(own)
    state.select_next(selection)
    st.rerun()


def take_reading(reading: Reading, lake: Lake, *, order_by: str = "", is_sample: bool = False) -> None:
    """Take a reading that was just made; one without a score only shows its findings."""
    if reading.scores.is_empty():
        st.error(NO_SCORE)
        show_findings(reading.findings)
        return
    take(own_reading(reading, order_by=order_by, is_sample=is_sample), lake)


def selection_of(lake: Lake) -> dict[str, str]:
    """Return the shared selection that shows the session's panel of a lake."""
    choices = choices_for(OWN_SOURCE, lake)
    return {"panel": OWN_SOURCE, "family": "all", "x": choices.default_x, "y": choices.default_y}


def show_findings(findings: Sequence[Finding]) -> None:
    """Show what was accepted, flagged and refused, with file, place and what to do."""
    rows = [
        {
            "severity": str(each.severity),
            "file": each.file,
            "place": each.place,
            "column": each.column,
            "found": each.found,
            "what to do": each.action,
            "rows": each.n_rows,
        }
        for each in findings
    ]
    counts = ", ".join(f"{number} {severity}" for severity, number in counts_of(findings).items())
    st.caption(f"Files: {counts}.")
    st.dataframe(pl.DataFrame(rows), hide_index=True, key="own_findings", alt="What became of every file")


def show_own(own: OwnScores, result: Result) -> None:
    """Say what the session holds, where it can be used, and offer its export and removal."""
    if own.is_sample:
        st.warning("SAMPLE: these are invented scores of invented models; they only show how the pages work.")
    st.success(
        f"Panel `{OWN_SOURCE}` holds {own.scores.height} scores of {own.models.height} models in this browser session "
        "only: every page of this session offers it in the sidebar, no other visitor sees it, and it is gone when "
        "the session ends or you remove it."
    )
    if result.params["panel"] != OWN_SOURCE:
        st.button("Show my panel", on_click=state.choose, args=({"panel": OWN_SOURCE},), key="show_own")
    st.button("Remove my scores", on_click=remove, key="remove_own")
    with st.expander("Export my scores, or keep them for good"):
        _downloads(own, result)
        st.markdown("An operator of this server adds files to the shared lake, for everybody, with:")
        st.code(INGEST, language="bash")


def remove() -> None:
    """Forget the session's scores and go back to a shipped panel (called from a button)."""
    state.drop_own()
    state.choose({"panel": "author", "family": "all"})
    state.forget(("x", "y", "variant"))


def _downloads(own: OwnScores, result: Result) -> None:
    columns = st.columns(len(exports.FORMATS))
    for column, file_format in zip(columns, ("CSV", "Parquet"), strict=False):
        column.download_button(
            file_format,
            data=partial(exports.table_bytes, own.table, result, file_format=file_format),
            file_name=f"my_scores.{file_format.lower()}",
            mime=exports.FORMATS[file_format],
            key=f"own_{file_format}",
            on_click="ignore",
        )


def show_reading(held: OwnReading, lake: Lake) -> None:
    """Show the findings and the table of families and sizes, to be confirmed."""
    unsure = held.table.filter(~pl.col("sure")).height
    with st.expander(f"Files and findings: {_counted(held.reading.findings)}", expanded=bool(unsure)):
        show_findings(held.reading.findings)
    words = f"{unsure} of {held.table.height} need a look" if unsure else "all are known"
    with st.expander(f"Families and sizes ({words})", expanded=bool(unsure)):
        _confirm(held, lake)


def _counted(findings: Sequence[Finding]) -> str:
    return ", ".join(f"{number} {severity}" for severity, number in counts_of(findings).items())


def _confirm(held: OwnReading, lake: Lake) -> None:
    """Draw the table that says which ladder every state stands in; the button files the scores by it."""
    st.caption("A ladder is one family, ordered by size, training tokens or step. Correct a cell, then use the table.")
    order = st.selectbox(
        "Models of a family are ordered by",
        ORDERS,
        index=ORDERS.index(held.order_by),
        format_func=ORDER_WORDS.__getitem__,
        key=f"own_order_{state.own_round()}",
    )
    fixed = [name for name in held.table.columns if name not in EDITED]
    edited = st.data_editor(
        held.table,
        hide_index=True,
        disabled=fixed,
        column_config={
            "size_b": st.column_config.NumberColumn("size (B)", format="%.4g"),
            "tokens_b": st.column_config.NumberColumn("tokens (B)", format="%.4g"),
            "how": st.column_config.TextColumn("how known"),
            "n_scores": st.column_config.NumberColumn("scores"),
        },
        key=f"own_table_{state.own_round()}",
        alt="Family and place of every model that was read",
    )
    if st.button("Use these families and sizes", type="primary", key="own_confirm"):
        take(OwnReading(reading=held.reading, table=edited, order_by=order, is_sample=held.is_sample), lake)
