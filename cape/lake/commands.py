"""What the ingestion scripts share: their options, landing a CSV with its models, and the build that follows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import polars as pl

from cape.errors import CapeError, IngestError
from cape.lake.build import build_lake
from cape.lake.land import KINDS, Files, LandedFile, SourceRecord, land_files, land_tables, read_delivered
from cape.lake.load import read_sources
from cape.lake.names import did_you_mean
from cape.lake.paths import LakePaths
from cape.lake.read import Lake
from cape.lake.shards import read_shard, shard_files

FAILED = 2
SCORES = "scores"
MODELS = "models"
PROBES = "probes"
DEFAULT_KIND = "base"  # of a model whose registry row names none, as in stg_models


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestRequest:
    """The options of an ingestion script.

    delivered : CSV file by name of its raw table. shards : a Parquet shard of probe outputs, or a folder of them.
    """

    delivered: dict[str, Path]
    shards: Path | None
    source: SourceRecord
    is_local: bool
    replace: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """The files that were landed, and the lake that was built with them."""

    landed: tuple[LandedFile, ...]
    lake_version: str
    counts: dict[str, int]

    @property
    def text(self) -> str:
        """The report as lines for a terminal."""
        lines = [
            f"{file.file}: {file.n_rows:,} rows {'replaced' if file.replaced else 'landed'}" for file in self.landed
        ]
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        return "\n".join([*lines, f"Lake {self.lake_version}: {counts}", ""])


def ingest_request(about: str, *, table: str, arguments: Sequence[str] | None = None) -> IngestRequest:
    """Return the options of a script that lands a CSV file as the raw table `table`; `about` is its help text."""
    parser = argparse.ArgumentParser(description=about)
    what = f"CSV file with the columns of the lake's table {table!r}"
    what += ", or a shard that `cape probe` wrote, or a folder of shards" if table == PROBES else ""
    parser.add_argument("csv", type=Path, help=what)
    parser.add_argument("--models", type=Path, help="CSV file that describes models the registry does not hold")
    parser.add_argument("--source-id", required=True, help="short name of the source; becomes its folder")
    parser.add_argument("--title", required=True, help="what the source is, in a few words")
    parser.add_argument("--url", required=True, help="where it was published, or the word internal")
    parser.add_argument("--kind", required=True, help=f"one of: {', '.join(KINDS)}")
    parser.add_argument("--date", required=True, help="as-of date: YYYY, YYYY-MM or YYYY-MM-DD")
    parser.add_argument("--licence", required=True, help="licence of the numbers")
    parser.add_argument("--notes", default="", help="anything a reader must know")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--local", action="store_true", help="land under local/, not shipped (the default)")
    place.add_argument("--shipped", action="store_true", help="land under raw/, which is committed")
    parser.add_argument("--replace", action="store_true", help="allow a shipped source to be changed")
    given = parser.parse_args(arguments)
    fields = ("source_id", "title", "url", "kind", "date", "licence", "notes")
    is_shards = table == PROBES and (given.csv.is_dir() or given.csv.suffix == ".parquet")
    return IngestRequest(
        delivered=({} if is_shards else {table: given.csv})
        | ({MODELS: given.models} if given.models is not None else {}),
        shards=given.csv if is_shards else None,
        source=SourceRecord(**{name: getattr(given, name) for name in fields}),
        is_local=not given.shipped,
        replace=given.replace,
    )


def ingest(request: IngestRequest, *, refused_kind: str | None = None) -> IngestReport:
    """Land the files of a request, build the lake and return what it then holds.

    refused_kind : kind of model (base, frontier) whose scores are not accepted.
    Raises IngestError before anything is written for a score of a model that is of that kind or that no registry
    describes, and what `land_tables` and `build_lake` raise.
    """
    paths = LakePaths.from_environment()
    if SCORES in request.delivered:
        _check_models(request, paths, refused_kind=refused_kind)
    place: Place = {
        "source": request.source,
        "paths": paths,
        "is_local": request.is_local,
        "replace": request.replace,
    }
    landed = land_tables(request.delivered, **place) if request.delivered else ()
    if request.shards is not None:
        place["replace"] = request.replace or bool(landed)
        landed += land_shards([request.shards], **place)
    return build_and_count(paths, landed=landed)


class Place(TypedDict):
    """Where files are landed, as `land_tables` takes it."""

    source: SourceRecord
    paths: LakePaths
    is_local: bool
    replace: bool


def land_shards(
    found: Sequence[Path], *, source: SourceRecord, paths: LakePaths, is_local: bool, replace: bool = False
) -> tuple[LandedFile, ...]:
    """Write the shards among files and folders as files of one source, all or none.

    Raises IngestError for a path without shards and for a file that is none, and what `land_files` raises.
    """
    texts = {
        file.name: (file.read_bytes(), read_shard(file, display_name=file.name).height) for file in shard_files(found)
    }
    return land_files(Files(texts=texts), source=source, paths=paths, is_local=is_local, replace=replace)


def build_and_count(paths: LakePaths, *, force: bool = False, landed: tuple[LandedFile, ...] = ()) -> IngestReport:
    """Build the lake and return its version with the counts of `mart_lake`."""
    built = build_lake(paths, force=force)
    lake = Lake.open_file(built.database)
    try:
        row = lake.read("mart_lake").row(0, named=True)
    finally:
        lake.close()
    counts = {name.removeprefix("n_"): count for name, count in row.items() if name.startswith("n_")}
    return IngestReport(landed=landed, lake_version=built.lake_version, counts=counts)


def finish(command: Callable[[], IngestReport]) -> int:
    """Run a script's command; write its report to stdout, or a deliberate error to stderr; return the exit code."""
    try:
        report = command()
    except CapeError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    sys.stdout.write(report.text)
    return 0


def _check_models(request: IngestRequest, paths: LakePaths, *, refused_kind: str | None) -> None:
    """Raise IngestError at the first score whose model is unknown or of the refused kind."""
    file = request.delivered[SCORES]
    scores = read_delivered(file, table=SCORES, paths=paths)
    kinds = _model_kinds(request, paths)
    for row, model_id in scores.unique("model_id", keep="first").sort("file_row").select("file_row", "model_id").rows():
        if model_id not in kinds:
            found = f"The model {model_id!r} is in no models.csv. {_near(model_id, kinds)}"
            action = "Correct it, or describe it in a file given with --models."
        elif kinds[model_id] == refused_kind:
            found = f"The model {model_id!r} is of kind {refused_kind!r}, which this script does not take."
            action = "Use the script for models of that kind, or correct the model's row in models.csv."
        else:
            continue
        raise IngestError(file=file.name, row=row, column="model_id", found=found, action=action)


def _near(name: str, known: dict[str, str]) -> str:
    """Return a suggestion for a long list: near names only, never the whole list."""
    text = did_you_mean(name, known)
    return text if text.startswith("Did") else ""


def _model_kinds(request: IngestRequest, paths: LakePaths) -> dict[str, str]:
    """Return the kind by model_id: as in int_models, shipped sources before local ones, then in order of source_id."""
    folders = [(source.is_local, source.source_id, source.folder / "models.csv") for source in read_sources(paths)]
    if MODELS in request.delivered:
        own = request.source.source_id
        folders = [each for each in folders if each[1] != own]
        folders.append((request.is_local, own, request.delivered[MODELS]))
    tables = [
        read_delivered(file, table=MODELS, paths=paths).select("model_id", pl.col("kind").fill_null(DEFAULT_KIND))
        for _, _, file in sorted(folders)
        if file.is_file()
    ]
    return dict(pl.concat(tables).reverse().rows()) if tables else {}
