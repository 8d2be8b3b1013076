"""One score of a frontier model as it is typed: what is wrong with it, or the rows of the raw tables that it makes.

A browser session lays the rows over its lake; `cape.lake.additions` lands them. The day that counts as today is an
argument.
"""

from __future__ import annotations

import re
import shlex
import tempfile
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import polars as pl

from cape.errors import IngestError
from cape.ingest import read_score_table
from cape.ingest.documents import shown
from cape.ingest.model_names import model_id_fault
from cape.lake.land import ADDRESS, INTERNAL, SourceRecord, check_source
from cape.lake.names import did_you_mean
from cape.lake.read import OVERLAY_SOURCE, Lake

COMMAND = "cape add-score"
DEFAULT_SOURCE = "added-scores"
FRONTIER = "frontier"
BELOW_ONE = "below_one_percent"  # cape.ingest.score_table: the flag that confirms a percentage below one
NEAR = 0.8  # similarity of names from which a new one is taken for a slip of the pen
UNITS = ("percent", "fraction")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


def _cell(help_text: str, default: str = "") -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreEntry:
    """One score as it is typed; every field is text, checked by `checked_entry`."""

    model_id: str = _cell("Model, as the registry names it; a new one needs a lab and a release date.")
    benchmark: str = _cell("Benchmark, for example swe_bench_verified, gpqa_diamond, ifeval or hle.")
    score: str = _cell("Score, in the unit.")
    source_url: str = _cell("Address where the score is published, or the word internal.")
    date: str = _cell("Day on which it was read there, YYYY-MM-DD; from this day on the row counts.")
    unit: str = _cell("Unit of the score: percent or fraction.", "percent")
    lab: str = _cell("Lab of a model that the registry does not hold.")
    release_date: str = _cell("Release of a model that the registry does not hold: YYYY, YYYY-MM or YYYY-MM-DD.")
    stderr: str = _cell("Standard error in the unit of the score, where it is published.")
    is_self_reported: str = _cell("1 where the lab itself reports the score, 0 where another does.")
    quality_flags: str = _cell(f"{BELOW_ONE} confirms a percentage of at most one.")
    source_id: str = _cell("Source under local/ that the row is filed under.", DEFAULT_SOURCE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A checked entry as rows of the raw tables: text columns; models is None where the registry has the model.

    rivals : values that other sources give for the same model and benchmark, in words.
    """

    entry: ScoreEntry
    scores: pl.DataFrame
    models: pl.DataFrame | None
    rivals: tuple[str, ...]


def command_of(entry: ScoreEntry) -> str:
    """Return the command that adds an entry to the shared lake."""
    first = ("model_id", "benchmark", "score")
    values, defaults = asdict(entry), {item.name: item.default for item in fields(ScoreEntry)}
    words = [COMMAND, *(shlex.quote(values[name]) for name in first)]
    for name, value in values.items():
        if name not in first and value != defaults[name]:
            words += [f"--{name.replace('_', '-')}", shlex.quote(value)]
    return " ".join(words)


def checked_entry(entry: ScoreEntry, lake: Lake, *, today: date) -> Addition:
    """Return the rows of an entry.

    Raises IngestError naming the field for a missing or impossible one, an unknown or non-frontier model, an unknown
    benchmark, a score out of range or in another unit than it says, a day after today, and a score that already stands
    from the same address or in the same source without one.
    """
    _check_model_id(entry.model_id)
    entry = replace(entry, **{name: value.strip() for name, value in asdict(entry).items()})
    _check_filled(entry)
    _check_source_and_days(entry, today)
    benchmark_id, benchmark, variant = _benchmark(entry, lake)
    entry = _described(entry, lake)
    models = _model(entry, lake)
    row = _row(entry, benchmark, variant)
    _check_unit(entry, lake, benchmark_id)
    scores = _score_rows(row, lake)
    rivals = _rivals(entry, lake, benchmark_id)
    return Addition(entry=entry, scores=scores, models=models, rivals=rivals)


def _refuse(column: str, found: str, action: str) -> None:
    raise IngestError(file=COMMAND, column=column, found=found, action=action)


def _check_model_id(model_id: str) -> None:
    """Raise IngestError for a name with blanks, control characters or an empty part; an empty one is missing."""
    fault = model_id_fault(model_id) if model_id.strip() else None
    if fault is not None:
        action = "Write the registry's name, or organisation/name, without blanks."
        _refuse("model_id", f"{shown(model_id)} {fault}.", action)


def _check_filled(entry: ScoreEntry) -> None:
    for name in ("model_id", "benchmark", "score", "source_url", "date"):
        if not getattr(entry, name):
            about = next(item.metadata["help"] for item in fields(ScoreEntry) if item.name == name)
            _refuse(name, "It is missing.", about)
    if entry.unit not in UNITS:
        _refuse("unit", f"{entry.unit!r} is not a unit of a score.", f"Write {' or '.join(UNITS)}.")


def _check_source_and_days(entry: ScoreEntry, today: date) -> None:
    if entry.source_url != INTERNAL and not ADDRESS.fullmatch(entry.source_url):
        _refuse("source_url", f"{entry.source_url!r} is not an address.", f"Write http(s)://..., or {INTERNAL!r}.")
    if not _DAY.fullmatch(entry.date) or not _is_day(entry.date):
        _refuse("date", f"{entry.date!r} is not a day.", "Write it as YYYY-MM-DD.")
    if entry.date > today.isoformat():
        _refuse("date", f"{entry.date} lies after today, {today}.", "Write the day on which the score was read.")
    released = entry.release_date
    if released and (not _DATE.fullmatch(released) or not _is_day(released + "-01" * (2 - released.count("-")))):
        _refuse("release_date", f"{released!r} is not a date.", "Write it as YYYY, YYYY-MM or YYYY-MM-DD.")
    if released > entry.date[: len(released)]:
        _refuse("release_date", f"{released} lies after {entry.date}, the day of the score.", "Correct one of them.")
    check_source(record_of(entry, {}))


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _benchmark(entry: ScoreEntry, lake: Lake) -> tuple[str, str, str | None]:
    """Return identifier, benchmark and variant; raises IngestError with near names."""
    known = lake.read("mart_benchmarks")
    found = known.filter(pl.col("benchmark_id") == entry.benchmark)
    if found.is_empty():
        names = known["benchmark_id"].to_list()
        _refuse("benchmark", f"{entry.benchmark!r} is not a known benchmark.", did_you_mean(entry.benchmark, names))
    row = found.row(0, named=True)
    return row["benchmark_id"], row["benchmark"], row["variant"]


def _described(entry: ScoreEntry, lake: Lake) -> ScoreEntry:
    """Return the entry with lab and release of a model that only this session describes, so that it stands alone."""
    own = lake.read("mart_models", model_id=entry.model_id, source_id=OVERLAY_SOURCE)
    if own.is_empty():
        return entry
    row = own.row(0, named=True)
    return replace(entry, lab=entry.lab or row["lab"], release_date=entry.release_date or row["release_date"])


def _model(entry: ScoreEntry, lake: Lake) -> pl.DataFrame | None:
    """Return the registry row of a new model, or None for a known one."""
    models = lake.read("mart_models")
    known = models.filter((pl.col("model_id") == entry.model_id) & (pl.col("source_id") != OVERLAY_SOURCE))
    if known.height:
        kind = known["kind"][0]
        if kind != FRONTIER:
            action = "Use scripts/ingest_base_scores.py for base models."
            _refuse("model_id", f"{entry.model_id!r} is of kind {kind!r}, not {FRONTIER!r}.", action)
        return None
    if not (entry.lab and entry.release_date):
        near = get_close_matches(entry.model_id, models["model_id"].to_list(), n=3, cutoff=0.5)
        hint = f"Did you mean {', '.join(near)}? " if near else ""
        action = f"{hint}A new model needs --lab and --release-date."
        _refuse("model_id", f"The registry holds no model {entry.model_id!r}.", action)
    labs = sorted(set(models["lab"].drop_nulls()))
    if entry.lab not in labs:
        near = [lab for lab in labs if lab.casefold() == entry.lab.casefold()]
        near = near or get_close_matches(entry.lab, labs, n=3, cutoff=NEAR)
        if near:
            _refuse("lab", f"{entry.lab!r} is no lab of the registry.", f"Did you mean {', '.join(near)}?")
    family = f"frontier-{re.sub(r'[^a-z0-9]+', '-', entry.lab.casefold()).strip('-')}"
    row = {"model_id": entry.model_id, "family": family, "params_b": None, "lab": entry.lab}
    row |= {"release_date": entry.release_date, "kind": FRONTIER, "quality_flags": "size_not_public"}
    return pl.DataFrame([row], schema=dict.fromkeys(row, pl.String))


def _row(entry: ScoreEntry, benchmark: str, variant: str | None) -> dict[str, str | None]:
    optional = ("unit", "stderr", "is_self_reported", "quality_flags")
    row: dict[str, str | None] = {"model_id": entry.model_id, "benchmark": benchmark, "variant": variant}
    row |= {"score": entry.score, **{name: getattr(entry, name) or None for name in optional}}
    return row | {"source_url": entry.source_url, "retrieved_at": entry.date}


def _score_rows(row: dict[str, str | None], lake: Lake) -> pl.DataFrame:
    """Return the row as the reader of every score table returns it; raises its IngestError."""
    known = {
        (name, variant or ""): chance
        for name, variant, chance in lake.read("mart_benchmarks").select("benchmark", "variant", "chance_pct").rows()
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scores.csv"
        pl.DataFrame([row], schema=dict.fromkeys(row, pl.String)).write_csv(file)
        try:
            return read_score_table(file, known_benchmarks=known, display_name=COMMAND)
        except IngestError as error:
            # The caller wrote one row: its number in a file that he never saw would only puzzle him.
            raise IngestError(file=COMMAND, column=error.column, found=error.found, action=error.action) from error


def _check_unit(entry: ScoreEntry, lake: Lake, benchmark_id: str) -> None:
    """Raise IngestError for a percentage of at most one that nobody confirmed, beside what others score."""
    if entry.unit != "percent" or BELOW_ONE in entry.quality_flags.split(";"):
        return
    try:
        is_small = 0 < float(entry.score) <= 1
    except ValueError:
        return  # the reader of score tables says what is wrong with it
    if not is_small:
        return
    others = lake.read("mart_frontier_scores", benchmark_id=benchmark_id)["score_pct"]
    beside = f" Others score {min(others):g} to {max(others):g}." if others.len() else ""
    action = f"Set the unit to fraction, or the quality flag {BELOW_ONE}."
    _refuse("score", f"{entry.score!r} percent looks like a fraction.{beside}", action)


def _rivals(entry: ScoreEntry, lake: Lake, benchmark_id: str) -> tuple[str, ...]:
    """Return the other values of the same model and benchmark; raises IngestError for one that is the same row."""
    held = lake.read("mart_frontier_scores", model_id=entry.model_id, benchmark_id=benchmark_id)
    for row in held.iter_rows(named=True):
        same_source = row["source_id"] == entry.source_id and row["source_url"] == entry.source_url
        if same_source or (entry.source_url != INTERNAL and row["source_url"] == entry.source_url):
            place = f"{row['source_id']}, {row['source_file']}, row {row['file_row']}"
            found = f"{entry.model_id} on {benchmark_id} already stands from this address: {row['score_pct']:g}"
            _refuse("model_id", f"{found} ({place}).", "Remove or correct that row, or name another address.")
    return tuple(f"{row['source_id']} {row['score_pct']:g}" for row in held.iter_rows(named=True))


def record_of(entry: ScoreEntry, held: dict[str, Any]) -> SourceRecord:
    """Return the record of the source: as it stands, with the newest day; each row keeps its own address and day."""
    return SourceRecord(
        source_id=entry.source_id,
        title=held.get("title", "Scores added one by one"),
        url=held.get("url", INTERNAL),
        kind=held.get("kind", "user"),
        date=max(str(held.get("date", "")), entry.date),
        licence=held.get("licence", "as the address of each row"),
        notes=held.get("notes", "each row names its address and the day it was read"),
    )
