"""One diagnostic as a section of a report: question, sentences, figures, estimates, doubts, tables, reproduction."""

from __future__ import annotations

from cape.diagnostics import SHARED, Diagnostic, Panel
from cape.quantities import Estimate, Result, Table
from cape.report import html
from cape.report.texts import command_of, estimates_frame, permalink, sql_of

MOST_ROWS = 60  # rows of a table in the file; the command prints all
MOST_DOUBTS = 12
SHOWN = ("symbol", "label", "value", "low", "high", "n", "unit", "method", "caveats")
THEMES = ("light", "dark")


def section(diagnostic: Diagnostic, result: Result, figures: html.Figures, *, base_url: str) -> str:
    """Return the section of one diagnostic; its figures are added to `figures`."""
    parts = [
        html.paragraphs([diagnostic.question], kind="question"),
        html.paragraphs(result.sentences),
        *(_panel(panel, result, figures) for panel in diagnostic.panels),
        _doubts(result.estimates),
        _estimates(result),
        _reproduce(diagnostic, result, base_url),
    ]
    return html.section(diagnostic.slug, diagnostic.title, "".join(parts))


def _panel(panel: Panel, result: Result, figures: html.Figures) -> str:
    tables = "".join(_table(result.table(name), result) for name in panel.tables)
    drawn = ""
    if panel.figure is not None:
        pair = {theme: panel.figure(result, theme) for theme in THEMES}
        drawn = figures.add(f"{result.diagnostic}-{panel.name}", pair, alt=panel.alt)
    return html.heading(3, panel.title) + drawn + html.details(f"Table: {panel.title}", tables)


def _table(table: Table, result: Result) -> str:
    words = ""
    if table.frame.height > MOST_ROWS:
        words = html.paragraphs([f"{MOST_ROWS} of {table.frame.height} rows; the page of the app has all of them."])
    return words + html.table(table.frame.head(MOST_ROWS), caption=table.title, units=table.units)


def _doubts(estimates: tuple[Estimate, ...]) -> str:
    """List what the estimates do not settle, each caveat once with how often it is said."""
    said: dict[str, int] = {}
    for estimate in estimates:
        for caveat in estimate.caveats:
            said[caveat] = said.get(caveat, 0) + 1
    if not said:
        return ""
    ranked = sorted(said.items(), key=lambda item: -item[1])
    items = [f"{html.escaped(text)} ({times} of {len(estimates)} estimates)" for text, times in ranked[:MOST_DOUBTS]]
    if len(ranked) > MOST_DOUBTS:
        items.append(f"{len(ranked) - MOST_DOUBTS} further caveats stand beside their estimates.")
    return html.heading(3, "Doubts") + html.bullets(items)


def _estimates(result: Result) -> str:
    frame = estimates_frame(result.estimates).select(SHOWN)
    short = html.table(frame.head(MOST_ROWS), caption="Estimates with 95% intervals")
    rest = frame.slice(MOST_ROWS)
    more = "" if rest.is_empty() else html.details(f"{rest.height} further estimates", html.table(rest, caption="More"))
    return html.heading(3, "Estimates") + html.details(f"{frame.height} estimates", short + more, is_open=True)


def _reproduce(diagnostic: Diagnostic, result: Result, base_url: str) -> str:
    keys = tuple(key for key in (*SHARED, *diagnostic.controls) if key != "variant")
    address = permalink(base_url, diagnostic.slug, result, keys=keys)
    return (
        html.heading(3, "Reproduce")
        + html.paragraphs([f"Lake {result.lake_version}, source: {diagnostic.source}."])
        + html.code(command_of(result))
        + html.element("p", html.link(address, address))
        + html.details("Queries", html.code(sql_of(result)))
    )
