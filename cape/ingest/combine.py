"""Many files' rows as one table: impossible scores refuse their file, the latest run of a key stands, and what would
mislead a comparison is flagged by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

import polars as pl

from cape.ingest.documents import shown
from cape.ingest.identity import Identities
from cape.ingest.records import SCORE_SCHEMA, FileReading, Finding, ScoreRow, Severity
from cape.ingest.score_table import FRACTION_MAX, PERCENT_MAX
from cape.ingest.tasks import Known, listed

COMMIT = re.compile(r"[0-9a-f]{40}")
STEP = re.compile(r"(?:.*?[-_])?(?:step|checkpoint|iter)[-_]?(\d{1,12})(?:[-_].*)?", re.IGNORECASE)
TOKENS = re.compile(r".*?tokens?[-_]?(\d{1,6}(?:\.\d+)?)([MBT])(?:[-_].*)?", re.IGNORECASE)
TOKEN_UNIT = {"M": 1e6, "B": 1e9, "T": 1e12}
# What makes two rows rivals; commits of the main branch and the time of the run do not.
KEY = (
    "model_id",
    "named_revision",
    "benchmark",
    "variant",
    "metric",
    "n_shot",
    "harness",
    "harness_version",
    "task_version",
    "ladder",
    "axis",
    "position",
    "replicate",
)
_TYPES: dict[str, type[pl.DataType]] = {
    "model": pl.String,
    "flags": pl.String,
    "run_at": pl.String,
    "file": pl.String,
    "place": pl.String,
}


def checked(reading: FileReading, *, file: str, known: Known) -> FileReading:
    """Return a file's reading without benchmarks that the lake does not know; an impossible score refuses the file."""
    rows, unknown = [], []
    for row in reading.rows:
        fault = _fault(row)
        if fault is not None:
            return _refused(reading, file, row, *fault)
        if (row.benchmark, row.variant or "") in known:
            rows.append(replace(row, stderr=row.stderr if row.stderr and row.stderr > 0 else None))
        else:
            unknown.append(f"{row.benchmark} {row.variant or ''}".strip())
    findings = list(reading.findings)
    if unknown:
        text = f"{len(unknown)} scores are of no benchmark of this lake: {listed(sorted(set(unknown)))}."
        action = "They were left out; add the benchmark to lake/benchmarks.csv."
        findings.append(Finding(file=file, severity=Severity.FLAGGED, found=text, action=action))
    if not rows:
        text = "No score of a known benchmark is left." if reading.rows or findings else "It holds no score."
        action = "Nothing was taken from it."
        findings.append(Finding(file=file, severity=Severity.REFUSED, found=text, action=action))
        return replace(reading, rows=(), facts=(), findings=tuple(findings))
    if not any(finding.severity is Severity.FLAGGED for finding in findings):
        action = "Taken."
        text = f"{reading.format}: {len(rows)} scores."
        findings.insert(0, Finding(file=file, severity=Severity.ACCEPTED, found=text, action=action, n_rows=len(rows)))
    return replace(reading, rows=tuple(rows), findings=tuple(findings))


def _fault(row: ScoreRow) -> tuple[str, str] | None:
    """Return what is impossible in a row and what to do, or None."""
    top = FRACTION_MAX if row.unit == "fraction" else PERCENT_MAX
    if not 0 <= row.score <= top:
        is_percent = row.unit == "fraction" and FRACTION_MAX < row.score <= PERCENT_MAX
        hint = " Percent and fraction are mixed, or it is no share." if is_percent else ""
        return f"The score {row.score:g} is not between 0 and {top:g}.{hint}", "Nothing of the file was taken."
    if row.stderr is not None and not 0 <= row.stderr <= top:
        return f"The standard error {row.stderr:g} is not between 0 and {top:g}.", "Nothing of the file was taken."
    return None


def _refused(reading: FileReading, file: str, row: ScoreRow, found: str, action: str) -> FileReading:
    finding = Finding(file=file, severity=Severity.REFUSED, place=row.place, column="score", found=found, action=action)
    return FileReading(format=reading.format, findings=(finding,))


def as_frame(rows: Sequence[ScoreRow], identities: Identities) -> pl.DataFrame:
    """Return rows as a frame of SCORE_SCHEMA and of what the steps below need: file, run_at, named_revision."""
    names = [item.name for item in fields(ScoreRow)]
    records = [{name: getattr(row, name) for name in names} | {"flags": ";".join(row.flags)} for row in rows]
    schema = {name: kind for name, kind in SCORE_SCHEMA.items() if name not in ("model_id", "quality_flags")}
    wanted = {name: schema.get(name, _TYPES.get(name, pl.String)) for name in names}
    frame = pl.DataFrame(records, schema=wanted)
    ids = pl.DataFrame(
        {"model": list(identities.ids), "model_id": list(identities.ids.values())},
        schema={"model": pl.String, "model_id": pl.String},
    )
    steps = pl.DataFrame(
        {"model": list(identities.steps), "step": list(identities.steps.values())},
        schema={"model": pl.String, "step": pl.String},
    )
    frame = frame.join(ids, on="model", how="left").join(steps, on="model", how="left")
    revision = pl.coalesce("revision", "step")
    return frame.with_columns(
        revision.alias("revision"),
        pl.when(~revision.str.contains(f"^{COMMIT.pattern}$")).then(revision).alias("named_revision"),
        pl.col("flags").alias("quality_flags"),
    ).drop("step", "flags")


def latest(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
    """Return the latest run of every key, and a finding per file whose values an other file's run supersedes."""
    ranked = frame.sort("run_at", "file", descending=True, nulls_last=True, maintain_order=True).with_columns(
        pl.int_range(pl.len()).over(KEY).alias("rank"),
        pl.col("file").first().over(KEY).alias("standing"),
        pl.len().over(KEY).alias("n_same"),
    )
    older = ranked.filter(pl.col("rank") > 0)
    by_file = older.group_by("file", "standing", maintain_order=True).agg(pl.len().alias("n"), pl.col("n_same").max())
    findings = [
        Finding(
            file=file,
            severity=Severity.FLAGGED,
            found=f"{n} scores have the same key as scores of {standing} ({n_same} values of one key).",
            action="The latest run stands; these were left out.",
            n_rows=n,
        )
        for file, standing, n, n_same in by_file.sort("file").rows()
    ]
    kept = ranked.filter(pl.col("rank") == 0).drop("rank", "standing", "n_same")
    return kept.sort("model_id", "benchmark", "variant", nulls_last=True), findings


def with_checkpoints(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
    """Return rows in which a model with several training steps is a ladder of its own, ordered by steps or tokens."""
    revisions = frame.filter(pl.col("axis").is_null()).select("model_id", "named_revision").unique().drop_nulls()
    places = {(model, revision): _position(revision) for model, revision in revisions.rows()}
    held = [(model, revision, *place) for (model, revision), place in places.items() if place is not None]
    schema = {"model_id": pl.String, "named_revision": pl.String, "at_axis": pl.String, "at": pl.Float64}
    table = pl.DataFrame(held, schema=schema, orient="row")
    table = table.filter(
        pl.col("at").n_unique().over("model_id") > 1, pl.col("at_axis").n_unique().over("model_id") == 1
    )
    if table.is_empty():
        return frame, []
    joined = frame.join(table, on=["model_id", "named_revision"], how="left")
    joined = joined.with_columns(
        pl.coalesce("axis", "at_axis").alias("axis"),
        pl.coalesce("position", "at").alias("position"),
        pl.when(pl.col("at").is_not_null()).then(pl.coalesce("ladder", "model_id")).otherwise("ladder").alias("ladder"),
    ).drop("at", "at_axis")
    findings = [
        Finding(
            file=model,
            severity=Severity.ACCEPTED,
            found=f"{model} has {n} checkpoints: they form a ladder by {axis}.",
            action="Nothing, or name one revision only.",
        )
        for model, axis, n in table.group_by("model_id", "at_axis").len().sort("model_id").rows()
    ]
    return joined, findings


def _position(revision: str) -> tuple[str, float] | None:
    tokens = TOKENS.fullmatch(revision)
    if tokens and float(tokens.group(1)) > 0:
        return "tokens", float(tokens.group(1)) * TOKEN_UNIT[tokens.group(2).upper()]
    step = STEP.fullmatch(revision)
    return ("step", float(step.group(1))) if step and int(step.group(1)) > 0 else None


def protocol_findings(frame: pl.DataFrame, models: pl.DataFrame) -> list[Finding]:
    """Say where one family's scores on one benchmark differ in what makes a difference between them meaningless."""
    joined = frame.join(models.select("model_id", "family"), on="model_id", how="left").with_columns(
        pl.concat_str(["benchmark", "variant"], separator=" ", ignore_nulls=True).alias("name"),
        pl.concat_str(
            [pl.col("n_shot").cast(pl.String) + "-shot", "metric", "harness", "harness_version"],
            separator=" ",
            ignore_nulls=True,
        ).alias("protocol"),
    )
    action = "No difference is formed between rows of unlike protocol."
    findings = []
    versions = _held_twice(joined, "task_version", by=["family", "name", "protocol"])
    for row in versions:
        text = f"Family {shown(row['family'])} has two versions of the task of {row['name']}: {listed(row['held'])}."
        findings.append(_flagged(row, text, action, column="task_version"))
    for row in _held_twice(joined, "protocol", by=["family", "name"]):
        text = f"Family {shown(row['family'])} has {row['name']} under unlike protocols: {listed(row['held'])}."
        findings.append(_flagged(row, text, action, column="n_shot"))
    return findings


def _held_twice(frame: pl.DataFrame, column: str, *, by: list[str]) -> list[dict[str, Any]]:
    """Return the groups that hold more than one value of a column, with the values, a file and the number of rows."""
    held = pl.col(column).fill_null("none").unique().sort().alias("held")
    groups = frame.group_by(by).agg(held, pl.col("file").min(), pl.len().alias("n"))
    return groups.filter(pl.col("held").list.len() > 1).sort(by).to_dicts()


def _flagged(row: dict[str, Any], found: str, action: str, *, column: str) -> Finding:
    return Finding(
        file=row["file"], severity=Severity.FLAGGED, column=column, found=found, action=action, n_rows=row["n"]
    )


def with_chat_flags(frame: pl.DataFrame, models: pl.DataFrame) -> tuple[pl.DataFrame, list[Finding]]:
    """Flag base models that were scored through a chat template."""
    base = set(models.filter(pl.col("kind").fill_null("base") == "base")["model_id"])
    templated = pl.col("quality_flags").str.split(";").list.contains("chat_template")
    marked = templated & pl.col("model_id").is_in(list(base))
    rows = frame.filter(marked)
    if rows.is_empty():
        return frame, []
    flags = pl.concat_str(["quality_flags", pl.lit("chat_template_on_base")], separator=";")
    findings = [
        Finding(
            file=file,
            severity=Severity.FLAGGED,
            place="chat_template",
            found=f"{shown(model)} is a base model and was scored through a chat template.",
            action="The rows carry the flag chat_template_on_base; score a base model without one.",
            n_rows=n,
        )
        for file, model, n in rows.group_by("file", "model_id").len().sort("file").rows()
    ]
    return frame.with_columns(pl.when(marked).then(flags).otherwise("quality_flags").alias("quality_flags")), findings


def commit_findings(frame: pl.DataFrame) -> list[Finding]:
    """Say where one model's benchmarks come from several commits: rows of unlike revision are not paired."""
    groups = (
        frame.filter(pl.col("axis").is_null())
        .group_by("model_id")
        .agg(pl.col("revision").fill_null("none").n_unique().alias("n"), pl.col("file").min())
    )
    return [
        Finding(
            file=file,
            severity=Severity.FLAGGED,
            column="revision",
            found=f"The scores of {shown(model)} are of {n} revisions.",
            action="Benchmarks are paired within a revision only.",
        )
        for model, n, file in groups.filter(pl.col("n") > 1).sort("model_id").rows()
    ]


def final_scores(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of SCORE_SCHEMA, in order; the run and its file stand in the notes."""
    run = pl.when(pl.col("run_at") != "").then(pl.concat_str([pl.lit("run "), "run_at"]))
    notes = pl.concat_str(
        [run, pl.col("file"), pl.when(pl.col("notes") != "").then("notes")], separator="; ", ignore_nulls=True
    )
    empty = pl.col("quality_flags") != ""
    return frame.with_columns(
        notes.alias("notes"),
        pl.when(empty).then("quality_flags").alias("quality_flags"),
        pl.when(pl.col("harness") != "").then("harness").alias("harness"),
        *(pl.lit(None, dtype=kind).alias(name) for name, kind in SCORE_SCHEMA.items() if name not in frame.columns),
    ).select(pl.col(name).cast(kind) for name, kind in SCORE_SCHEMA.items())


def files_of(findings: Iterable[Finding], severity: Severity) -> set[str]:
    """Return the files that have a finding of this severity."""
    return {finding.file for finding in findings if finding.severity is severity}
