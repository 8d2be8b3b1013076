"""Laws found by symbolic regression beside the paper's form and simple rivals, on families they were not fitted on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl

from cape.diagnostics._axis_words import require_sizes
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read, run_diagnostic
from cape.diagnostics._law_estimates import counts_of_models, estimates_of, sentences_of, undefined
from cape.diagnostics._law_rows import LawModels, SymbolicParams, law_models
from cape.diagnostics._law_scores import study
from cape.diagnostics._law_tables import tables_of
from cape.diagnostics._params import WINDOW
from cape.diagnostics.wiring.symbolic_laws import SYMBOLIC_LAWS
from cape.dynamics.symbolic_worker import LEAST_ROWS
from cape.figures.symbolic_laws import exponents, pareto, predicted
from cape.lake import Lake
from cape.quantities import Result

MART = "mart_symbolic_laws"

REFUSED_AXIS = "the laws are stated in the number of parameters and in the width"


def compute(params: SymbolicParams, read: Read) -> Outcome:
    """Return every stored law, hand-written form and baseline scored on held-out families, with the two controls."""
    require_sizes(params.panel, params.axis, what=REFUSED_AXIS)
    laws = read(MART, panel=params.panel, x=params.x, y=params.y, target=params.target, inputs=params.inputs)
    models = law_models(params, read)
    found = study(models, laws, params)
    if found is None:
        known = models.frame.height
        why = f"undefined: {known} models have a known width and size, {LEAST_ROWS} are needed to hold any out"
        return Outcome(
            estimates=(*counts_of_models(models), *undefined(why, params)),
            tables=tables_of(None, models, params),
            sentences=(f"No law can be held out here: {why.removeprefix('undefined: ')}.",),
        )
    return Outcome(
        estimates=estimates_of(found, models, params),
        tables=tables_of(found, models, params),
        sentences=(*sentences_of(found, models, params), _stored_words(laws, models, params)),
    )


def run_with(laws: pl.DataFrame, params: Mapping[str, Any], lake: Lake) -> Result:
    """Return the result with laws of a search of one's own in place of the stored ones; rows as of the mart."""

    def compute_with(accepted: SymbolicParams, read: Read) -> Outcome:
        return compute(accepted, lambda view, /, **equals: laws if view == MART else read(view, **equals))

    return run_diagnostic(replace(DIAGNOSTIC, compute=compute_with), params, lake)


def _stored_words(laws: pl.DataFrame, models: LawModels, params: SymbolicParams) -> str:
    """Say which search is shown and whether the models have changed since."""
    if laws.is_empty():
        return "No search is stored for this selection; the forms written by hand stand alone. Search now to fill it."
    engines = sorted({f"{engine} {version}" for engine, version in laws.select("engine", "engine_version").iter_rows()})
    seeds = sorted(set(laws.filter(pl.col("fold").is_null())["seed"]))
    about = f"Searched with {', '.join(engines)}, seeds {', '.join(map(str, seeds))}."
    if set(laws["models_digest"]) == {models.digest}:
        return f"{about} The models are those of the search."
    changed = "this selection is a part of them, or they have changed since: then the search is stale"
    return f"{about} The models shown are not all those of the search: {changed}."


DIAGNOSTIC = Diagnostic(
    slug="symbolic_laws",
    alias="symbolic",
    section="Dynamics",
    title="Symbolic laws",
    question="Which formula of score, size and width predicts families it has not seen, and is it more than the width?",
    source="Paper A 4, 5.1; Cranmer (2023) for PySR, Burlacu, Kronberger and Kommenda (2020) for pyoperon",
    params=SymbolicParams,
    compute=compute,
    panels=(
        Panel(
            name="pareto",
            title="Complexity against error on held-out families",
            tables=("laws",),
            alt="Error on held-out families, with 95% intervals over families, against the parts of a formula: "
            "searched laws, searches that did not see the family, forms written by hand, the paper's form and the "
            "control of one score for all models.",
            figure=pareto,
        ),
        Panel(
            name="predicted",
            title="Predicted against observed, held-out families",
            tables=("predictions",),
            alt="Predictions on held-out families against observed values for the control, the paper's form and the "
            "best searched law, with the line of equality.",
            figure=predicted,
        ),
        Panel(
            name="exponents",
            title="Exponents when both are free",
            tables=("exponents",),
            alt="Exponents of the first score and of log N with 95% intervals over families, beside those that one "
            "score for all models and shuffled scores give, and those of the paper's form.",
            figure=exponents,
        ),
        Panel(name="laws", title="Hall of fame and rivals", tables=("laws",), alt="One row per law or form."),
    ),
    controls=(*WINDOW, "target", "inputs", "resamples", "seed"),
    claims=SYMBOLIC_LAWS,
)
