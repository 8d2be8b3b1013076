"""The raw tables of the lake: which columns a source may deliver, and which the build loads.

One definition serves ingestion (what a file must hold), the build (columns of `raw_*`) and the tests.
Every raw column is text as delivered; `sql/10_staging` casts.
"""

from __future__ import annotations

from dataclasses import dataclass

from cape.ingest.score_table import OPTIONAL_COLUMNS, REQUIRED_COLUMNS
from cape.internals.scorecard_records import LAKE_TABLES, lake_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class RawTable:
    """Columns of one kind of file under `lake/raw/<source_id>/<name>.csv`; all become `raw_<name>`.

    filled : columns of which no cell may be empty. numbers : columns that hold a number where they hold anything.
    """

    name: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    filled: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return self.required + self.optional


SCORES = RawTable(name="scores", required=REQUIRED_COLUMNS, optional=OPTIONAL_COLUMNS)

RAW_TABLES: tuple[RawTable, ...] = (
    SCORES,
    RawTable(
        name="models",
        required=("model_id", "family", "params_b"),
        optional=(
            "display_name",
            "lab",
            "active_params_b",
            "d_model",
            "n_layers",
            "n_heads",
            "vocab_size",
            "release_date",
            "kind",
            "training_recipe",
            "hf_id",
            "quality_flags",
            "notes",
        ),
        filled=("model_id", "family"),
        numbers=("params_b", "active_params_b", "d_model", "n_layers", "n_heads", "vocab_size"),
    ),
    RawTable(name="panel_families", required=("model_id", "panel_family"), filled=("model_id", "panel_family")),
    RawTable(
        name="training_tokens",
        required=("model_id", "tokens_t"),
        optional=("notes",),
        filled=("model_id", "tokens_t"),
        numbers=("tokens_t",),
    ),
    RawTable(
        name="probes",
        required=("model_id", "probe", "value"),
        optional=("layer", "n_prompts", "notes"),
        filled=("model_id", "probe", "value"),
        numbers=("value", "layer", "n_prompts"),
    ),
    RawTable(
        name="losses",
        required=("model_id", "quantity", "value"),
        optional=("unit", "notes"),
        filled=("model_id", "quantity", "value"),
        numbers=("value",),
    ),
    RawTable(
        name="gradients",
        required=("model_id", "quantity", "value"),
        optional=("notes",),
        filled=("model_id", "quantity", "value"),
        numbers=("value",),
    ),
    RawTable(
        name="printed_series",
        required=("series_group", "series_key", "x", "y"),
        filled=("series_group", "series_key", "y"),
        numbers=("y",),
    ),
    RawTable(
        name="predictions",
        required=("prediction_id", "statement"),
        optional=("deadline", "pass_criterion", "fail_criterion", "origin"),
        filled=("prediction_id", "statement"),
    ),
    RawTable(
        name="steering_reported",
        required=("model_id", "prompt_no"),
        optional=("cos", "strength", "changed", "notes"),
        filled=("model_id", "prompt_no"),
        numbers=("prompt_no", "cos", "strength", "changed"),
    ),
    RawTable(
        name="steering_counts",
        required=("model_id", "changed", "total"),
        optional=("phase", "notes"),
        filled=("model_id", "changed", "total"),
        numbers=("changed", "total"),
    ),
    RawTable(
        name="chance_levels",
        required=("benchmark", "chance"),
        optional=("variant",),
        filled=("benchmark", "chance"),
        numbers=("chance",),
    ),
)

# Files at the top of the lake, one each, loaded as raw_<name>.
TOP_TABLES: tuple[RawTable, ...] = (
    RawTable(
        name="benchmarks",
        required=("benchmark", "name"),
        optional=("variant", "metric", "n_items", "chance_pct", "source", "notes"),
        filled=("benchmark", "name"),
        numbers=("n_items", "chance_pct"),
    ),
    RawTable(
        name="panels",
        required=("panel", "source_id", "label"),
        optional=("description", "default_x", "default_y", "uses_printed_truthfulqa", "uses_panel_families"),
        filled=("panel", "source_id", "label"),
    ),
    RawTable(
        name="claims",
        required=("claim_id", "source", "claim", "quantity", "paper_value"),
        optional=("unit", "paper_ci", "population", "method", "parts", "found_in", "contradiction"),
        filled=("claim_id", "claim", "paper_value"),
    ),
)

# Columns that the loader adds to every raw table of a source: where the row stands.
PROVENANCE = ("source_id", "source_file", "file_row")

# Results too costly to recompute on every build: DuckDB type of each column of raw_computed_<name>.
COMPUTED_TABLES: dict[str, dict[str, str]] = {
    "ledger": {
        "claim_id": "varchar",
        "reproduced": "varchar",
        "supported": "varchar",
        "our_value": "double",
        "low": "double",
        "high": "double",
        "n": "bigint",
        "diagnostic": "varchar",
        "params": "varchar",
        "method": "varchar",
        "reason": "varchar",
        "parts": "varchar",
    },
    "estimates": {
        "diagnostic": "varchar",
        "panel": "varchar",
        "params": "varchar",
        "symbol": "varchar",
        "label": "varchar",
        "value": "double",
        "low": "double",
        "high": "double",
        "n": "bigint",
        "unit": "varchar",
        "method": "varchar",
        "caveats": "varchar",
    },
    "symbolic_laws": {
        "panel": "varchar",
        "x": "varchar",
        "y": "varchar",
        "target": "varchar",
        "inputs": "varchar",
        "engine": "varchar",
        "engine_version": "varchar",
        "seed": "bigint",
        "fold": "bigint",
        "held_out": "varchar",
        "complexity": "bigint",
        "loss": "double",
        "expression": "varchar",
        "latex": "varchar",
        "n_models": "bigint",
        "models_digest": "varchar",
    },
    "calibration": {
        "cell": "varchar",
        "n_families": "bigint",
        "n_sizes": "bigint",
        "x_items": "bigint",
        "y_items": "bigint",
        "world": "varchar",
        "estimator": "varchar",
        "quantity": "varchar",
        "unit": "varchar",
        "n_resamples": "bigint",
        "seed": "bigint",
        "n_simulations": "bigint",
        "n_true": "bigint",
        "n_none": "bigint",
        "n_values": "bigint",
        "n_intervals": "bigint",
        "n_covered": "bigint",
        "n_below": "bigint",
        "n_above": "bigint",
        "n_found": "bigint",
        "n_false": "bigint",
        "n_bounded": "bigint",
        "truth": "double",
        "bias": "double",
        "rmse": "double",
        "width": "double",
        "n_blocks": "bigint",
        "spread_covered": "double",
        "spread_found": "double",
        "spread_false": "double",
    },
    **{name: lake_columns(record) for name, record in LAKE_TABLES.items()},  # written by `cape steer-eval --shipped`
}
