"""Outputs of probes as the lake holds them: recorded by authors or measured here, never mixed across instruments."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.errors import NotEnoughDataError, UnknownNameError

EVERY = "every instrument"
ORGANISM = "organism-probes"  # every seed has a world and prompts of its own; page model_organism adds them up
RECORDED, MEASURED = "recorded", "measured here"
HEADS, LAYERS, MAPS = "measured heads", "measured layers", "measured maps"
KEY = ("measured_by", "source_id", "model_id", "revision", "backend", "config_hash")
# Probes of each kind of page, as parts of the names that recorded and new rows share.
PROBES = {
    HEADS: r"^((tl_attn_)?head_coop_frac|head_comp_frac|competing_units|(attn_)?head_coupling)$",
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


def probe_rows(read: Read, kind: str, measured_by: str, *, with_organism: bool = False) -> pl.DataFrame:
    """Return the rows of all probes of the sources that hold this kind, of one measured_by or of every one.

    Every one leaves out the organism, which has a page of its own, unless it is asked for. Raises UnknownNameError,
    with near names, for a measured_by that holds none, and NotEnoughDataError where the lake holds none at all.
    """
    known = measurements(read, kind)
    if not known:
        raise NotEnoughDataError(f"The lake holds no {kind}: {HOW_TO_MEASURE}.")
    if measured_by not in (EVERY, *known):
        near = get_close_matches(measured_by, known, n=3, cutoff=0.4)
        hint = f"Did you mean {', '.join(near)}?" if near else f"Known: {', '.join((EVERY, *known))}."
        raise UnknownNameError(f"Nothing among the {kind} is measured by {measured_by!r}. {hint}")
    rows = read("mart_probes").filter(pl.col("measured_by").is_in(known))
    if measured_by != EVERY:
        rows = rows.filter(pl.col("measured_by") == measured_by)
    elif not with_organism:
        others = rows.filter(pl.col("source_id") != ORGANISM)
        rows = others if others.height else rows
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
    """Add a unique label: model and source, then the instrument and the configuration where they are needed."""
    first = pl.format("{}, {}", "model_id", "source_id")
    told = rows.with_columns(first.alias("label"))
    for more in (pl.col("measured_by").str.split(";").list.first(), pl.col("config_hash").str.slice(0, 8)):
        several = pl.len().over("label") > 1
        told = told.with_columns(
            pl.when(several).then(pl.format("{}, {}", "label", more)).otherwise("label").alias("label")
        )
    return told
