"""Small planted tables for every figure, and results built from them."""

from __future__ import annotations

import polars as pl

from cape.figures.claims import verdict_matrix
from cape.figures.coupling import gamma_by_size, gamma_quadrants
from cape.figures.critical_scale import gamma_with_turning_points, turning_points
from cape.figures.data import conflict_figure, coverage
from cape.figures.overview import phase_strip, verdict_bars
from cape.figures.phase_diagram import score_by_size, score_plane
from cape.figures.specification import specification_figure
from cape.figures.trend_control import correlations, null_distribution, residual_plane
from cape.quantities import Result, Table

LONG = "a-model-name-of-sixty-characters-".ljust(60, "x")
STEP = {
    "label": f"{LONG}: a to b",
    "family": LONG,
    "models_from": "a",
    "models_to": "b",
    "position_from": 1e8,
    "position_to": 1e9,
    "position_mid": 3.2e8,
    "delta_x_pct": 4.0,
    "delta_y_pct": -2.0,
    "gamma": -0.5,
    "gamma_low": -0.9,
    "gamma_high": -0.2,
    "gamma_se": 0.2,
    "null_high": 0.4,
    "quadrant": "+-",
    "phase": "tax",
    "phase_paper": "tax",
    "undefined_reason": None,
    "n_rows": 2,
    "x_from_pct": 30.0,
    "x_to_pct": 34.0,
    "y_from_pct": 40.0,
    "y_to_pct": 38.0,
}
NEXT = STEP | {
    "models_from": "b",
    "models_to": "c",
    "position_from": 1e9,
    "position_to": 1e10,
    "position_mid": 3.2e9,
    "delta_y_pct": 3.0,
    "gamma": 0.75,
    "gamma_low": 0.25,
    "gamma_high": None,
    "phase": "bonus",
}
UNDEFINED = STEP | {"gamma": None, "gamma_low": None, "gamma_high": None, "null_high": None, "phase": "none"}
POINT = {
    "family": "Pythia",
    "model_id": "pythia-1b",
    "display_name": LONG,
    "position": 1e9,
    "x_pct": 45.0,
    "y_pct": 39.0,
    "x_se_pct": 0.5,
    "y_se_pct": 1.7,
    "phase": "undetermined",
    "undefined_reason": None,
    "x_residual_pct": 0.3,
    "y_residual_pct": -0.4,
}
UNSIZED = POINT | {"position": None, "phase": "none", "x_residual_pct": None, "y_residual_pct": None, "x_pct": 50.0}
TURN = {"label": "Pythia: sign bracket", "value": 3.0, "low": 2.0, "high": 9.0, "n": 7, "status": "bracketed"}
TURN |= {"method": "signs", "caveats": ""}
NO_TURN = TURN | {"label": f"{LONG}: vertex", "value": None, "low": None, "high": None, "status": "outside the data"}
POPULATION = TURN | {"label": "population: logistic in log10 N", "value": 5.0, "low": 1.5, "high": None}
PAPER = TURN | {"label": "paper mode: pooled, not Pythia", "value": 4.0}
SPECIFICATION = {"rank": 1, "value": 0.2, "low": 0.1, "high": 0.4, "estimator": "raw r", "panel": "author"}
SPECIFICATION |= {"x": "hellaswag", "y": LONG, "is_paper_choice": False, "n": 12, "note": ""}
PAPER_CHOICE = SPECIFICATION | {"rank": 2, "value": 0.6, "high": None, "is_paper_choice": True}
NO_VALUE = SPECIFICATION | {"rank": 3, "value": None, "low": None, "high": None}
CORRELATION = {"symbol": "r", "label": "author", "value": -0.4, "low": -0.8, "high": 0.1, "n": 12, "method": "Pearson"}
NULL_ROW = CORRELATION | {"symbol": "r_null", "value": 0.1, "low": -0.3, "high": 0.5}
BIN = {"r_from": -0.02, "r_to": 0.0, "n_simulations": 40, "observed_r": -0.31}
CONFLICT = {"model_id": LONG, "benchmark_id": "mmlu", "source_id": "one", "score_pct": 30.0, "score_se_pct": 0.4}
CONFLICT |= {"resolved_pct": 35.0, "precedence": 2, "spread_pct": 5.0}
RIVAL = CONFLICT | {"source_id": "two", "score_pct": 35.0, "precedence": 1}
SEGMENTS = {"segments": [STEP, NEXT]}

CASES = {
    "gamma_by_size": (gamma_by_size, {"steps": [STEP, NEXT, UNDEFINED]}),
    "gamma_by_size_compared": (gamma_by_size, {"steps": [STEP, NEXT], "compared": [NEXT, UNDEFINED]}),
    "gamma_quadrants": (gamma_quadrants, {"steps": [STEP, NEXT, UNDEFINED]}),
    "score_plane": (score_plane, {"points": [POINT, UNSIZED]} | SEGMENTS),
    "score_by_size": (score_by_size, {"points": [POINT, UNSIZED]} | SEGMENTS),
    "turning_points": (turning_points, {"turning_points": [TURN, NO_TURN, PAPER, POPULATION]}),
    "gamma_with_turning_points": (
        gamma_with_turning_points,
        {"steps": [STEP, NEXT, UNDEFINED], "turning_points": [TURN, PAPER, POPULATION]},
    ),
    "specification_figure": (specification_figure, {"specifications": [SPECIFICATION, PAPER_CHOICE, NO_VALUE]}),
    "correlations": (correlations, {"correlations": [CORRELATION, NULL_ROW]}),
    "null_distribution": (null_distribution, {"null": [BIN, BIN | {"r_from": 0.0, "r_to": 0.02, "n_simulations": 7}]}),
    "residual_plane": (residual_plane, {"points": [POINT, UNSIZED]}),
    "phase_strip": (phase_strip, {"strip": [STEP, NEXT, UNDEFINED]}),
    "verdict_bars": (
        verdict_bars,
        {
            "verdicts": [
                {"column": "reproduced", "verdict": "agrees", "n": 3},
                {"column": "supported", "verdict": "disagrees", "n": 2},
            ]
        },
    ),
    "verdict_matrix": (verdict_matrix, {"matrix": [{"reproduced": "agrees", "supported": "disagrees", "n": 4}]}),
    "conflict_figure": (conflict_figure, {"conflicts": [CONFLICT, RIVAL]}),
    "coverage": (coverage, {"coverage": [{"panel": "author", "benchmark_id": "mmlu", "n_models": 58}]}),
}
KEYS = {"label", "family", "models_from", "models_to", "model_id", "display_name", "phase", "phase_paper", "status"}
KEYS |= {"symbol", "rank", "estimator", "panel", "x", "y", "is_paper_choice", "column", "verdict", "reproduced"}
KEYS |= {"supported", "benchmark_id", "source_id", "r_from", "r_to"}


def result_of(tables: dict[str, list[dict]], *, diagnostic: str = "test") -> Result:
    frames = {name: pl.DataFrame(rows, infer_schema_length=None) for name, rows in tables.items()}
    return Result(
        diagnostic=diagnostic,
        params={"x": "hellaswag", "y": "truthfulqa_mc2"},
        lake_version="test",
        tables=tuple(Table(name=name, title=f"Title of {name}", frame=frame) for name, frame in frames.items()),
    )


def emptied(tables: dict[str, list[dict]]) -> Result:
    full = result_of(tables)
    tables_ = tuple(Table(name=t.name, title=t.title, frame=t.frame.clear()) for t in full.tables)
    return Result(diagnostic="test", params=full.params, lake_version="test", tables=tables_)


def nulled(tables: dict[str, list[dict]]) -> Result:
    rows = {n: [{k: v if k in KEYS else None for k, v in row.items()} for row in rows] for n, rows in tables.items()}
    return result_of(rows)
