"""Intervals with paired items beside those without, and which items flip between consecutive sizes."""

from __future__ import annotations

import numpy as np
import polars as pl

from cape.diagnostics._items import PAIRED
from cape.diagnostics._params import Params
from cape.quantities import Estimate, Phase, Table
from cape.stats.coupling import classify_phase, gamma_interval
from cape.stats.multiple_testing import FALSE_DISCOVERY_RATE, benjamini_hochberg
from cape.stats.paired import mcnemar_exact

ALL_ITEMS = "all items"
UNSETTLED = (Phase.UNDETERMINED, Phase.NONE)
STEP = ("family", "axis", "replicate", "position_from", "position_to")
POOLED = ("benchmark", "family", "position_from", "position_to", "category")
NO_ITEMS = "No row of this selection has results by item, so every interval rests on the standard errors of scores."
PAIRED_SCHEMA = {
    "label": pl.String, "family": pl.String, "replicate": pl.String, "position_from": pl.Float64,
    "position_to": pl.Float64, "x_stderr_method": pl.String, "y_stderr_method": pl.String, "x_n_items": pl.Int64,
    "y_n_items": pl.Int64, "x_ratio": pl.Float64, "y_ratio": pl.Float64, "gamma": pl.Float64,
    "gamma_low": pl.Float64, "gamma_high": pl.Float64, "gamma_unpaired_low": pl.Float64,
    "gamma_unpaired_high": pl.Float64, "gamma_se": pl.Float64, "gamma_se_unpaired": pl.Float64,
    "se_ratio": pl.Float64, "phase": pl.String, "phase_unpaired": pl.String,
}  # fmt: skip
FLIP_COLUMNS = (
    "label", "benchmark", "family", "position_from", "position_to", "category", "n_replicates", "n_items", "n_gained",
    "n_lost", "gained_pct", "lost_pct", "net_pp", "p_exact", "p_mid", "q", "gained_items", "lost_items",
)  # fmt: skip


def paired_table(rows: pl.DataFrame, *, unit: str) -> Table:
    """Return the steps of which at least one benchmark is paired by item, their errors beside the unpaired ones."""
    kept = rows.filter((pl.col("x_stderr_method") == PAIRED) | (pl.col("y_stderr_method") == PAIRED))
    numbers = [kept[name].cast(pl.Float64).fill_null(np.nan).to_numpy() for name in ("delta_x_pct", "delta_y_pct")]
    variances = [kept[f"variance_{axis}_unpaired"].cast(pl.Float64).fill_null(np.nan).to_numpy() for axis in ("x", "y")]
    found = gamma_interval(*numbers, variance_x=variances[0], variance_y=variances[1])
    phase = classify_phase(found.gamma, found.fieller_low, found.fieller_high)[1]
    shown = kept.with_columns(
        pl.Series("gamma_se_unpaired", found.gamma_se, dtype=pl.Float64).fill_nan(None),
        pl.Series("gamma_unpaired_low", found.fieller_low, dtype=pl.Float64).fill_nan(None),
        pl.Series("gamma_unpaired_high", found.fieller_high, dtype=pl.Float64).fill_nan(None),
        pl.Series("phase_unpaired", phase.tolist(), dtype=pl.String),
        *((pl.col(f"variance_{axis}") / pl.col(f"variance_{axis}_unpaired")).sqrt().alias(f"{axis}_ratio")
          for axis in ("x", "y")),
    ).with_columns((pl.col("gamma_se") / pl.col("gamma_se_unpaired")).alias("se_ratio"))  # fmt: skip
    frame = shown.select(pl.col(name).cast(kind) for name, kind in PAIRED_SCHEMA.items())
    units = dict.fromkeys((name for name in PAIRED_SCHEMA if name.startswith("gamma")), "pp/pp")
    units |= dict.fromkeys(("position_from", "position_to"), unit)
    return Table(name="paired", title="Intervals with paired items and without", frame=frame, units=units)


def paired_estimates(table: Table, params: Params, name: str) -> list[Estimate]:
    """Return the median ratio of errors with pairs over without, and the intervals settled by each."""
    frame = table.frame
    if frame.is_empty():
        return []
    ratios = [
        _ratio(frame["se_ratio"], f"{name}: gamma_12", "gamma_12"),
        _ratio(_where(frame, "x"), f"{name}: {params.x}", f"the change of {params.x}"),
        _ratio(_where(frame, "y"), f"{name}: {params.y}", f"the change of {params.y}"),
    ]
    counts = [("phase", "with paired items"), ("phase_unpaired", "without pairing")]
    return ratios + [_settled(frame[column], f"{name}: {words}") for column, words in counts]


def paired_sentences(estimates: list[Estimate], params: Params, name: str) -> tuple[str, ...]:
    """Return what pairing by item does to the intervals, in one sentence."""
    by_label = {(e.symbol, e.label): e for e in estimates}
    ratio = by_label.get(("se_ratio", f"{name}: gamma_12"))
    if ratio is None:
        return (NO_ITEMS,)
    settled, before = (
        by_label["n_intervals_settled", f"{name}: {words}"] for words in ("with paired items", "without pairing")
    )
    of_scores = " and ".join(f"{of} {_times(by_label['se_ratio', f'{name}: {of}'])}" for of in (params.x, params.y))
    return (
        f"With paired items the standard error of gamma is {_times(ratio)} that without (median of {ratio.n} "
        f"intervals; {of_scores} for the changes of the scores), and {settled.value:.0f} of {settled.n} intervals are "
        f"settled instead of {before.value:.0f}.",
    )


def flip_table(flips: pl.DataFrame, rows: pl.DataFrame) -> Table:
    """Return items gained and lost per step, benchmark and category; replicates of one step are added up.

    gained_items, lost_items : up to five items by name, of the first replicate.

    McNemar's exact test, with the false discovery rate over all rows of all items and, apart, over all categories.
    """
    kept = flips.join(rows.select(STEP).unique(), on=STEP, how="semi").with_columns(
        pl.col("benchmark_id").alias("benchmark"), pl.col("category").fill_null(ALL_ITEMS)
    )
    counts = (pl.col(name).sum() for name in ("n_items", "n_gained", "n_lost"))
    names = (pl.col(name).first() for name in ("model_from", "model_to", "gained_items", "lost_items"))
    pooled = kept.group_by(POOLED, maintain_order=True).agg(*counts, pl.len().alias("n_replicates"), *names)
    found = mcnemar_exact(pooled["n_gained"].to_numpy(), pooled["n_lost"].to_numpy())
    pooled = pooled.with_columns(
        pl.Series("p_exact", found.p_exact, dtype=pl.Float64),
        pl.Series("p_mid", found.p_mid, dtype=pl.Float64),
        (100 * pl.col("n_gained") / pl.col("n_items")).alias("gained_pct"),
        (100 * pl.col("n_lost") / pl.col("n_items")).alias("lost_pct"),
        (100 * (pl.col("n_gained") - pl.col("n_lost")) / pl.col("n_items")).alias("net_pp"),
        _step_label(),
    )
    parts = [pooled.filter((pl.col("category") == ALL_ITEMS) == is_whole) for is_whole in (True, False)]
    tested = pl.concat([part.with_columns(pl.Series("q", benjamini_hochberg(part["p_exact"]))) for part in parts])
    ordered = tested.sort("benchmark", "family", "position_from", pl.col("category") != ALL_ITEMS, "category")
    percent = dict.fromkeys(("gained_pct", "lost_pct"), "% of items") | {"net_pp": "percentage points"}
    title = "Items gained and lost between consecutive sizes"
    return Table(name="flips", title=title, frame=ordered.select(FLIP_COLUMNS), units=percent)


def flip_estimates(table: Table) -> list[Estimate]:
    """Return, per benchmark, the steps whose items change by McNemar's test and the median share that flips."""
    whole = table.frame.filter(pl.col("category") == ALL_ITEMS)
    return [e for (name,), rows in whole.group_by("benchmark", maintain_order=True) for e in _flips_of(str(name), rows)]


def flip_sentences(table: Table) -> tuple[str, ...]:
    """Return, per benchmark, how many items flip, which way, and the category that changes most."""
    told = []
    for (name,), rows in table.frame.group_by("benchmark", maintain_order=True):
        whole = rows.filter(pl.col("category") == ALL_ITEMS)
        gained, lost, n = (int(whole[column].sum()) for column in ("n_gained", "n_lost", "n_items"))
        text = f"{name}: of {n:,} pairs of answers at consecutive sizes {gained:,} are gained and {lost:,} lost"
        parts = rows.filter(pl.col("category") != ALL_ITEMS).group_by("category", maintain_order=True)
        moved = parts.agg(((pl.col("n_gained") + pl.col("n_lost")).sum() / pl.col("n_items").sum()).alias("share"))
        if moved.height > 1:
            most = moved.sort("share", "category", descending=[True, False]).row(0, named=True)
            text += f"; most flips are in the category '{most['category']}' ({100 * most['share']:.1f}% of its pairs)"
        told.append(f"{text}.")
    return tuple(told)


def _flips_of(name: str, rows: pl.DataFrame) -> list[Estimate]:
    share = (rows["gained_pct"] + rows["lost_pct"]).to_numpy()
    low, value, high = np.percentile(share, [25, 50, 75]).tolist()
    changed = rows.filter(pl.col("q") <= FALSE_DISCOVERY_RATE).height
    return [
        Estimate(
            symbol="share_flipped",
            label=name,
            value=value,
            low=low,
            high=high,
            n=rows.height,
            unit="% of items",
            method="median over steps of the items whose answer turns right or wrong; low and high are quartiles",
        ),
        Estimate(
            symbol="n_steps_changed",
            label=name,
            value=float(changed),
            low=None,
            high=None,
            n=rows.height,
            unit="steps",
            method="steps whose gains and losses differ by McNemar's exact test, false discovery rate "
            f"{FALSE_DISCOVERY_RATE:.0%} over the steps (Benjamini-Hochberg)",
            caveats=("no interval: a count of tests",),
        ),
    ]


def _where(frame: pl.DataFrame, axis: str) -> pl.Series:
    return frame.filter(pl.col(f"{axis}_stderr_method") == PAIRED)[f"{axis}_ratio"]


def _ratio(ratios: pl.Series, label: str, what: str) -> Estimate:
    known = ratios.drop_nulls().drop_nans().to_numpy()
    low, value, high = np.percentile(known, [25, 50, 75]).tolist() if known.size else (None, None, None)
    return Estimate(
        symbol="se_ratio",
        label=label,
        value=value,
        low=low,
        high=high,
        n=int(known.size),
        unit="",
        method=f"standard error of {what} from paired items over that from the scores' own errors, median over "
        "intervals; low and high are quartiles",
        caveats=() if known.size else ("no interval has both errors",),
    )


def _settled(phases: pl.Series, label: str) -> Estimate:
    n_settled = phases.len() - sum(phase in UNSETTLED for phase in phases)
    return Estimate(
        symbol="n_intervals_settled",
        label=label,
        value=float(n_settled),
        low=None,
        high=None,
        n=phases.len(),
        unit="intervals",
        method="intervals of which at least one benchmark is paired by item, with a phase that their 95% interval "
        "settles",
        caveats=("no interval: a count",),
    )


def _times(estimate: Estimate) -> str:
    return "unknown" if estimate.value is None else f"{estimate.value:.2f} times"


def _step_label() -> pl.Expr:
    """Return "family: model to model", or the positions where replicates of a step are added up."""
    models = pl.format("{}: {} to {}", "family", "model_from", "model_to")
    ends = (pl.col(name).cast(pl.Int64) for name in ("position_from", "position_to"))
    several = pl.format("{}: {} to {}", "family", *ends)
    return pl.when(pl.col("n_replicates") > 1).then(several).otherwise(models).alias("label")
