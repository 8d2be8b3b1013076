"""The overview: headline numbers, the panel at a glance, the ledger, and where to go next; it follows the lake."""

from __future__ import annotations

import streamlit as st

from cape.diagnostics import DIAGNOSTICS, Diagnostic
from cape.quantities import Estimate, Result
from cape.ui import frame
from cape.ui.lake import current_lake
from cape.ui.page import close_page, open_page

REFRESH = "20s"
HEADLINE = ("mean_gamma_12", "n_intervals_settled", "N_c", "r", "r_partial")
TITLES = {
    "mean_gamma_12": "Mean gamma",
    "n_intervals_settled": "Settled steps",
    "N_c": "Critical scale",
    "r": "r over rows",
    "r_partial": "r given size",
}


def show_dashboard(diagnostic: Diagnostic) -> None:
    """Show the overview of the selected panel."""
    result = open_page(diagnostic)
    _follow(result.lake_version)
    _cards(result)
    frame.sentences(result)
    frame.panels(diagnostic, result)
    _doors()
    close_page(diagnostic, result)


@st.fragment(run_every=REFRESH)
def _follow(shown_version: str) -> None:
    """Run the page again when another lake has been published."""
    if current_lake().version != shown_version:
        st.rerun()


def _cards(result: Result) -> None:
    """Show one card per headline estimate: value, interval and n."""
    found = [next((e for e in result.estimates if e.symbol == symbol), None) for symbol in HEADLINE]
    shown = [estimate for estimate in found if estimate is not None]
    for column, estimate in zip(st.columns(len(shown)), shown, strict=True):
        with column.container(border=True):
            help_text = "; ".join((estimate.label, estimate.method, *estimate.caveats))
            st.metric(TITLES[estimate.symbol], _value(estimate), help=help_text)
            st.caption(_interval(estimate))


def _value(estimate: Estimate) -> str:
    if estimate.value is None:
        return "none"
    if estimate.symbol.startswith("n_"):
        return f"{estimate.value:.0f} of {estimate.n}"
    unit = " B" if estimate.unit == "billion parameters" else ""
    return f"{estimate.value:.3g}{unit}"


def _interval(estimate: Estimate) -> str:
    if estimate.symbol.startswith("n_"):
        return "95% interval within a phase"
    if estimate.low is None or estimate.high is None:
        return f"no interval, n = {estimate.n}"
    return f"95%: {estimate.low:.2f} to {estimate.high:.2f}, n = {estimate.n}"


def _doors() -> None:
    """List the pages with the question each answers."""
    st.subheader("What you can ask")
    for diagnostic in DIAGNOSTICS[1:]:
        left, right = st.columns([1, 4])
        left.page_link(f"pages/{diagnostic.slug}.py", label=diagnostic.title)
        right.markdown(diagnostic.question)
