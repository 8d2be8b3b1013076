"""Outputs of probes as the lake holds them: recorded by authors or measured here, never mixed across instruments."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.errors import NotEnoughDataError, UnknownNameError

EVERY = "every instrument"
RECORDED, MEASURED = "recorded", "measured here"
HEADS, LAYERS, MAPS = "measured heads", "measured layers", "measured maps"
KEY = ("measured_by", "source_id", "model_id", "revision", "backend", "config_hash")
# Probes of each kind of page, as parts of the names that recorded and new rows share.
PROBES = {
    HEADS: r"^(head_coop_frac|head_comp_frac|competing_units|head_cosine)$",
    LAYERS: r"^((hidden|attention|net|head|layer)_coupling.*|tl_attn_(layer|net)_coupling|(early|late)_layer_coupling"
    r"|d_rep.*)$",
    MAPS: r"^proj_.*$",
}
HOW_TO_MEASURE = (
    "no model is measured here: `cape probe MODEL` writes a shard, scripts/ingest_probe_outputs.py lands it"
)


def measurements(read: Callable[..., pl.DataFrame], kind: str) -> tuple[str, ...]:
    """Return every measured_by that holds probes of this kind, in order of name."""
    held = read("mart_probe_sets").filter(pl.col("probe").str.contains(PROBES[kind]))
    return tuple(held["measured_by"].unique().sort())


def probe_rows(read: Read, kind: str, measured_by: str) -> pl.DataFrame:
    """Return the rows of all probes of the sources that hold this kind, of one measured_by or of every one.

    Raises UnknownNameError, with near names, for a measured_by that holds none, and NotEnoughDataError where the lake
    holds none at all.
    """
    known = measurements(read, kind)
    if not known:
        raise NotEnoughDataError(f"The lake holds no {kind}: {HOW_TO_MEASURE}.")
    if measured_by not in (EVERY, *known):
        near = get_close_matches(measured_by, known, n=3, cutoff=0.4)
        hint = f"Did you mean {', '.join(near)}?" if near else f"Known: {', '.join((EVERY, *known))}."
        raise UnknownNameError(f"Nothing among the {kind} is measured by {measured_by!r}. {hint}")
    rows = read("mart_probes").filter(pl.col("measured_by").is_in(known))
    rows = rows if measured_by == EVERY else rows.filter(pl.col("measured_by") == measured_by)
    return rows.with_columns(pl.col("revision", "backend", "config_hash").fill_null(""))


def whole_model(rows: pl.DataFrame) -> pl.DataFrame:
    """Keep the rows that speak of a whole model: no layer, head or prompt."""
    return rows.filter(pl.all_horizontal(pl.col("layer", "head", "prompt_id").is_null()))


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """Sort by instrument, then family, size, model and source."""
    return rows.sort(
        "origin", "measured_by", "family", "params_b", "model_id", "source_id", "config_hash",
        descending=[True, *[False] * 6], nulls_last=True,
    )  # fmt: skip


def labelled(rows: pl.DataFrame) -> pl.DataFrame:
    """Add a label that is unique: model, source and, where a source measured one twice, the configuration."""
    first = pl.format("{}, {}", "model_id", "source_id")
    told = (
        pl.when(pl.col("config_hash") == "")
        .then(first)
        .otherwise(pl.format("{}, {} {}", "model_id", "source_id", pl.col("config_hash").str.slice(0, 8)))
    )
    return rows.with_columns(
        pl.when(pl.len().over("model_id", "source_id") > 1).then(told).otherwise(first).alias("label")
    )
