"""A panel at a glance: what it holds and how it was measured, gamma and phase of every step, and what may be compared.

The page fills the panel `mine` from a pasted table or result files; the diagnostic itself runs on any panel.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._fetch import step_rows
from cape.diagnostics._params import Params
from cape.diagnostics._protocols import difference, protocols_of
from cape.diagnostics.local_coupling import gamma_estimates, step_table, summary_estimates
from cape.figures.coupling import gamma_by_size
from cape.quantities import Estimate, Phase, Table

COUNTED = "count of rows of the panel"
NOT_SAMPLED = "no interval: a count"
MOST_TOLD = 4
PHASE_WORDS = {
    Phase.TAX: "{y} falls as {x} rises: tax",
    Phase.TRANSITION: "{y} hardly moves as {x} rises: transition",
    Phase.BONUS: "both rise: bonus",
    Phase.UNDETERMINED: "the interval covers more than one phase: undetermined",
}
ALIKE, DIFFERENT, ABSENT = "measured alike", "measured differently", "not held"


def compute(params: Params, read: Read) -> Outcome:
    """Return counts of the panel, gamma of every step with its interval and phase, and how other panels compare."""
    rows = step_rows(params, read)
    protocols = read("mart_protocols", panel=params.panel)
    others = _others(params, read)
    estimates = [*_counts(params, read, protocols), _alike(params, others)]
    if not rows.is_empty():
        rng = np.random.default_rng(params.seed)
        estimates += [*summary_estimates(rows, params, rng), *gamma_estimates(rows)]
    return Outcome(
        estimates=tuple(estimates),
        tables=(
            step_table("steps", "Intervals between consecutive sizes", rows),
            _benchmark_table(protocols),
            Table(name="panels", title="How other panels measured the pair", frame=others),
        ),
        sentences=_sentences(params, rows, read),
    )


def _counts(params: Params, read: Read, protocols: pl.DataFrame) -> list[Estimate]:
    held = read("mart_panels", panel=params.panel).row(0, named=True)
    label = params.panel
    by_method = protocols.group_by("se_method").agg(pl.col("n_scores").sum()).sort("se_method")
    total = int(protocols["n_scores"].sum())
    counts = [
        _count("n_models", label, held["n_models"], unit=""),
        _count("n_families", label, held["n_families"], unit=""),
        _count("n_panel_scores", f"{label}: all", total, unit="scores"),
    ]
    for method, number in by_method.iter_rows():
        counts.append(_count("n_panel_scores", f"{label}: standard error {method}", number, unit="scores", n=total))
    near = int(protocols["n_near_chance"].sum())
    counts.append(_count("n_near_chance", label, near, unit="", n=total))
    return counts


def _count(symbol: str, label: str, number: int, *, unit: str, n: int | None = None) -> Estimate:
    return Estimate(
        symbol=symbol,
        label=label,
        value=float(number),
        low=None,
        high=None,
        n=number if n is None else n,
        unit=unit,
        method=COUNTED,
        caveats=(NOT_SAMPLED,),
    )


def _others(params: Params, read: Read) -> pl.DataFrame:
    """Return one row per other named panel and benchmark of the pair: its protocols, and whether they are the same."""
    rows = []
    for panel in read("mart_panels").filter(pl.col("is_named") & (pl.col("n_scores") > 0))["panel"]:
        if panel == params.panel:
            continue
        for benchmark in (params.x, params.y):
            mine, theirs = protocols_of(params.panel, benchmark, read), protocols_of(panel, benchmark, read)
            verdict = ABSENT if not theirs else DIFFERENT if difference(mine, theirs) else ALIKE
            rows.append(
                {
                    "panel": panel,
                    "benchmark": benchmark,
                    "verdict": verdict,
                    "here": "; ".join(mine),
                    "there": "; ".join(theirs),
                }
            )
    return pl.DataFrame(rows, schema=dict.fromkeys(("panel", "benchmark", "verdict", "here", "there"), pl.String))


def _alike(params: Params, others: pl.DataFrame) -> Estimate:
    alike = others.group_by("panel").agg((pl.col("verdict") == ALIKE).all()).filter("verdict")
    return Estimate(
        symbol="n_panels_alike",
        label=params.panel,
        value=float(alike.height),
        low=None,
        high=None,
        n=others["panel"].n_unique(),
        unit="panels",
        method="named panels that hold both benchmarks of the pair under the same words of shots, metric and harness",
        caveats=(NOT_SAMPLED,),
    )


def _benchmark_table(protocols: pl.DataFrame) -> Table:
    frame = protocols.drop("panel")
    return Table(
        name="benchmarks",
        title="Benchmarks and how they were measured",
        frame=frame,
        units={"min_score_pct": "%", "max_score_pct": "%"},
    )


def _sentences(params: Params, rows: pl.DataFrame, read: Read) -> tuple[str, ...]:
    held = read("mart_panels", panel=params.panel).row(0, named=True)
    about = f"Panel {params.panel} ({held['label']}) holds {held['n_scores']} scores of {held['n_models']} models."
    if rows.is_empty():
        return (
            about,
            f"No family has two different sizes with both {params.x} and {params.y}, so there is no gamma yet.",
        )
    told = [_told(row, params) for row in rows.head(MOST_TOLD).iter_rows(named=True)]
    more = (f"{rows.height - MOST_TOLD} further steps stand in the table.",) if rows.height > MOST_TOLD else ()
    return (about, *told, *more)


def _told(row: dict, params: Params) -> str:
    """Return one step in words: gamma, its interval and what it settles."""
    if row["gamma"] is None:
        return f"{row['label']}: gamma is undefined, because {row['undefined_reason']}."
    if row["gamma_low"] is None:
        return f"{row['label']}: gamma is {row['gamma']:.3g}, without an interval, so its phase is not settled."
    words = PHASE_WORDS[Phase(row["phase"])].format(x=params.x, y=params.y)
    return (
        f"{row['label']}: gamma is {row['gamma']:.3g}, 95% interval {row['gamma_low']:.3g} to "
        f"{row['gamma_high']:.3g}; {words}."
    )


DIAGNOSTIC = Diagnostic(
    slug="bring_your_scores",
    alias="mine",
    section="Start",
    title="Bring your scores",
    question="What do my own evaluation results say: does the next size trade one benchmark for the other?",
    source="Paper A 2.1 and A.1, on the reader's own scores; interval by Fieller (1954)",
    params=Params,
    compute=compute,
    panels=(
        Panel(
            name="my_gamma",
            title="gamma_12 of every step",
            tables=("steps",),
            alt="gamma of each interval between consecutive sizes or checkpoints with its 95% interval, one marker "
            "shape per phase; a bar around zero shows what standing still would give.",
            figure=gamma_by_size,
        ),
        Panel(
            name="my_benchmarks",
            title="What the panel holds",
            tables=("benchmarks",),
            alt="One row per benchmark and protocol: models, scores, range, standard errors, near chance.",
        ),
        Panel(
            name="my_panels",
            title="What it may be compared with",
            tables=("panels",),
            alt="One row per shipped panel and benchmark of the pair: measured alike, differently, or not held.",
        ),
    ),
    controls=("resamples", "seed"),
)
