"""Tables of the scored laws: the hall of fame with its rivals, held-out predictions, exponents."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from cape.diagnostics._law_rows import LawModels, SymbolicParams
from cape.diagnostics._law_scores import FORM, FOUND, Scored, Study
from cape.dynamics.symbolic_expression import evaluate
from cape.dynamics.symbolic_forms import CONTROL_NAME, PAPER_NAME, Target
from cape.quantities import Table
from cape.stats.inference import Inference

LAW_SCHEMA = {
    "rank": pl.Int64,
    **dict.fromkeys(("law", "kind", "verdict", "formula", "latex"), pl.String),
    "complexity": pl.Int64,
    **{f"{name}{end}": pl.Float64 for name in ("error", "skill", "r2") for end in ("", "_low", "_high")},
    "n_families": pl.Int64,
    "mean_squared_error": pl.Float64,
    "p_shuffled": pl.Float64,
    **dict.fromkeys(("engine", "seeds"), pl.String),
    "lost_rows": pl.Int64,
}
POINT_SCHEMA = {
    **dict.fromkeys(("law", "family", "model_id"), pl.String),
    **dict.fromkeys(("observed", "predicted", "log10_n"), pl.Float64),
}
EXPONENT_SCHEMA = {
    **dict.fromkeys(("exponent", "what"), pl.String),
    **dict.fromkeys(("value", "low", "high"), pl.Float64),
    "n": pl.Int64,
}
EXPONENT_ROWS = (
    ("first score", "observed scores", "first"),
    ("first score", "one score for all models", "first_constant"),
    ("first score", "shuffled scores", "first_shuffled"),
    ("log N", "observed scores", "size"),
    ("log N", "one score for all models", "size_constant"),
    ("log N", "shuffled scores", "size_shuffled"),
)


def unit_of(params: SymbolicParams) -> str:
    """Return the unit of errors."""
    return "pp per 512 of width" if params.target == Target.DIVIDED else "pp"


def tables_of(found: Study | None, models: LawModels, params: SymbolicParams) -> tuple[Table, ...]:
    """Return the table of laws, the predictions of three of them, and the exponents."""
    lines = () if found is None else found.lines
    units = dict.fromkeys(("error", "error_low", "error_high"), unit_of(params))
    exponents = [] if found is None else [*(_exponent_row(found, *about) for about in EXPONENT_ROWS), *_printed(found)]
    score = "%" if params.target == Target.MEASURED else "% per 512 of width"
    return (
        Table(
            name="laws",
            title="Laws and forms on held-out families",
            frame=pl.DataFrame([_law_row(line) for line in lines], schema=LAW_SCHEMA),
            units=units,
        ),
        Table(
            name="predictions",
            title="Predictions on held-out families",
            frame=pl.DataFrame([] if found is None else list(_points(found, models)), schema=POINT_SCHEMA),
            units={"observed": score, "predicted": score},
        ),
        Table(
            name="exponents",
            title="Free exponents",
            frame=pl.DataFrame(exponents, schema=EXPONENT_SCHEMA).sort("exponent", maintain_order=True),
        ),
    )


def _law_row(line: Scored) -> dict[str, object]:
    score = line.score
    return {
        "rank": line.rank,
        "law": line.name,
        "kind": line.kind,
        "verdict": str(line.verdict) if line.name != CONTROL_NAME else "the control",
        "formula": line.text,
        "latex": line.latex,
        "complexity": line.complexity,
        **_ends("error", score.error),
        **_ends("skill", score.skill),
        **_ends("r2", score.r2),
        "n_families": score.error.n,
        "mean_squared_error": None if line.fitted is None or not np.isfinite(line.fitted.loss) else line.fitted.loss,
        "p_shuffled": None if line.test is None else line.test.p,
        "engine": line.engine,
        "seeds": _seed_words(line),
        "lost_rows": score.n_lost,
    }


def _seed_words(line: Scored) -> str:
    if not line.seeds:
        return ""
    return f"{len(line.seeds)} of {line.seeds_searched} (seed {', '.join(map(str, line.seeds))})"


def _ends(name: str, found: Inference) -> dict[str, float | None]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}


def _points(found: Study, models: LawModels) -> Iterable[dict[str, object]]:
    """Yield the held-out predictions of the control, the paper's form and the best searched law (else form)."""
    ranked = [line for line in found.lines if line.rank is not None and line.name not in (CONTROL_NAME, PAPER_NAME)]
    best = next((line for line in ranked if line.kind == FOUND), next((x for x in ranked if x.kind == FORM), None))
    drawn = [found.line(CONTROL_NAME), found.line(PAPER_NAME), *([] if best is None else [best])]
    about = models.frame.select("family", "model_id").to_dicts()
    for line in drawn:
        for index, row in enumerate(about):
            predicted = line.predictions[index]
            yield {
                "law": line.name,
                **row,
                "observed": float(found.rows.target[index]),
                "predicted": float(predicted) if np.isfinite(predicted) else None,
                "log10_n": float(found.rows.columns["log10_n"][index]),
            }


def _exponent_row(found: Study, exponent: str, what: str, field: str) -> dict[str, object]:
    one: Inference = getattr(found.exponents, field)
    return {"exponent": exponent, "what": what, "value": one.value, "low": one.low, "high": one.high, "n": one.n}


def _printed(found: Study) -> Iterable[dict[str, object]]:
    """Yield the exponents that the paper's form has: how much it grows when an input doubles."""
    law = found.line(PAPER_NAME).law
    assert law is not None
    first = next(name for name in law.inputs if name.startswith("x"))
    for exponent, name in (("first score", first), ("log N", "log10_n")):
        doubled = {**found.rows.columns, name: found.rows.columns[name] * 2}
        growth = evaluate(law, doubled)[0] / evaluate(law, found.rows.columns)[0]
        value = round(float(np.log2(growth)), 9)
        yield {"exponent": exponent, "what": PAPER_NAME, "value": value, "low": None, "high": None, "n": 1}
