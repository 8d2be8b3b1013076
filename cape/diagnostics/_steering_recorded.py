"""The published steering runs: how many outputs changed, what the counts allow to say and what nothing published tells.

A published row says that the text with steering differs from the text without. It does not say whether either was
right, so a share changed is never called a share corrected here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._plain_estimates import arithmetic, undefined
from cape.figures._text import counted
from cape.internals.steering import PAPER_BANDS, paper_strength
from cape.quantities import Estimate, Table
from cape.stats.exact_trend import exact_trend, share
from cape.stats.inference import Inference
from cape.stats.summaries import clustered_mean

EVERY_RUN, PYTHIA_RUNS = "every run", "Pythia runs"
RUNS = (EVERY_RUN, PYTHIA_RUNS)
PAPER_FILE = "self_align_across_nc1"  # holds the counts of paper 7.4: three Pythia models, ten prompts each
LARGER_FILE = "self_align_pythia69b"
DEMO_MODEL = "pythia-410m"  # the model of the dashboard's demonstration, of which a layer is printed
DEPTH_SHARE = 4  # the tool probes at layer L // 4, DEFINITIONS section 3
THREE_MODELS, FOUR_MODELS = "the paper's three Pythia models", "the paper's three and pythia-6.9b"
DEDUPED, ALL_MODELS = "Pythia-deduped, prompt by prompt", "every run shown"
BAND_WORDS = ("SEVERE_TAX", "MILD_TAX", "BALANCED", "BONUS")  # of the bands of cos(truth), cape_steer.py of the paper
CHANGED_ONLY = "changed means that the two texts differ; no row says whether one of them is right"
NO_CONTROL = "no run with a random direction, with -v or at strength 0 is published"
UNSAID = {
    "steering_corrected": "undefined: no published row says whether an output was right before or after steering",
    "steering_kept_right": "undefined: no published row says which outputs were right before steering",
    "capability_change": "undefined: no capability score with and without steering is published",
    "changed_by_random": f"undefined: {NO_CONTROL}",
}
UNITS = {
    "steering_corrected": "% of questions",
    "steering_kept_right": "% of questions",
    "capability_change": "percentage points",
    "changed_by_random": "% of prompts",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The published runs. runs : one row each, smallest model first. prompts : rows with a recorded cosine."""

    runs: pl.DataFrame
    prompts: pl.DataFrame


def recorded_runs(read: Read, *, which: str) -> Recorded:
    """Return the published runs and the prompts whose cosine is recorded.

    which : one of RUNS. A run published prompt by prompt and as a count is taken prompt by prompt.
    """
    rows = _with_file(read("mart_steering_reported"))
    counts = _with_file(read("mart_steering_counts"))
    keys = ["model_id", "file"]
    by_prompt = rows.group_by("family", "params_b", *keys).agg(
        pl.col("is_changed").sum().cast(pl.Int64).alias("n_changed"), pl.len().cast(pl.Int64).alias("n_prompts")
    )
    typed = counts.select(*keys, "phase")
    by_prompt = by_prompt.join(typed, on=keys, how="left").with_columns(pl.lit("prompt by prompt").alias("published"))
    counted_runs = counts.join(rows.select(keys), on=keys, how="anti").with_columns(pl.lit("count").alias("published"))
    columns = ["model_id", "family", "params_b", "file", "phase", "published", "n_changed", "n_prompts"]
    runs = pl.concat([by_prompt.select(columns), counted_runs.select(columns)])
    if which == PYTHIA_RUNS:
        runs = runs.filter(pl.col("family").str.starts_with("Pythia"))
    prompts = rows.filter(pl.col("cosine").is_not_null()).join(typed, on=keys, how="left")
    return Recorded(
        runs=runs.sort("params_b", "model_id", "file", nulls_last=True),
        prompts=prompts.select("model_id", "file", "file_row", "cosine", "strength", "phase", "is_changed"),
    )


def _with_file(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("notes").str.extract(r"file=(\S+)").alias("file"))


def shares(found: Recorded) -> list[tuple[dict, Inference]]:
    """Return each run with its share of changed outputs."""
    rows = found.runs.iter_rows(named=True)
    return [(row, share(row["n_changed"], row["n_prompts"], what="prompts whose output changed")) for row in rows]


def run_label(row: dict) -> str:
    """Return the label of a run: its model and the file that publishes it."""
    return f"{row['model_id']}, {row['file']}"


def recorded_estimates(found: Recorded) -> list[Estimate]:
    """Return the shares changed, the trend tests, the tool's rule against its rows, and what is undefined."""
    changed = [
        one.estimate(symbol="steering_changed", label=run_label(row), unit="% of prompts", caveats=_run_caveats(row))
        for row, one in shares(found)
    ]
    return [*changed, *_trends(found), *_rule(found), *_unsaid(found)]


def _run_caveats(row: dict) -> tuple[str, ...]:
    typed = f"the file calls the phase {row['phase']}" if row["phase"] else "no phase is recorded"
    return (CHANGED_ONLY, NO_CONTROL, typed)


def _trends(found: Recorded) -> list[Estimate]:
    """Return the exact tests that the share changed falls with size: of the paper's models, of more, of other runs."""
    runs = found.runs
    paper, larger = (pl.col("file") == name for name in (PAPER_FILE, LARGER_FILE))
    deduped = runs.filter(pl.col("family") == "Pythia-deduped")
    groups = {
        THREE_MODELS: runs.filter(paper),
        FOUR_MODELS: runs.filter(paper | larger),
        DEDUPED: deduped,
        ALL_MODELS: runs,
    }
    return [_trend(name, rows) for name, rows in groups.items()]


def _trend(name: str, rows: pl.DataFrame) -> Estimate:
    """Return the exact trend test over the order of size of these runs."""
    test = exact_trend(rows["n_changed"].to_list(), rows["n_prompts"].to_list())
    n = int(rows["n_prompts"].sum())
    method = f"{test.method}; {counted(rows.height, 'run')} in order of size, two-sided"
    if test.p_two_sided is None:
        return undefined("p_steering_trend", name, n=n, unit="", method=method, why=test.caveats)
    words = "falls" if (test.statistic or 0.0) < 0 else "rises" if test.statistic else "does not move"
    return Estimate(
        symbol="p_steering_trend",
        label=name,
        value=test.p_two_sided,
        low=None,
        high=None,
        n=n,
        unit="",
        method=method,
        caveats=(
            "no interval: a tail share",
            f"the share changed {words} with size: {', '.join(_fractions(rows))}",
            "one strength moves a model of small hidden states further; the norms are not published",
            *(("families and prompts differ between these runs",) if rows["family"].n_unique() > 1 else ()),
        ),
    )


def _fractions(rows: pl.DataFrame) -> list[str]:
    return [f"{row['n_changed']} of {row['n_prompts']} at {row['model_id']}" for row in rows.iter_rows(named=True)]


def tool_rule(cosine: float) -> tuple[str, float]:
    """Return the word and the strength that the paper's tool gives a prompt of this cosine."""
    band = sum(cosine >= below for below, _ in PAPER_BANDS)
    return BAND_WORDS[band], paper_strength(cosine)


def _rule(found: Recorded) -> list[Estimate]:
    """Return the shares of prompts whose recorded strength and word the tool's rule repeats; the layer by its rule."""
    rows = found.prompts.to_dicts()
    ruled = [tool_rule(row["cosine"]) for row in rows]
    words = {word for word, _ in ruled}
    caveats = (f"every recorded cosine falls into one step, {next(iter(words))}",) if len(words) == 1 else ()
    hits = {
        "strength": sum(row["strength"] == strength for row, (_, strength) in zip(rows, ruled, strict=True)),
        "phase": sum(row["phase"] == word for row, (word, _) in zip(rows, ruled, strict=True)),
    }
    return [
        share(n, len(rows), what=f"prompts whose recorded {name} is the one that the tool's rule gives").estimate(
            symbol="tool_rule", label=f"{name} from cos(truth)", unit="% of prompts", caveats=caveats
        )
        for name, n in hits.items()
    ]


def layer_estimates(read: Read) -> list[Estimate]:
    """Return the layers of the demonstration's model and the one that the tool probes."""
    rows = read("mart_models", model_id=DEMO_MODEL)
    n_layers = None if rows.is_empty() else rows["n_layers"][0]
    if n_layers is None:
        why = (f"undefined: the lake holds no number of layers of {DEMO_MODEL}",)
        return [undefined(s, DEMO_MODEL, n=0, unit="", method="none", why=why) for s in ("probe_layer", "n_layers")]
    source = f"number of layers of {DEMO_MODEL} in the lake"
    return [
        arithmetic("n_layers", DEMO_MODEL, float(n_layers), n=1, unit="", method=source),
        arithmetic(
            "probe_layer",
            DEMO_MODEL,
            float(n_layers // DEPTH_SHARE),
            n=1,
            unit="",
            method=f"{source} // {DEPTH_SHARE}",
        ),
    ]


def cosine_estimate(found: Recorded, *, n_resamples: int, rng: np.random.Generator) -> Estimate:
    """Return the mean cos(truth) of the recorded prompts."""
    cosines = found.prompts["cosine"].to_numpy()
    mean = clustered_mean(
        cosines, np.arange(cosines.size), n_resamples=n_resamples, rng=rng, what="cos(truth)", clusters="prompts"
    )
    return mean.estimate(symbol="cos_truth", label="published prompts", unit="")


def _unsaid(found: Recorded) -> list[Estimate]:
    n = int(found.runs["n_prompts"].sum())
    return [
        undefined(symbol, "published runs", n=n, unit=UNITS[symbol], method="none", why=(why,))
        for symbol, why in UNSAID.items()
    ]


def recorded_tables(found: Recorded) -> list[Table]:
    """Return the runs with their intervals, and the prompts with a cosine beside the tool's rule."""
    rows = [
        {**row, "changed_pct": one.value, "low": one.low, "high": one.high, "corrected": "not recorded"}
        for row, one in shares(found)
    ]
    texts = dict.fromkeys(("model_id", "family"), pl.String)
    schema = {**texts, "params_b": pl.Float64, **dict.fromkeys(("file", "phase", "published"), pl.String)}
    schema |= dict.fromkeys(("n_changed", "n_prompts"), pl.Int64)
    schema |= dict.fromkeys(("changed_pct", "low", "high"), pl.Float64) | {"corrected": pl.String}
    runs = Table(
        name="recorded",
        title="Published steering runs",
        frame=pl.DataFrame(rows, schema=schema),
        units={"params_b": "billion", **dict.fromkeys(("changed_pct", "low", "high"), "% of prompts")},
    )
    by_rule = [tool_rule(cosine) for cosine in found.prompts["cosine"]]
    prompts = found.prompts.with_columns(
        pl.Series("phase_by_rule", [word for word, _ in by_rule], dtype=pl.String),
        pl.Series("strength_by_rule", [strength for _, strength in by_rule], dtype=pl.Float64),
    )
    return [runs, Table(name="prompts", title="Prompts with a recorded cosine", frame=prompts)]


def recorded_sentences(found: Recorded, estimates: list[Estimate]) -> tuple[str, ...]:
    """Return what the published runs say, and what they cannot."""
    n_runs, n_prompts = found.runs.height, int(found.runs["n_prompts"].sum())
    first = (
        f"{counted(n_runs, 'published run')} with {n_prompts} prompts say whether an output changed. No run says "
        "whether it was right before or after, none has a control direction and none a capability score: changed is "
        "not corrected."
    )
    tests = [
        e
        for e in estimates
        if e.symbol == "p_steering_trend" and e.value is not None and e.label in (THREE_MODELS, FOUR_MODELS, DEDUPED)
    ]
    told = [f"{e.label[0].upper()}{e.label[1:]}: {e.caveats[1]}; exact p = {e.value:.2g}." for e in tests]
    return (first, *told, *_disagreeing(found))


def _disagreeing(found: Recorded) -> list[str]:
    """Say which models have two runs whose shares differ, with the exact test of the difference."""
    said = []
    for (model,), rows in found.runs.group_by("model_id", maintain_order=True):
        test = exact_trend(rows["n_changed"].to_list(), rows["n_prompts"].to_list())
        if rows.height > 1 and test.p_two_sided is not None:
            runs = " and ".join(f"{row['n_changed']} of {row['n_prompts']} in {row['file']}" for row in rows.to_dicts())
            said.append(f"Published runs of {model}: {runs} changed; exact p = {test.p_two_sided:.2g}.")
    return said
