"""A summary of OpenCompass: CSV with the header `dataset,version,metric,mode,<model>...`, scores in percent.

`version` is a hash of the prompts and counts as the task's version; `-` stands for no score.
"""

from __future__ import annotations

from pathlib import Path

from cape.ingest.documents import Document
from cape.ingest.facts import model_facts
from cape.ingest.records import FileReading, Finding, ModelFacts, ScoreRow, flagged
from cape.ingest.tables import cell_number, formula_fault, header_of, read_table
from cape.ingest.tasks import TaskName, left_out, names_of

FORMAT = "OpenCompass"
HARNESS = "OpenCompass"
NAMES = "opencompass"
FIXED = ["dataset", "version", "metric", "mode"]
COUNTS = frozenset({"total_count"})
NO_SCORE = frozenset({"-", ""})


def detect(given: Path | Document) -> bool:
    """Return whether the file is a summary."""
    document = Document.of(given)
    return document.suffix == ".csv" and header_of(document)[:4] == FIXED


def read(given: Path | Document) -> FileReading:
    """Return the scores of a summary; raises IngestError for a broken table."""
    document = Document.of(given)
    frame = read_table(document)
    fault = formula_fault(frame, "dataset", document)
    if fault is not None:
        raise fault
    models = [name for name in frame.columns if name not in (*FIXED, "file_row") and name not in COUNTS]
    facts = [_facts(name, document) for name in models]
    rows: list[ScoreRow] = []
    findings: list[Finding] = []
    unknown: list[str] = []
    lines = frame.to_dicts()
    metrics: dict[str, set[str | None]] = {}
    for line in lines:
        metrics.setdefault((line["dataset"] or "").strip(), set()).add(line["metric"])
    for line in lines:
        task = (line["dataset"] or "").strip()
        names = names_of(task.lower(), harness=NAMES)
        if not names and task and (line["version"] or "-") != "-":
            unknown.append(task)
        for name in names:
            if line["metric"] == next((each for each in name.metrics if each in metrics[task]), None):
                rows += _line_rows(line, name, dict(zip(models, facts, strict=True)), document, findings)
    findings += left_out(unknown, file=document.name)
    return FileReading(format=FORMAT, rows=tuple(rows), facts=tuple(facts), findings=tuple(findings))


def _facts(name: str, document: Document) -> ModelFacts:
    return model_facts(name, arguments={}, dtype="", n_params=None, has_chat_template=False, document=document)


def _line_rows(
    line: dict[str, str], name: TaskName, models: dict[str, ModelFacts], document: Document, findings: list[Finding]
) -> list[ScoreRow]:
    rows = []
    for model, facts in models.items():
        cell = (line[model] or "").strip()
        score = cell_number(cell)
        place = f"row {line['file_row']}, {model}"
        if score is None:
            if cell not in NO_SCORE:
                text = f"{cell[:40]!r} is no number."
                findings.append(flagged(document.name, text, "The score was left out.", place=place))
            continue
        rows.append(
            ScoreRow(
                model=facts.model,
                benchmark=name.benchmark,
                variant=name.variant,
                metric=f"{line['metric']} ({line['mode'] or 'mode not stated'})",
                score=score,
                unit="percent",
                harness=HARNESS,
                task_version=line["version"],
                run_at=_run_at(document),
                file=document.name,
                place=place,
            )
        )
    return rows


def _run_at(document: Document) -> str:
    """Return the time in `summary_20250301_102030.csv` as ISO, or an empty text."""
    digits = [part for part in document.path.stem.split("_") if part.isdecimal()]
    if len(digits) < 2 or len(digits[0]) != 8 or len(digits[1]) != 6:
        return ""
    day, time = digits[0], digits[1]
    return f"{day[:4]}-{day[4:6]}-{day[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}"
