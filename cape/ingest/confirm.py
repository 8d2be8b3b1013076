"""Families, sizes and checkpoints of what was read, as a table that a person confirms, and the scores filed by it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import polars as pl

from cape.errors import BadParameterError
from cape.ingest.reading import MODEL_SCHEMA, SCORE_SCHEMA, Finding, Reading, Severity

STATE = ("model_id", "revision", "axis", "position", "replicate")  # what tells two scored states of a reading apart
BILLION = 1e9
_STEP = re.compile(r"(?:step|checkpoint|global_step|iter)[-_]?(\d{1,9})", re.IGNORECASE)
_TOKENS = re.compile(r"tokens?[-_]?(\d{1,6}(?:\.\d+)?)([BT])", re.IGNORECASE)
ORDERS = ("params", "tokens", "step")
PLACE_COLUMNS = {"params": "size_b", "tokens": "tokens_b", "step": "step"}
EDITED = ("use", "family", "size_b", "tokens_b", "step", "width")
MOST_NAME = 120


def places_of(reading: Reading) -> pl.DataFrame:
    """Return one row per scored state of a model: what is known of its family, size, tokens and step, and how."""
    counted = reading.scores.group_by(*STATE, maintain_order=True).agg(
        pl.col("ladder").first(), pl.len().cast(pl.Int64).alias("n_scores")
    )
    known = reading.models.select("model_id", "family", "params_b", "d_model", "how", "is_sure")
    rows = counted.join(known, on="model_id", how="left", maintain_order="left")
    told = [_told(row) for row in rows.iter_rows(named=True)]
    schema = {"use": pl.Boolean, "model": pl.String, "revision": pl.String, "seed": pl.String, "family": pl.String}
    schema |= {"size_b": pl.Float64, "tokens_b": pl.Float64, "step": pl.Float64, "width": pl.Int64}
    schema |= {"how": pl.String, "sure": pl.Boolean, "n_scores": pl.Int64}
    return pl.DataFrame(told, schema=schema, orient="row")


def order_of(table: pl.DataFrame) -> str:
    """Return what the states are most plausibly ordered by: size, step or tokens, as tells them apart."""
    for order in ("params", "step", "tokens"):
        known = table.drop_nulls(PLACE_COLUMNS[order])
        if known.height == table.height and _tells_apart(known, PLACE_COLUMNS[order]):
            return order
    return "params"


def with_places(reading: Reading, table: pl.DataFrame, *, order_by: str) -> Reading:
    """Return the reading with family, size, width and place of every state as the table has them.

    table : as `places_of` returns it, in the same order, edited. A state that is not used leaves; one without a place
    stays but stands in no ladder, and a finding says so. Raises BadParameterError naming the row of a value that
    cannot be.
    """
    places = places_of(reading)
    if table.height != places.height:
        raise BadParameterError(f"The table has {table.height} rows and the files {places.height}. Keep every row.")
    for number, row in enumerate(table.iter_rows(named=True), start=1):
        _check(number, row)
    states = reading.scores.select(STATE).unique(maintain_order=True).with_columns(_placed(table, order_by))
    kept = states.filter("use")
    if kept.is_empty():
        raise BadParameterError("No row of the table is used. Tick at least two of one family.")
    scores = reading.scores.drop("ladder").join(kept, on=STATE, how="inner", nulls_equal=True, maintain_order="left")
    scores = scores.with_columns(
        pl.lit(order_by).alias("axis"), pl.col("place").alias("position"), pl.col("family").alias("ladder")
    ).select(list(SCORE_SCHEMA))
    return replace(
        reading,
        scores=scores,
        models=_models(reading.models, kept),
        findings=(*reading.findings, *_unplaced(kept, order_by)),
    )


def _told(row: dict) -> dict:
    """Return what is known of one state, with a step or tokens where its name states them."""
    name = f"{row['revision'] or ''} {row['model_id']}"
    step, tokens = _STEP.search(name), _TOKENS.search(name)
    place = {axis: row["position"] if row["axis"] == axis else None for axis in ORDERS}
    size, said = row["params_b"], place["params"]
    scale = 1000.0 if tokens and tokens[2].upper() == "T" else 1.0
    return {
        "use": True,
        "model": row["model_id"],
        "revision": row["revision"],
        "seed": row["replicate"],
        "family": row["ladder"] or row["family"],
        "size_b": said / BILLION if said is not None else size,
        "tokens_b": place["tokens"] / BILLION
        if place["tokens"] is not None
        else (float(tokens[1]) * scale if tokens else None),
        "step": place["step"] if place["step"] is not None else (float(step[1]) if step else None),
        "width": row["d_model"],
        "how": row["how"],
        "sure": bool(row["is_sure"]),
        "n_scores": row["n_scores"],
    }


def _tells_apart(table: pl.DataFrame, column: str) -> bool:
    """True when some family has two different places, and no two states of one family and seed share a place."""
    keys = [pl.col("family").fill_null(""), pl.col("seed").fill_null("")]
    groups = table.group_by(keys).agg(pl.col(column).n_unique().alias("places"), pl.len().alias("states"))
    return bool((groups["places"] > 1).any() and (groups["places"] == groups["states"]).all())


def _check(number: int, row: dict) -> None:
    family = (row["family"] or "").strip()
    if len(family) > MOST_NAME or family[:1] in ("=", "@", "+"):
        raise BadParameterError(f"Row {number}, column family: {family[:40]!r} is no name of a family. Write another.")
    for column in ("size_b", "tokens_b", "step", "width"):
        value = row[column]
        if value is not None and not 0 < value < 1e15:
            raise BadParameterError(f"Row {number}, column {column}: {value:g} is not above 0. Correct or empty it.")


def _placed(table: pl.DataFrame, order_by: str) -> list[pl.Series]:
    scale = 1.0 if order_by == "step" else BILLION
    place = (table[PLACE_COLUMNS[order_by]] * scale).alias("place")
    family = table.select(pl.col("family").str.strip_chars().replace("", None).fill_null(pl.col("model")))["family"]
    return [table["use"].fill_null(False), family, table["size_b"], table["width"], place]


def _models(models: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """Return the models that are used, described as the table has them."""
    described = kept.select("model_id", "family", "size_b", "width").unique("model_id", maintain_order=True)
    joined = models.drop("family", "params_b", "d_model").join(
        described, on="model_id", how="inner", maintain_order="left"
    )
    renamed = joined.rename({"size_b": "params_b", "width": "d_model"})
    return renamed.with_columns(pl.lit(True).alias("is_sure")).select(list(MODEL_SCHEMA))


def _unplaced(kept: pl.DataFrame, order_by: str) -> tuple[Finding, ...]:
    names = kept.filter(pl.col("place").is_null())["model_id"].to_list()
    if not names:
        return ()
    shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    found = f"{len(names)} models have no {PLACE_COLUMNS[order_by]}, so they stand in no ladder: {shown}."
    action = f"Fill {PLACE_COLUMNS[order_by]} in the table of families."
    return (Finding(file="table of families", severity=Severity.FLAGGED, found=found, action=action),)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnReading:
    """What a session read, and the table of families and places as it was confirmed last.

    is_sample : invented scores. order_by : params, tokens or step.
    """

    reading: Reading
    table: pl.DataFrame
    order_by: str
    is_sample: bool = False

    @property
    def placed(self) -> Reading:
        """The reading filed by the table. Raises what `with_places` raises."""
        return with_places(self.reading, self.table, order_by=self.order_by)


def own_reading(reading: Reading, *, order_by: str = "", is_sample: bool = False) -> OwnReading:
    """Return a reading with the table as it is known before anyone confirms it."""
    table = places_of(reading)
    return OwnReading(reading=reading, table=table, order_by=order_by or order_of(table), is_sample=is_sample)
