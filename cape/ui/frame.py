"""The frame of every page: title, sentences, figures with their tables and exports, estimates, reproducibility."""

from __future__ import annotations

from functools import partial

import plotly.graph_objects as go
import streamlit as st

from cape import __version__
from cape.diagnostics import DIAGNOSTICS, SHARED, Diagnostic, Panel
from cape.lake import Lake
from cape.quantities import Result, Table
from cape.ui import exports, state
from cape.ui.controls import LINK_VERSION

PRECISION = "%.4g"
NUMERIC = ("value", "low", "high")
ESTIMATE_ORDER = ("symbol", "label", "value", "low", "high", "n", "unit", "caveats", "method")


def theme() -> str:
    """Return "dark" or "light", as the browser shows the app."""
    kind = st.context.theme.type
    return "dark" if kind == "dark" else "light"


def header(diagnostic: Diagnostic, lake: Lake) -> None:
    """Show title, question, notices and, for an older link, the lake version it was made with."""
    st.title(diagnostic.title)
    st.markdown(diagnostic.question)
    show_notices()
    linked = st.query_params.get(LINK_VERSION)
    if linked and linked != lake.version:
        st.info(f"This link was made with lake {linked}; the lake is now {lake.version}, so numbers may differ.")


def show_notices() -> None:
    """Show what was refused or has to be said, each once."""
    for notice in dict.fromkeys(state.notices()):
        st.warning(notice)
    state.clear_notices()


def sentences(result: Result) -> None:
    """Show the statements that the diagnostic generated."""
    for sentence in result.sentences:
        st.markdown(sentence)


def panels(diagnostic: Diagnostic, result: Result) -> None:
    """Show every panel of the result with its table and downloads."""
    for panel in diagnostic.panels:
        show_panel(panel, result)


def show_panel(panel: Panel, result: Result) -> None:
    """Show one figure, or one table where the panel has no figure."""
    st.subheader(panel.title)
    tables = [result.table(name) for name in panel.tables]
    if panel.figure is None:
        for table in tables:
            show_table(table, key=f"{panel.name}_{table.name}")
            downloads(table, result, key=f"{panel.name}_{table.name}")
        return
    figure = panel.figure(result, theme())
    chart = st.container()
    with st.expander(f"Table and downloads: {panel.title}"):
        for table in tables:
            if len(tables) > 1:
                st.markdown(f"**{table.title}**")
            show_table(table, key=f"{panel.name}_{table.name}")
            downloads(table, result, key=f"{panel.name}_{table.name}")
        image = st.segmented_control(
            "The camera button above the chart saves it as",
            ["svg", "png"],
            default="svg",
            required=True,
            key=f"image_{panel.name}",
        )
        st.download_button(
            "Figure as HTML",
            data=lambda: exports.figure_html(figure),
            file_name=f"cape_{result.diagnostic}_{panel.name}.html",
            mime="text/html",
            key=f"html_{panel.name}",
            on_click="ignore",
        )
    with chart:
        show_figure(figure, panel, image=image)


def show_figure(figure: go.Figure, panel: Panel, *, image: str) -> None:
    """Draw a figure in the app's own template, saveable by its camera button."""
    config = {"displaylogo": False, "toImageButtonOptions": {"format": image, "filename": f"cape_{panel.name}"}}
    st.plotly_chart(figure, theme=None, config=config, key=f"figure_{panel.name}", alt=panel.alt)


def show_table(table: Table, *, key: str) -> None:
    """Show a table with the unit of each column in its heading."""
    config = {name: st.column_config.Column(f"{name} ({unit})") for name, unit in table.units.items() if unit}
    st.dataframe(
        table.frame, hide_index=True, column_config=config, placeholder="", key=f"table_{key}", alt=table.title
    )


def downloads(table: Table, result: Result, *, key: str) -> None:
    """Offer a table in every export format."""
    columns = st.columns(len(exports.FORMATS))
    for column, (file_format, mime) in zip(columns, exports.FORMATS.items(), strict=True):
        column.download_button(
            file_format,
            data=partial(exports.table_bytes, table.frame, result, file_format=file_format),
            file_name=f"cape_{result.diagnostic}_{table.name}.{file_format.lower()}",
            mime=mime,
            key=f"download_{key}_{file_format}",
            on_click="ignore",
        )


def estimates(result: Result) -> None:
    """Show every estimate with interval, n, unit, method and caveats."""
    st.subheader("Estimates")
    st.caption(
        "low and high are the ends of a 95% interval; an empty cell is undefined or unbounded, and caveats say why."
    )
    frame = exports.estimates_frame(result.estimates)
    config = {name: st.column_config.NumberColumn(format=PRECISION) for name in NUMERIC}
    st.dataframe(
        frame,
        hide_index=True,
        column_config=config,
        column_order=ESTIMATE_ORDER,
        placeholder="",
        key="estimates",
        alt="Estimates of this page",
    )
    table = Table(name="estimates", title="Estimates", frame=frame)
    downloads(table, result, key="estimates")


def reproducibility(diagnostic: Diagnostic, result: Result) -> None:
    """Show how to get the same numbers elsewhere, a citation and the permalink."""
    st.subheader("Reproduce and cite")
    seed = result.params.get("seed")
    st.markdown(f"Lake `{result.lake_version}`, code `{__version__}`, seed `{seed}`, source: {diagnostic.source}.")
    keys = tuple(k for k in (*SHARED, *diagnostic.controls) if k != "variant")
    slug = "" if diagnostic is DIAGNOSTICS[0] else diagnostic.slug  # the first page is the app's own address
    link = exports.permalink(base_address(diagnostic.slug), slug, result, keys=keys)
    command, query, cite, permalink = st.tabs(["Command", "SQL", "Cite this", "Permalink"])
    command.code(exports.command_of(result), language="bash", wrap_lines=True)
    query.code(exports.sql_of(result) or "-- this page reads no rows", language="sql", wrap_lines=True)
    with cite:
        labels = [f"{e.symbol}: {e.label}" for e in result.estimates]
        if labels:
            label = st.selectbox("Estimate", labels, key="cited")
            st.code(exports.citation(result.estimates[labels.index(label)], result), language=None, wrap_lines=True)
    permalink.code(link, language=None, wrap_lines=True)


def base_address(slug: str) -> str:
    """Return the address of the app without the page."""
    url = (st.context.url or "").rstrip("/")
    return url.removesuffix(f"/{slug}")
