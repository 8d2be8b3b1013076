"""The claims page: the ledger with filters, one claim in full, and the way to its diagnostic."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import streamlit as st

from cape.diagnostics import SHARED, Diagnostic, get
from cape.ui import frame, state
from cape.ui.page import close_page, open_page

LISTED = (
    "claim_id",
    "claim",
    "reproduced",
    "supported",
    "paper_value",
    "our_value",
    "low",
    "high",
    "n",
    "unit",
    "diagnostic",
    "source",
    "contradiction",
)


def show_claims(diagnostic: Diagnostic) -> None:
    """Show the ledger; a selected row opens below the list."""
    result = open_page(diagnostic)
    frame.sentences(result)
    matrix, listing = diagnostic.panels
    frame.show_panel(matrix, result)
    st.subheader(listing.title)
    table = result.table("claims")
    shown = table.frame.select(LISTED)
    if shown.is_empty():
        st.info("No claim matches the filters. Widen them above.")
    else:
        picked = st.dataframe(
            shown,
            hide_index=True,
            on_select="rerun",
            selection_mode="single-row",
            key="claims_list",
            alt=listing.alt,
        )
        frame.downloads(table, result, key="claims")
        for row in picked.selection.rows[:1]:
            _detail(table.frame.row(row, named=True))
    close_page(diagnostic, result)


def _detail(claim: dict[str, Any]) -> None:
    """Show one claim: what is printed, how it was judged, part by part, and what contradicts it."""
    st.subheader(f"{claim['claim_id']}: {claim['claim']}")
    st.markdown(f"Reproduced: **{claim['reproduced']}**. Supported: **{claim['supported']}**.")
    printed = " ".join(str(claim[name]) for name in ("paper_value", "unit", "paper_ci") if claim[name])
    st.markdown(f"Printed: {printed} ({claim['source']}; found in: {claim['found_in']})")
    st.markdown(f"Claimed population: {claim['claimed_population']}. Claimed method: {claim['claimed_method']}.")
    if claim["contradiction"]:
        st.warning(f"The sources contradict each other here: {claim['contradiction']}")
    if claim["reason"]:
        st.markdown(f"Reason: {claim['reason']}")
    parts = json.loads(claim["parts"])
    st.dataframe(pl.DataFrame(parts, infer_schema_length=None, strict=False), hide_index=True, alt="Parts of the claim")
    if claim["diagnostic"]:
        _open_button(claim)


def _open_button(claim: dict[str, Any]) -> None:
    """Offer the diagnostic with the parameters that judged the claim."""
    target = get(claim["diagnostic"])
    params = json.loads(claim["params"] or "{}")
    shared = {name: value for name, value in params.items() if name in SHARED}
    local = {name: str(value) for name, value in params.items() if name in target.controls}
    opened = st.button(f"Open {target.title}", on_click=state.choose, args=(shared,), key="open_claim")
    if opened:
        st.switch_page(f"pages/{target.slug}.py", query_params=local)
