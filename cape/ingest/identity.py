"""Which model a file means: the user's answer, else the registry, else the rule of `model_names`.

Every model says how its family and size are known and whether that is sure; a question is asked only about the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from cape.ingest.documents import shown
from cape.ingest.model_names import named_model
from cape.ingest.records import MODEL_SCHEMA, Finding, ModelFacts, Severity

SIZE_TOLERANCE = 1.35  # a label and a count may differ by embeddings and rounding, not by more
DESCRIBED = tuple(name for name in MODEL_SCHEMA if name not in ("how", "is_sure", "is_registered", "file"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Identities:
    """models : MODEL_SCHEMA, one row per model_id. ids, steps : model_id and training step by name in the files."""

    models: pl.DataFrame
    ids: dict[str, str]
    steps: dict[str, str]
    findings: tuple[Finding, ...] = field(default=())


def identify(
    names: Iterable[str],
    facts: Sequence[ModelFacts],
    *,
    registry: pl.DataFrame | None = None,
    answers: pl.DataFrame | None = None,
) -> Identities:
    """Return the models that names in result files mean.

    facts : what the files say of them. registry : models that the lake describes (model_id, hf_id, family, params_b
    ...). answers : rows of the same columns by the user, whose model_id is a name in the files or a final id.
    """
    by_name = _joined(facts)
    held, told = _by_name(registry), _by_name(answers)
    rows: dict[str, dict[str, Any]] = {}
    ids, steps, findings = {}, {}, []
    for name in sorted(set(names)):
        read = named_model(name)
        entry = held.get(name.lower()) or (held.get(read.model_id.lower()) if "/" in read.model_id else None)
        if entry is None and "/" not in read.model_id:
            entry = held.get(read.model_id.lower())
        said = by_name.get(name, ModelFacts(model=name))
        row = _registered(entry) if entry is not None else _by_rule(name, said)
        answer = told.get(name.lower()) or told.get(str(row["model_id"]).lower())
        if answer is not None:
            row = _answered(row, answer)
        findings += _size_findings(row, said)
        ids[name] = str(row["model_id"])
        if read.step:
            steps[name] = read.step
        rows.setdefault(ids[name], row | {"file": said.file})
    models = pl.DataFrame(list(rows.values()), schema=MODEL_SCHEMA, orient="row").sort("model_id")
    return Identities(models=models, ids=ids, steps=steps, findings=tuple(findings))


def _joined(facts: Sequence[ModelFacts]) -> dict[str, ModelFacts]:
    """Return one record per name: the first value that any file gives for each fact, true where one says true."""
    joined: dict[str, ModelFacts] = {}
    for each in facts:
        held = joined.get(each.model)
        if held is None:
            joined[each.model] = each
            continue
        texts = ("n_params", "active_params_b", "d_model", "family", "params_b", "kind")
        marks = ("is_quantised", "has_chat_template", "is_mixture")
        firsts = {name: _first(getattr(held, name), getattr(each, name)) for name in texts}
        joined[each.model] = replace(
            held, **firsts, **{name: getattr(held, name) or getattr(each, name) for name in marks}
        )
    return joined


def _first(held: Any, given: Any) -> Any:
    return given if held is None else held


def _by_name(frame: pl.DataFrame | None) -> dict[str, Mapping[str, Any]]:
    """Return rows by model_id and by hub id, in lower case; a model_id wins over another's hub id."""
    if frame is None or frame.is_empty():
        return {}
    rows = frame.to_dicts()
    by_hub = {str(row["hf_id"]).lower(): row for row in reversed(rows) if row.get("hf_id")}
    return by_hub | {str(row["model_id"]).lower(): row for row in reversed(rows)}


def _registered(entry: Mapping[str, Any]) -> dict[str, Any]:
    row = {name: entry.get(name) for name in DESCRIBED}
    size = "size in the registry" if row.get("params_b") is not None else "the registry knows no size"
    sure = row.get("params_b") is not None
    return row | {"how": f"in the registry; {size}", "is_sure": sure, "is_registered": True}


def _by_rule(name: str, said: ModelFacts) -> dict[str, Any]:
    """Return the row of a model that no registry holds: facts of its files first, then the rule on its name."""
    read = named_model(name)
    row: dict[str, Any] = dict.fromkeys(DESCRIBED)
    flags = set(read.quality_flags) | ({"mixture_of_experts"} if said.is_mixture else set())
    size, how = read.params_b, read.how
    counted = said.params_b if said.params_b is not None else _counted(said)
    if counted is not None:
        size, how = counted, f"{how.partition(';')[0]}; size counted by the harness"
    row |= {
        "model_id": read.model_id,
        "family": said.family or read.family,
        "params_b": size,
        "active_params_b": _first(said.active_params_b, read.active_params_b),
        "d_model": said.d_model,
        "kind": said.kind or read.kind,
        "hf_id": read.model_id if "/" in read.model_id else None,
        "quality_flags": ";".join(sorted(flags)) or None,
    }
    sure = size is not None and (said.family is not None or "alias table" in how)
    return row | {"how": how, "is_sure": sure, "is_registered": False}


def _counted(said: ModelFacts) -> float | None:
    if said.n_params is None or said.n_params <= 0 or said.is_quantised:
        return None  # packed weights are counted as fewer
    return said.n_params / 1e9


def _answered(row: dict[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: answer[name] for name in DESCRIBED if name != "model_id" and answer.get(name) not in (None, "")}
    if not given:
        return row
    both = {**row, **given}
    sure = both.get("params_b") is not None and bool(both.get("family"))
    return both | {"how": f"answered: {', '.join(sorted(given))}; {row['how']}", "is_sure": sure}


def _size_findings(row: dict[str, Any], said: ModelFacts) -> list[Finding]:
    """Say where the counted parameters contradict the size that stands."""
    counted, size = _counted(said), row.get("params_b")
    if counted is None or not size or 1 / SIZE_TOLERANCE < counted / size < SIZE_TOLERANCE:
        read = named_model(said.model)
        size = read.params_b
        if counted is None or not size or 1 / SIZE_TOLERANCE < counted / size < SIZE_TOLERANCE:
            return []
    if "answered" not in row["how"]:
        row["is_sure"] = False
    text = f"{shown(row['model_id'])}: {counted:g} B parameters were counted, {size:g} B is its label."
    return [
        Finding(
            file=said.file,
            severity=Severity.FLAGGED,
            place="config.model_num_parameters",
            column="params_b",
            found=text,
            action=f"The size that stands is {row['params_b']:g} B; correct it with --models.",
        )
    ]


def answered(models: pl.DataFrame, answers: pl.DataFrame) -> pl.DataFrame:
    """Return models with the user's answers in place of what was read; an answer for another model changes nothing.

    answers : model_id and any other columns of MODEL_SCHEMA, empty cells change nothing.
    """
    told = _by_name(answers)
    rows = []
    for row in models.to_dicts():
        answer = told.get(str(row["model_id"]).lower())
        rows.append(row if answer is None else _answered(row, answer))
    return pl.DataFrame(rows, schema=MODEL_SCHEMA, orient="row")
