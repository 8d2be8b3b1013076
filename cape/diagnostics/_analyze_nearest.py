"""The models nearest to one model by size and by score profile, and the points of every chart of the page."""

from __future__ import annotations

import numpy as np
import polars as pl

from cape.diagnostics._analyze_company import Company
from cape.diagnostics._analyze_inputs import Subject
from cape.diagnostics._analyze_params import AnalyzeParams
from cape.quantities import Estimate, Table
from cape.stats.profile import profile_distances

N_NEAREST = 3
BY_SIZE, BY_PROFILE = "size", "score profile"


def nearest_table(subject: Subject, company: Company, params: AnalyzeParams) -> Table:
    """Return the three models nearest by size and the three nearest by the scores that are shared."""
    parts = [_nearest_by_size(subject, company), _nearest_by_profile(subject, company)]
    names = [name for name in subject.scores if name in company.benchmarks]
    frame = pl.concat(parts)
    own = {name: company.column(name) for name in dict.fromkeys((params.x, params.y, *names))}
    columns = [
        pl.Series(name, [_cell(values[row]) for row in frame["row"]], dtype=pl.Float64) for name, values in own.items()
    ]
    about = company.rows[frame["row"].to_list()].select(
        "model_id", "family", pl.col("position").cast(pl.Float64), "training_recipe", "phase_paper", "phase"
    )
    shown = frame.drop("row").hstack(about).hstack(columns)
    units = {"distance": "decades of size, or standard deviations", "position": "parameters"}
    units |= dict.fromkeys(own, "%")
    return Table(name="nearest", title="Nearest models", frame=shown, units=units)


SCHEMA = {"nearest_by": pl.String, "rank": pl.Int64, "distance": pl.Float64, "shared_scores": pl.Int64, "row": pl.Int64}


def _nearest_by_size(subject: Subject, company: Company) -> pl.DataFrame:
    if subject.log10_n is None:
        return pl.DataFrame(schema=SCHEMA)
    away = np.abs(company.log10_n - subject.log10_n)
    return _ranked(BY_SIZE, away, np.zeros(away.size, dtype=np.intp), company)


def _nearest_by_profile(subject: Subject, company: Company) -> pl.DataFrame:
    names = [name for name in subject.scores if name in company.benchmarks]
    if not names:
        return pl.DataFrame(schema=SCHEMA)
    table = np.stack([company.column(name) for name in names], axis=1)
    spread = np.array([np.nanstd(column) if np.isfinite(column).any() else 0.0 for column in table.T])
    given = np.array([subject.scores[name].score.value for name in names])
    away, shared = profile_distances(table, given, spread)
    fullest = shared.max(initial=0)  # a model that shares fewer scores is near on less
    return _ranked(BY_PROFILE, np.where(shared == fullest, away, np.nan), shared, company)


def _ranked(by: str, away: np.ndarray, shared: np.ndarray, company: Company) -> pl.DataFrame:
    """Return the three rows of least distance; of rows of one model the first counts, ties go by name."""
    order = sorted(
        (i for i in range(away.size) if np.isfinite(away[i])),
        key=lambda i: (round(float(away[i]), 9), company.rows["model_id"][i]),
    )
    first: dict[str, int] = {}
    for i in order:
        first.setdefault(company.rows["model_id"][i], i)
    chosen = list(first.values())[:N_NEAREST]
    rows = [
        {"nearest_by": by, "rank": rank, "distance": float(away[i]), "shared_scores": int(shared[i]), "row": i}
        for rank, i in enumerate(chosen, 1)
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def nearest_estimates(subject: Subject, nearest: Table) -> list[Estimate]:
    """Return the distance to the nearest model by size and by profile."""
    estimates = []
    caveats: tuple[str, ...]
    for by, unit_word in ((BY_SIZE, "decades of size"), (BY_PROFILE, "standard deviations")):
        rows = nearest.frame.filter((pl.col("nearest_by") == by) & (pl.col("rank") == 1))
        label = f"{subject.name}: by {by}"
        method = f"distance to the nearest model of the panel, in {unit_word}"
        if rows.is_empty():
            why = f"undefined: no {'size' if by == BY_SIZE else 'score of the panel'} was given, or no model has one"
            value, n, caveats = None, 0, (why,)
        else:
            row = rows.row(0, named=True)
            shared = f", {row['shared_scores']} scores shared" if by == BY_PROFILE else ""
            value, n = row["distance"], 1
            caveats = (f"{row['model_id']}{shared}", "no interval: a distance between two rows")
        estimates.append(
            Estimate(
                symbol="model_distance",
                label=label,
                value=value,
                low=None,
                high=None,
                n=n,
                unit="",
                method=method,
                caveats=caveats,
            )
        )
    return estimates


def point_table(subject: Subject, company: Company, nearest: Table, params: AnalyzeParams) -> Table:
    """Return every other model and the model itself with both scores and size, for the charts."""
    near: dict[str, str] = {}
    for row in nearest.frame.iter_rows(named=True):
        near.setdefault(row["model_id"], f"near by {row['nearest_by']}")
    others = company.rows.select(
        "model_id", "family", pl.col("position").cast(pl.Float64), "phase", "phase_paper"
    ).with_columns(
        pl.Series("x_pct", [_cell(v) for v in company.column(params.x)], dtype=pl.Float64),
        pl.Series("y_pct", [_cell(v) for v in company.column(params.y)], dtype=pl.Float64),
        pl.col("model_id").replace_strict(near, default="other", return_dtype=pl.String).alias("role"),
    )
    first, second = (subject.scores.get(name) for name in (params.x, params.y))
    own = pl.DataFrame(
        {
            "model_id": [subject.name],
            "family": ["this model"],
            "position": [None if subject.size_b is None else subject.size_b * 1e9],
            "phase": ["none"],
            "phase_paper": ["none"],
            "x_pct": [None if first is None else first.score.value],
            "y_pct": [None if second is None else second.score.value],
            "role": ["this model"],
            "x_se_pct": [None if first is None else _cell(first.score.error)],
            "y_se_pct": [None if second is None else _cell(second.score.error)],
        },
        schema=others.schema | {"x_se_pct": pl.Float64, "y_se_pct": pl.Float64},
    )
    units = {"position": "parameters", "x_pct": "%", "y_pct": "%", "x_se_pct": "pp", "y_se_pct": "pp"}
    frame = pl.concat([others, own], how="diagonal")
    return Table(name="points", title="This model among the others", frame=frame, units=units)


def _cell(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
