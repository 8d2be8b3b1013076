"""The table `contents` of the Open LLM Leaderboard v2, as CSV or Parquet.

The columns `... Raw` hold fractions; the others are rescaled by chance and are never read. GPQA there is not the
Diamond subset, BBH, MATH and MUSR are no benchmarks of this lake; TruthfulQA and HellaSwag are not in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cape.ingest.documents import Document
from cape.ingest.facts import QUANTISED, model_facts
from cape.ingest.records import FileReading, Finding, ModelFacts, ScoreRow, flagged
from cape.ingest.tables import cell_number, formula_fault, header_of, read_table

FORMAT = "Open LLM Leaderboard v2"
HARNESS = "lm-eval (Open LLM Leaderboard v2)"
NEEDED = frozenset({"eval_name", "#Params (B)", "IFEval Raw"})
# Column: benchmark, metric, shots.
COLUMNS = {
    "IFEval Raw": ("ifeval", "strict acc (mean of prompt and instruction level)", 0),
    "MMLU-PRO Raw": ("mmlu_pro", "acc", 5),
}
NOT_TAKEN = ("BBH Raw", "MATH Lvl 5 Raw", "GPQA Raw", "MUSR Raw")
TRUE = frozenset({"true", "1", "yes"})


def detect(given: Path | Document) -> bool:
    """Return whether the file is the leaderboard's table."""
    document = Document.of(given)
    return document.suffix in (".csv", ".parquet") and set(header_of(document)) >= NEEDED


def read(given: Path | Document) -> FileReading:
    """Return the scores of the table; raises IngestError for a broken one."""
    document = Document.of(given)
    frame = read_table(document)
    name = "fullname" if "fullname" in frame.columns else "eval_name"
    fault = formula_fault(frame, name, document)
    if fault is not None:
        raise fault
    rows: list[ScoreRow] = []
    facts: list[ModelFacts] = []
    findings: list[Finding] = []
    for line in frame.iter_rows(named=True):
        if line[name] is None:
            place = f"row {line['file_row']}"
            findings.append(flagged(document.name, "The row names no model.", "It was left out.", place=place))
            continue
        about = _facts(line, line[name], document)
        facts.append(about)
        rows += _line_rows(line, about, document)
    held = [column for column in NOT_TAKEN if column in frame.columns]
    text = f"{', '.join(held)}: no benchmarks of this lake."
    findings += [flagged(document.name, text, "These columns were left out.")] if held else []
    return FileReading(format=FORMAT, rows=tuple(rows), facts=tuple(facts), findings=tuple(findings))


def _facts(line: Mapping[str, Any], name: str, document: Document) -> ModelFacts:
    size = cell_number(line.get("#Params (B)"))
    read = model_facts(
        name,
        arguments={},
        dtype=line.get("Precision") or "",
        n_params=None,
        has_chat_template=_is(line, "Chat Template"),
        document=document,
    )
    return ModelFacts(
        model=read.model,
        params_b=size if size and size > 0 else None,
        is_quantised=read.is_quantised,
        has_chat_template=read.has_chat_template,
        is_mixture=_is(line, "MoE"),
        file=document.name,
    )


def _is(line: Mapping[str, Any], column: str) -> bool:
    return (line.get(column) or "").strip().lower() in TRUE


def _line_rows(line: Mapping[str, Any], about: ModelFacts, document: Document) -> list[ScoreRow]:
    precision = (line.get("Precision") or "").strip()
    marks = {
        "flagged_by_leaderboard": _is(line, "Flagged"),
        "mixture_of_experts": about.is_mixture,
        "quantised": about.is_quantised or bool(QUANTISED.search(f"-{precision}")),
        "chat_template": about.has_chat_template,
    }
    rows = []
    for column, (benchmark, metric, shots) in COLUMNS.items():
        score = cell_number(line.get(column))
        if score is None:
            continue
        rows.append(
            ScoreRow(
                model=about.model,
                benchmark=benchmark,
                metric=metric,
                score=score,
                n_shot=shots,
                harness=HARNESS,
                revision=line.get("Model sha"),
                flags=tuple(mark for mark, is_set in marks.items() if is_set),
                run_at=line.get("Submission Date") or "",
                file=document.name,
                notes=f"precision {precision}" if precision else "",
                place=f"row {line['file_row']}, {column}",
            )
        )
    return rows
