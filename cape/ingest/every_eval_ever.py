"""Every Eval Ever JSON, schemas 0.2 and 0.3: anyone's records are read, and ours are written so that they read back.

A score's unit is what its metric says, or follows from the largest score it allows (1: fraction, 100: percent); a
scale of another kind is no share and is left out. What the schema has no field for stands in `details` and
`additional_details` under names starting with `cape_`, as texts.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import NormalDist
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

from cape.ingest.documents import Document, mapping, number, shown, text_of, validated, whole
from cape.ingest.facts import model_facts
from cape.ingest.records import SCORE_SCHEMA, FileReading, Finding, ModelFacts, ScoreRow, flagged
from cape.ingest.tasks import any_name

FORMAT = "Every Eval Ever"
SCHEMA_VERSION = "0.3.0"
OWN = "cape_"
UNITS = {1.0: "fraction", 100.0: "percent"}
UNIT_WORDS = {"proportion": "fraction", "fraction": "fraction", "percent": "percent", "percentage": "percent"}
UNIT_OF = {"fraction": "proportion", "percent": "percent"}
UNKNOWN = {"deployment_type": "unknown", "model_availability": "unknown"}  # 0.3 wants both said
SELF_REPORTED = {"first_party": "1", "third_party": "0"}
RELATIONSHIP = {"1": "first_party", "0": "third_party"}
# Fields of a score row that the schema has no place for.
OWN_FIELDS = tuple(name for name in SCORE_SCHEMA if name not in ("model_id", "is_group"))
MODEL_FIELDS = ("family", "params_b", "active_params_b", "d_model", "kind")


class Result(BaseModel):
    """One entry of evaluation_results."""

    model_config = ConfigDict(extra="ignore")

    evaluation_name: str
    source_data: dict[str, Any] = Field(default_factory=dict)
    metric_config: dict[str, Any]
    score_details: dict[str, Any]
    generation_config: dict[str, Any] | None = None
    evaluation_timestamp: Any = None


class Record(BaseModel):
    """One file."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    schema_version: str
    evaluation_results: list[Result]
    model_info: dict[str, Any]
    source_metadata: dict[str, Any] = Field(default_factory=dict)
    eval_library: dict[str, Any] = Field(default_factory=dict)
    evaluation_timestamp: Any = None
    retrieved_timestamp: Any = None


def detect(given: Path | Document) -> bool:
    """Return whether the file is a record."""
    return Document.of(given).is_json_object("schema_version", "evaluation_results")


def read(given: Path | Document) -> FileReading:
    """Return the scores of a record; raises IngestError where its structure is not the published one."""
    document = Document.of(given)
    record = validated(Record, document.json(), document)
    details = mapping(record.model_info.get("additional_details"))
    named = text_of(record.model_info.get("id")) or text_of(record.model_info.get("name")) or ""
    base = model_facts(
        named, arguments={}, dtype=text_of(details.get("precision")) or "", n_params=None,
        has_chat_template=False, document=document,
    )  # fmt: skip
    findings: list[Finding] = []
    rows = []
    for place, result in enumerate(record.evaluation_results):
        row = _row(record, result, f"evaluation_results.{place}", base.model, document, findings)
        rows += [row] if row is not None else []
    facts = _facts(base, details)
    return FileReading(format=FORMAT, rows=tuple(rows), facts=(facts,), findings=tuple(findings))


def _facts(base: ModelFacts, details: Mapping[str, Any]) -> ModelFacts:
    sizes = {name: _float(details.get(f"{OWN}{name}")) for name in ("params_b", "active_params_b", "d_model")}
    size = sizes["params_b"] if sizes["params_b"] is not None else _float(details.get("params_billions"))
    return ModelFacts(
        model=base.model,
        params_b=size if size and size > 0 else None,
        active_params_b=sizes["active_params_b"],
        d_model=int(sizes["d_model"]) if sizes["d_model"] else None,
        family=text_of(details.get(f"{OWN}family")),
        kind=text_of(details.get(f"{OWN}kind")),
        is_quantised=base.is_quantised,
        file=base.file,
    )


def _row(
    record: Record, result: Result, place: str, model: str, document: Document, findings: list[Finding]
) -> ScoreRow | None:
    own = {
        name.removeprefix(OWN): value
        for name, value in mapping(result.score_details.get("details")).items()
        if name.startswith(OWN) and isinstance(value, str)
    }
    read = any_name(result.evaluation_name)
    benchmark = own.get("benchmark") or (read.benchmark if read else None)
    if benchmark is None:
        text = f"{shown(result.evaluation_name)} is no benchmark of this lake."
        findings.append(flagged(document.name, text, "The score was left out.", place=place))
        return None
    score = _float(own.get("score")) if "score" in own else number(result.score_details.get("score"))
    unit = own.get("unit") or _unit(result.metric_config)
    if score is None or unit is None or result.metric_config.get("lower_is_better") is True:
        text = f"{shown(result.evaluation_name)} is no share with a known scale (max_score 1 or 100, higher better)."
        findings.append(flagged(document.name, text, "The score was left out.", place=place))
        return None
    stderr, flags = _uncertainty(result, own, place, document, findings)
    return ScoreRow(
        model=model,
        benchmark=benchmark,
        variant=own.get("variant") if "benchmark" in own else (read.variant if read else None),
        metric=own.get("metric") or _metric(result),
        score=score,
        unit=unit,
        stderr=stderr,
        n_items=_n_items(result, own),
        n_shot=whole(_float(own.get("n_shot"))) if "benchmark" in own else _n_shot(result),
        harness=own.get("harness", "") if "benchmark" in own else text_of(record.eval_library.get("name")) or "",
        harness_version=own.get("harness_version") if "benchmark" in own else _library_version(record),
        task_version=own.get("task_version"),
        revision=own.get("revision") or text_of(mapping(record.model_info.get("additional_details")).get("revision")),
        is_self_reported=own.get("is_self_reported")
        if "benchmark" in own
        else SELF_REPORTED.get(str(record.source_metadata.get("evaluator_relationship"))),
        is_group=own.get("is_group") == "true",
        flags=(*(own["quality_flags"].split(";") if own.get("quality_flags") else ()), *flags),
        run_at=_stamp(result.evaluation_timestamp or record.evaluation_timestamp),
        file=document.name,
        notes=own.get("notes", ""),
        source_url=own.get("source_url") or _url(result),
        retrieved_at=own.get("retrieved_at") or _day(record.retrieved_timestamp),
        ladder=own.get("ladder"),
        axis=own.get("axis"),
        position=_float(own.get("position")),
        replicate=own.get("replicate"),
        place=place,
    )


def _unit(config: Mapping[str, Any]) -> str | None:
    said = (text_of(config.get("metric_unit")) or "").lower()
    return UNIT_WORDS.get(said) or UNITS.get(number(config.get("max_score")) or 0.0)


def _uncertainty(
    result: Result, own: Mapping[str, str], place: str, document: Document, findings: list[Finding]
) -> tuple[float | None, tuple[str, ...]]:
    """Return the standard error, from the interval where only that is given, and the flag that says so."""
    if "benchmark" in own:
        return _float(own.get("stderr")), ()
    about = mapping(result.score_details.get("uncertainty"))
    stderr = number(mapping(about.get("standard_error")).get("value"))
    if stderr is not None:
        return stderr, ()
    interval = mapping(about.get("confidence_interval"))
    low, high = number(interval.get("lower")), number(interval.get("upper"))
    level = number(interval.get("confidence_level")) or 0.95
    if low is None or high is None or not (0 < level < 1 and low < high):
        return None, ()
    text = f"The standard error is the interval's half width over its normal quantile ({level:g})."
    findings.append(
        flagged(document.name, text, "The row carries the flag stderr_from_interval.", place=place, n_rows=1)
    )
    return (high - low) / 2 / NormalDist().inv_cdf(0.5 + level / 2), ("stderr_from_interval",)


def _metric(result: Result) -> str:
    details = mapping(result.metric_config.get("additional_details"))
    return text_of(details.get("metric")) or text_of(result.metric_config.get("metric_name")) or "score"


def _n_items(result: Result, own: Mapping[str, str]) -> int | None:
    if "benchmark" in own:
        return whole(_float(own.get("n_items")))
    about = mapping(result.score_details.get("uncertainty"))
    return whole(about.get("num_samples")) or whole(result.source_data.get("samples_number")) or None


def _n_shot(result: Result) -> int | None:
    details = mapping(mapping(result.generation_config).get("additional_details"))
    return whole(_float(details.get("num_fewshot"))) if details.get("num_fewshot") is not None else None


def _library_version(record: Record) -> str | None:
    version = text_of(record.eval_library.get("version"))
    return None if version == "unknown" else version


def _url(result: Result) -> str | None:
    urls = result.source_data.get("url")
    first = urls[0] if isinstance(urls, list) and urls else None
    return first if isinstance(first, str) and re.fullmatch(r"https?://[^\s/]+\S*", first) else None


def _stamp(value: Any) -> str:
    text = text_of(value) or ""
    seconds = _float(text)
    if seconds is None:
        return text[:32] if re.match(r"\d{4}-\d{2}-\d{2}", text) else ""
    if not 0 < seconds < 1e11:
        return ""
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def _day(value: Any) -> str | None:
    day = _stamp(value)[:10]
    return day if re.fullmatch(r"\d{4}-\d{2}-\d{2}", day) else None


def _float(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            return number(float(value))
        except ValueError:
            return None
    return number(value)


def write(
    scores: pl.DataFrame, models: pl.DataFrame, folder: Path, *, organisation: str, collection: str = "cape"
) -> list[Path]:
    """Write one record per model and revision under folder/data/<collection>/<developer>/<model>/<uuid>.json.

    scores, models : columns of SCORE_SCHEMA and MODEL_SCHEMA (absent ones are null). organisation : who provides the
    numbers. The same rows give the same files. Reading what was written gives every kept field back.
    """
    described = {row["model_id"]: row for row in models.to_dicts()}
    files = []
    for (model, revision), rows in scores.group_by("model_id", "revision", maintain_order=True):
        record = record_of(rows.to_dicts(), described.get(model, {}), organisation=organisation)
        developer, _, name = str(model).rpartition("/")
        text = json.dumps(record, indent=1, ensure_ascii=False, sort_keys=True)
        unique = uuid.uuid5(uuid.NAMESPACE_URL, f"{model}|{revision}|{text}")
        parts = (_path_part(collection), _path_part(developer or "unknown"), _path_part(name), f"{unique}.json")
        file = folder.joinpath("data", *parts)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        files.append(file)
    return files


def record_of(rows: list[dict[str, Any]], model: Mapping[str, Any], *, organisation: str) -> dict[str, Any]:
    """Return the record of one model's score rows, valid under the published schema."""
    first = rows[0]
    days = sorted(str(row["retrieved_at"]) for row in rows if row.get("retrieved_at"))
    day = datetime.fromisoformat(days[-1]).replace(tzinfo=UTC) if days else datetime(1970, 1, 1, tzinfo=UTC)
    details = UNKNOWN | {f"{OWN}{name}": _text(model[name]) for name in MODEL_FIELDS if model.get(name) is not None}
    if first.get("revision"):
        details["revision"] = first["revision"]
    harnesses = sorted({str(row.get("harness") or "unknown") for row in rows})
    relations = {RELATIONSHIP.get(str(row.get("is_self_reported")), "other") for row in rows}
    return {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": f"cape/{first['model_id']}/{day.timestamp():.0f}",
        "retrieved_timestamp": f"{day.timestamp():.0f}",
        "source_metadata": {
            "source_name": "CAPE workbench export",
            "source_type": "documentation",
            "source_organization_name": organisation,
            "evaluator_relationship": relations.pop() if len(relations) == 1 else "other",
        },
        "eval_library": {"name": ", ".join(harnesses), "version": str(first.get("harness_version") or "unknown")},
        "model_info": {
            "name": str(model.get("display_name") or first["model_id"]),
            "id": str(first["model_id"]),
            "additional_details": details,
        },
        "evaluation_results": [_result(row) for row in rows],
    }


def _result(row: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{row['benchmark']}{'_' + row['variant'] if row.get('variant') else ''}"
    own = {f"{OWN}{each}": _text(row[each]) for each in OWN_FIELDS if row.get(each) is not None}
    own[f"{OWN}is_group"] = "true" if row.get("is_group") else "false"
    top = 1.0 if row.get("unit") == "fraction" else 100.0
    score: dict[str, Any] = {"score": row["score"], "details": own}
    uncertainty: dict[str, Any] = {}
    if row.get("stderr") is not None:
        uncertainty["standard_error"] = {"value": row["stderr"]}
    if row.get("n_items") is not None:
        uncertainty["num_samples"] = row["n_items"]
    if uncertainty:
        score["uncertainty"] = uncertainty
    url = row.get("source_url")
    source: dict[str, Any] = {"dataset_name": name, "source_type": "other"}
    if url and url != "internal":
        source = {"dataset_name": name, "source_type": "url", "url": [url]}
    config = {"lower_is_better": False, "score_type": "continuous", "min_score": 0.0, "max_score": top}
    config |= {"metric_name": str(row.get("metric") or "score"), "metric_unit": UNIT_OF[row.get("unit") or "percent"]}
    result = {"evaluation_name": name, "source_data": source, "metric_config": config, "score_details": score}
    if row.get("n_shot") is not None:
        result["generation_config"] = {"additional_details": {"num_fewshot": _text(row["n_shot"])}}
    return result


def _text(value: Any) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _path_part(text: str) -> str:
    """Return a name that is one harmless part of a path."""
    plain = re.sub(r"[^A-Za-z0-9._+-]+", "_", text).strip(".")
    return plain[:120] or "unnamed"
