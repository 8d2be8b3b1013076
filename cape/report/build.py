"""Run the diagnostics of a panel and put them into one self-contained HTML file that works without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from cape import __version__, diagnostics
from cape.diagnostics import DIAGNOSTICS, Diagnostic, accept, options_of
from cape.diagnostics._params import Params
from cape.errors import CapeError
from cape.lake import OWN_SOURCE, Lake
from cape.quantities import Result
from cape.report import html
from cape.report.sections import section
from cape.report.texts import table_bytes

FIRST = "bring_your_scores"
SECTIONS = ("Coupling", "Dynamics")
LOCAL = "http://localhost:8501"
MOST_SCORES = 2_000  # rows of the panel's scores that the file holds
SOURCE_COLUMNS = ("source_id", "title", "url", "kind", "as_of_date", "licence", "notes")
SCORE_COLUMNS = (
    *("model_id", "revision", "family", "axis", "position", "replicate", "benchmark_id", "score_pct", "score_se_pct"),
    *("se_method", "n_items", "protocol", "quality_flags", "source_url"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The file, which diagnostics it holds, and why the others are missing. refused : slug and reason."""

    html: str
    ran: tuple[str, ...]
    refused: tuple[tuple[str, str], ...]

    @property
    def n_bytes(self) -> int:
        """Size of the file."""
        return len(self.html.encode())


def report_slugs() -> tuple[str, ...]:
    """Return the diagnostics that a report runs, in the order of the registry."""
    return tuple(d.slug for d in _relevant())


def build_report(
    selection: Mapping[str, Any],
    lake: Lake,
    *,
    made_on: str,
    base_url: str = LOCAL,
    on_progress: Callable[[str, int, int], None] | None = None,
) -> Report:
    """Return the report of a selection (panel, and family, x, y, variant, resamples, seed where given).

    made_on : the day, as it shall stand in the file. base_url : address of the app, for the permalinks.
    Raises UnknownNameError or BadParameterError where the selection is not accepted.
    """
    params = accept(Params, selection, lake)
    chosen = {name: getattr(params, name) for name in ("panel", "family", "x", "y", "resamples", "seed")}
    relevant = _relevant()
    sections, refused = [], []
    for number, diagnostic in enumerate(relevant, start=1):
        if on_progress is not None:
            on_progress(diagnostic.title, number, len(relevant))
        try:
            result = diagnostics.run(diagnostic.slug, _taken(diagnostic, chosen), lake)
        except CapeError as error:
            refused.append((diagnostic.slug, str(error)))
            continue
        sections.append((diagnostic, result))
    figures = html.Figures()
    body = [
        _head(chosen, lake, made_on),
        _contents(sections, refused),
        _scores(chosen["panel"], lake, sections),
        *(section(diagnostic, result, figures, base_url=base_url) for diagnostic, result in sections),
        _refusals(refused),
        _sources(chosen["panel"], lake),
    ]
    text = html.document(f"CAPE report: panel {chosen['panel']}", body, figures)
    return Report(html=text, ran=tuple(d.slug for d, _ in sections), refused=tuple(refused))


def _relevant() -> tuple[Diagnostic, ...]:
    wanted = [d for d in DIAGNOSTICS if d.slug == FIRST]
    return (*wanted, *(d for d in DIAGNOSTICS if d.section in SECTIONS and d.uses_selection))


def _taken(diagnostic: Diagnostic, chosen: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in chosen.items() if name in options_of(diagnostic.params)}


def _head(chosen: Mapping[str, Any], lake: Lake, made_on: str) -> str:
    held = lake.read("mart_panels", panel=chosen["panel"]).row(0, named=True)
    family = "" if chosen["family"] == "all" else f", family {chosen['family']}"
    lines = [
        f"Panel {chosen['panel']}: {held['label']}. {held['n_models']} models in {held['n_families']} families, "
        f"{held['n_scores']} scores{family}. Pair: {chosen['x']} and {chosen['y']}.",
        f"Made on {made_on} with the CAPE workbench {__version__}, lake {lake.version}, seed {chosen['seed']}, "
        f"{chosen['resamples']:,} resamples.",
        "Every number stands with its 95% interval or the reason why it has none; caveats stand beside it as doubts. "
        f"This file is about {html.SIZE_MARK} MB, holds all it needs and makes no request to any host.",
    ]
    if chosen["panel"] == OWN_SOURCE:
        lines.append(
            "The panel was brought by a reader. Links below open it only in a session that holds these scores, or "
            f"where they were added with: cape ingest scores.csv --source-id {OWN_SOURCE}"
        )
    return html.element("header", html.heading(1, f"Report on panel {chosen['panel']}") + html.paragraphs(lines))


def _contents(sections: Sequence[tuple[Diagnostic, Result]], refused: Sequence[tuple[str, str]]) -> str:
    links = [html.link(f"#{d.slug}", d.title) for d, _ in sections]
    links += [html.link("#refused", f"Not computed ({len(refused)})")] if refused else []
    links += [html.link("#scores", "Scores"), html.link("#sources", "Sources")]
    return html.element("nav", html.heading(2, "Contents") + html.bullets(links), label="Contents")


def _scores(panel: str, lake: Lake, sections: Sequence[tuple[Diagnostic, Result]]) -> str:
    """Return the scores that everything rests on, as a table and as a file to save."""
    frame = lake.read("mart_scores", panel=panel).select(SCORE_COLUMNS)
    shown = frame.head(MOST_SCORES)
    words = [f"{frame.height} scores."]
    if frame.height > shown.height:
        words.append(f'The first {shown.height} stand here; all: cape sql "select * from mart_scores" --csv')
    save = ""
    if sections:
        save = html.saved_file("scores.csv", table_bytes(shown, sections[0][1], file_format="CSV"))
    table = html.details("Scores", html.table(shown, caption=f"Scores of panel {panel}"))
    return html.section("scores", "Scores", html.paragraphs(words) + save + table)


def _refusals(refused: Sequence[tuple[str, str]]) -> str:
    if not refused:
        return ""
    items = [f"{html.escaped(diagnostics.get(slug).title)}: {html.escaped(reason)}" for slug, reason in refused]
    return html.section("refused", "Not computed, and why", html.bullets(items))


def _sources(panel: str, lake: Lake) -> str:
    source = lake.read("mart_panels", panel=panel)["source_id"][0]
    sources = lake.read("mart_sources")
    columns = [name for name in SOURCE_COLUMNS if name in sources.columns]
    frame = sources.filter(pl.col("source_id") == source).select(columns)
    return html.section("sources", "Sources", html.table(frame, caption="Source of the panel's scores"))
