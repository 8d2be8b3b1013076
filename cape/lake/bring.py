"""Bring result files into the lake's local folder: read, checked and built as a whole, or everything as it was."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from cape.errors import IngestError
from cape.ingest.identity import DESCRIBED, answered
from cape.ingest.merge import as_text, merged
from cape.ingest.reading import Finding, Reading, ReadOptions, Severity, read_results
from cape.lake.build import build_lake
from cape.lake.exchange import as_it_was, one_at_a_time
from cape.lake.land import LandedFile, Landing, SourceRecord, check_source, land_all
from cape.lake.load import read_benchmarks, read_record
from cape.lake.paths import LakePaths
from cape.lake.read import Lake

INPUTS = "inputs.json"
ANSWER = "Say its family and size in a CSV (model_id, family, params_b) given with --models."
REGISTRY = ("model_id", "family", "params_b", "display_name", "d_model", "n_layers", "kind", "hf_id", "quality_flags")

Ask = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, slots=True, kw_only=True)
class BringOptions:
    """source : where the scores come from. read : options of the reading; registry and known inputs are filled in.

    is_dry : read and report, write nothing. ask : called with the unsure models, returns answers for some of them.
    """

    source: SourceRecord
    read: ReadOptions = ReadOptions()
    is_dry: bool = False
    ask: Ask | None = None
    on_progress: Callable[[int, int], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BringReport:
    """What was read, and what the lake holds of it: nothing is landed in a dry run or when nothing is new."""

    reading: Reading
    landed: tuple[LandedFile, ...] = ()
    lake_version: str = ""
    n_superseded: int = 0

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.reading.findings


def bring_results(given: Sequence[Path | str], options: BringOptions, paths: LakePaths) -> BringReport:
    """Read result files and land their scores under local/<source_id>/; on any fault everything stays as it was.

    Raises BadParameterError for a path that is not there, IngestError for a source that cannot stand, and what
    `land_all` and `build_lake` raise. Bad content is a finding of the report.
    """
    check_source(options.source)
    paths.built.mkdir(parents=True, exist_ok=True)
    with one_at_a_time(paths):
        folder = paths.local / options.source.source_id
        held = read_inputs(folder)
        lake = Lake.ensure(paths)
        try:
            reading = read_for(lake, given, options, paths, known_inputs=[entry["sha256"] for entry in held])
            if reading.scores.is_empty() or options.is_dry:
                return BringReport(reading=reading, lake_version=lake.version)
            rows, n_superseded = merged(_text_table(folder / "scores.csv"), _stamped(reading, options.source))
            models = _models(folder, reading)
            lake.with_overlay(scores=as_text(_stamped(reading, options.source)), models=_described(reading)).close()
        finally:
            lake.close()
        with as_it_was(folder, paths):
            landed = _land(rows, models, reading, options.source, paths)
            built = build_lake(paths)
    return BringReport(reading=reading, landed=landed, lake_version=built.lake_version, n_superseded=n_superseded)


def read_for(
    lake: Lake,
    given: Sequence[Path | str],
    options: BringOptions,
    paths: LakePaths,
    *,
    known_inputs: Sequence[str] = (),
) -> Reading:
    """Return what the files give against the models and benchmarks of a lake, models without a size refused."""
    registry = lake.read("mart_models").select(REGISTRY)
    read = replace(options.read, registry=registry, known_inputs=frozenset(known_inputs))
    known = read_benchmarks(paths)
    reading = read_results(given, known_benchmarks=known, options=read, on_progress=options.on_progress)
    unsure = reading.models.filter(~pl.col("is_sure"))
    if options.ask is not None and not unsure.is_empty():
        reading = replace(reading, models=answered(reading.models, options.ask(unsure)))
    return without_unknown(reading)


def without_unknown(reading: Reading) -> Reading:
    """Return a reading without the scores of models whose size is unknown and needed; say which were refused."""
    unknown = reading.models.filter(
        pl.col("params_b").is_null(), pl.col("kind").fill_null("base") != "frontier", ~pl.col("is_registered")
    )
    needed = reading.scores.filter(pl.col("axis").fill_null("params") == "params")["model_id"].unique()
    refused = unknown.filter(pl.col("model_id").is_in(needed.to_list()))["model_id"].to_list()
    counts = dict(reading.scores.group_by("model_id").len().rows())

    def about(row: Mapping[str, Any], severity: Severity, found: str, action: str) -> Finding:
        model = row["model_id"]
        place = {"file": row["file"] or model, "place": model, "column": "params_b", "n_rows": counts.get(model, 0)}
        return Finding(severity=severity, found=found, action=action, **place)

    findings = [
        about(row, Severity.REFUSED, "The model's size is unknown.", f"Its scores were left out. {ANSWER}")
        if row["model_id"] in refused
        else about(row, Severity.FLAGGED, f"Taken as {row['family']!r}, {_size(row)} ({row['how']}).", ANSWER)
        for row in reading.models.filter(~pl.col("is_sure")).iter_rows(named=True)
    ]
    return replace(
        reading,
        scores=reading.scores.filter(~pl.col("model_id").is_in(refused)),
        models=reading.models.filter(~pl.col("model_id").is_in(refused)),
        findings=(*reading.findings, *findings),
    )


def _size(row: Mapping[str, Any]) -> str:
    return "size unknown" if row["params_b"] is None else f"{row['params_b']:g} B"


def read_inputs(folder: Path) -> list[dict[str, Any]]:
    """Return the files that a source was made from; raises IngestError where their list cannot be read."""
    file = folder / INPUTS
    if not file.is_file():
        return []
    try:
        entries = json.loads(file.read_text(encoding="utf-8"))["inputs"]
        return [{"name": each["name"], "sha256": each["sha256"], **each} for each in entries]
    except (ValueError, KeyError, TypeError) as error:
        raise IngestError(
            file=f"{folder.name}/{INPUTS}",
            found=f"The list of ingested files cannot be read ({type(error).__name__}).",
            action="Remove it, then ingest the files again.",
        ) from error


def _stamped(reading: Reading, source: SourceRecord) -> pl.DataFrame:
    """Return the scores with the source's address and day where a row has none of its own."""
    return reading.scores.with_columns(
        pl.col("source_url").fill_null(source.url), pl.col("retrieved_at").fill_null(source.date)
    )


def _described(reading: Reading) -> pl.DataFrame | None:
    """Return the models that the registry lacks as text columns of models.csv, or None."""
    new = reading.models.filter(~pl.col("is_registered"))
    if new.is_empty():
        return None
    notes = pl.concat_str([pl.col("notes"), pl.col("how")], separator="; ", ignore_nulls=True)
    return new.with_columns(notes.alias("notes")).select(pl.col(name).cast(pl.String) for name in DESCRIBED)


def _models(folder: Path, reading: Reading) -> pl.DataFrame | None:
    new, before = _described(reading), _text_table(folder / "models.csv")
    if new is None:
        return None
    return pl.concat([new, before], how="diagonal").unique("model_id", keep="first", maintain_order=True)


def _text_table(file: Path) -> pl.DataFrame:
    return pl.read_csv(file, infer_schema=False) if file.is_file() else pl.DataFrame()


def _land(
    rows: pl.DataFrame, models: pl.DataFrame | None, reading: Reading, source: SourceRecord, paths: LakePaths
) -> tuple[LandedFile, ...]:
    folder = paths.local / source.source_id
    record = read_record(folder) if (folder / "source.toml").is_file() else {}
    inputs = read_inputs(folder)
    inputs += [
        {"name": name, "sha256": digest, "format": kind, "date": source.date} for name, digest, kind in reading.inputs
    ]
    with tempfile.TemporaryDirectory() as work:
        tables = {"scores": Path(work) / "scores.csv"}
        rows.write_csv(tables["scores"])
        if models is not None:
            tables["models"] = Path(work) / "models.csv"
            models.write_csv(tables["models"])
        listed = Path(work) / INPUTS
        listed.write_text(json.dumps({"inputs": inputs}, indent=0), encoding="utf-8")
        others = {INPUTS: listed} | {f"items/{file.name}": file for file in reading.items}
        newest = replace(source, date=max(source.date, str(record.get("date", ""))))
        return land_all(Landing(tables=tables, others=others), source=newest, paths=paths, is_local=True)
