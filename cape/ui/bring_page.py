"""Bring your scores: a grid to paste into, files to drop, what was read, and the session's own panel on every page."""

from __future__ import annotations

from datetime import date

import polars as pl
import streamlit as st

from cape.diagnostics import Diagnostic, get
from cape.ingest.confirm import ORDERS
from cape.ingest.pasted import Benchmark, read_pasted
from cape.lake import Lake
from cape.quantities import Result
from cape.report import build_report, report_slugs
from cape.ui import bring_files, frame, state
from cape.ui.lake import current_lake
from cape.ui.page import close_page, open_page

GRID, TEXT = "Grid", "Text"
EMPTY_ROWS = 3
AREA_HEIGHT = 150
ORDER_WORDS = bring_files.ORDER_WORDS
PLACE_LABELS = {"params": "size, e.g. 1.4B or 410M", "tokens": "tokens, e.g. 300B", "step": "step, e.g. 1000"}
NEXT = ("local_coupling", "critical_scale", "trend_control", "phase_diagram", "coupling_matrix", "ode_explorer")
COLUMNS = 3
PAIR = ("hellaswag", "truthfulqa_mc2")


def show_bring(diagnostic: Diagnostic) -> None:
    """Show where scores enter, what became of them, and gamma of the selected panel."""
    result = open_page(diagnostic)
    _paste(current_lake())
    _mine(result)
    frame.sentences(result)
    _doors(result)
    _report(result)
    frame.panels(diagnostic, result)
    close_page(diagnostic, result)


def _paste(lake: Lake) -> None:
    """Draw the grid and the text area; what stands in the one that is open is read on the button."""
    st.subheader("Paste a table")
    st.caption("Three rows suffice: model, size and two scores, in percent or as fractions.")
    known = benchmarks_of(lake)
    names = list(known)
    first, second, third = st.columns(COLUMNS)
    x = first.selectbox("First score", names, index=names.index(PAIR[0]), key="paste_x")
    y = second.selectbox("Second score", names, index=names.index(PAIR[1]), key="paste_y")
    order = third.selectbox("Models are ordered by", ORDERS, format_func=ORDER_WORDS.__getitem__, key="paste_order")
    how = st.segmented_control("Write into", [GRID, TEXT], default=GRID, required=True, key="paste_how")
    text = _grid(x, y, order) if how == GRID else _area(x, y, order)
    if st.button("Show gamma of my table", type="primary", key="paste_read"):
        reading = read_pasted(text, benchmarks=known, pair=(x, y), order_by=order)
        bring_files.take_reading(reading, lake, order_by=order)


def _grid(x: str, y: str, order: str) -> str:
    """Draw an editable grid, which takes a paste from a spreadsheet, and return its rows as text."""
    rows = pl.DataFrame({name: [""] * EMPTY_ROWS for name in ("model", "place", "x", "y")})
    edited = st.data_editor(
        rows,
        num_rows="dynamic",
        hide_index=True,
        width="stretch",
        column_config={
            "model": st.column_config.TextColumn("model"),
            "place": st.column_config.TextColumn(PLACE_LABELS[order]),
            "x": st.column_config.TextColumn(x),
            "y": st.column_config.TextColumn(y),
        },
        key=f"paste_grid_{state.own_round()}",
    )
    lines = ["\t".join("" if cell is None else str(cell) for cell in row) for row in edited.iter_rows()]
    return "\n".join(lines)


def _area(x: str, y: str, order: str) -> str:
    """Draw a text area for a table with or without a header and return what it holds."""
    return st.text_area(
        "Table",
        height=AREA_HEIGHT,
        key=f"paste_text_{state.own_round()}",
        placeholder=f"small 410M 40.9 41.2\nmedium 1.4B 52.0 38.7\nlarge 6.9B 64.1 36.0\n\n"
        f"parted by tabs, semicolons or commas: model, {ORDER_WORDS[order]}, {x}, {y}; "
        "or with a header of model, family, size, step, tokens, seed, width, benchmarks and <benchmark>_stderr",
    )


def benchmarks_of(lake: Lake) -> dict[str, Benchmark]:
    """Return the benchmarks of the lake that a column may hold, by identifier."""
    rows = lake.read("mart_benchmarks").sort("benchmark_id").iter_rows(named=True)
    return {
        row["benchmark_id"]: Benchmark(
            benchmark=row["benchmark"], variant=row["variant"], metric=row["metric"], chance_pct=row["chance_pct"]
        )
        for row in rows
    }


def _mine(result: Result) -> None:
    """Say which scores the session holds, and offer to confirm, export and remove them."""
    own = state.own()
    if own is None:
        st.info(f"No scores of yours are in this session. Below stands panel {result.params['panel']} meanwhile.")
    else:
        bring_files.show_own(own, result)
    held = state.own_reading()
    if held is not None:
        bring_files.show_reading(held, current_lake())


def _report(result: Result) -> None:
    """Offer one file with every coupling and dynamics diagnostic of the panel; it is made when it is asked for."""
    lake = current_lake()
    chosen = {name: result.params[name] for name in ("panel", "family", "x", "y", "resamples", "seed")}
    made_on, base = date.today().isoformat(), frame.base_address(result.diagnostic)
    left, right = st.columns([1, 3], vertical_alignment="center")
    left.download_button(
        "Report as one HTML file",
        data=lambda: build_report(chosen, lake, made_on=made_on, base_url=base).html.encode(),
        file_name=f"cape_report_{chosen['panel']}.html",
        mime="text/html",
        key="report_html",
        on_click="ignore",
        width="stretch",
    )
    right.caption(
        f"{len(report_slugs())} diagnostics with figures, intervals, doubts and the commands that reproduce them; "
        "5 to 15 MB, works offline, takes some seconds to make."
    )
    st.code(f"cape report --panel {chosen['panel']} --out report.html", language="bash")


def _doors(result: Result) -> None:
    """Offer the pages that say more about the panel, with the selection of this page."""
    st.caption("Every coupling and dynamics page takes this panel in the sidebar; the next ones to ask:")
    shared = {name: result.params[name] for name in ("panel", "family", "x", "y")}
    for column, slug in zip(st.columns(len(NEXT)), NEXT, strict=True):
        title = get(slug).title
        if column.button(title, on_click=state.choose, args=(shared,), key=f"to_{slug}", width="stretch"):
            st.switch_page(f"pages/{slug}.py")
