"""A table pasted from a spreadsheet or typed into a grid: one row per model, a size, scores; read whole or refused.

Every fault is found and named by row and column, so that a table can be corrected in one go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from cape.ingest._pasted_cells import NumberFault, place_of, score_of, standard_error_of
from cape.ingest.observations import did_you_mean
from cape.ingest.reading import MODEL_SCHEMA, SCORE_SCHEMA, Finding, Reading, Severity

TABLE = "pasted table"
MOST_CHARACTERS, MOST_ROWS, FAULTS_SHOWN = 200_000, 2_000, 20
MY_FAMILY = "my family"
FRACTION_MAX, PERCENT_EVIDENCE, LOW_CHANCE_PCT = 1.0, 1.5, 5.0  # as in cape.ingest.score_table
ROLES = {
    "model": ("model", "model_id", "name"),
    "family": ("family", "ladder"),
    "params": ("size", "params", "params_b", "parameters", "size_b"),
    "tokens": ("tokens", "training_tokens"),
    "step": ("step", "steps", "training_steps"),
    "replicate": ("seed", "replicate"),
    "d_model": ("width", "d_model"),
}
PLACES = ("params", "tokens", "step")
STDERR = ("_stderr", "_se")


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """A benchmark that a column may hold: name and variant in the score table, and the score of guessing."""

    benchmark: str
    variant: str | None
    metric: str | None
    chance_pct: float | None


@dataclass(slots=True)
class _Faults:
    found: list[Finding] = field(default_factory=list)

    def add(self, place: str, column: str, found: str, action: str) -> None:
        self.found.append(
            Finding(file=TABLE, severity=Severity.REFUSED, place=place, column=column, found=found, action=action)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """The role of every column: a role of ROLES, a benchmark, or a benchmark's standard error."""

    roles: Mapping[str, int]
    scores: Mapping[str, int]
    errors: Mapping[str, int]
    axis: str
    first_row: int


def read_pasted(
    text: str, *, benchmarks: Mapping[str, Benchmark], pair: tuple[str, str], order_by: str = "params"
) -> Reading:
    """Return the scores of a pasted table, or the findings that say what is wrong with it and no row.

    text : lines of cells parted by tabs, semicolons or commas: model, size and the two scores of `pair`, or any
        columns under a header (model, family, size, step, tokens, seed, width, benchmarks, <benchmark>_stderr).
    benchmarks : what a score column may be, by identifier. order_by : params, tokens or step.
    """
    faults = _Faults()
    rows = _cells(text, faults)
    layout = _layout(rows, benchmarks, pair, order_by, faults) if rows else None
    if layout is None or faults.found:
        return Reading(findings=tuple(faults.found))
    scores, models, findings = _rows(rows[layout.first_row :], layout, benchmarks, faults)
    if faults.found:
        return Reading(findings=tuple(faults.found[:FAULTS_SHOWN]))
    accepted = Finding(
        file=TABLE,
        severity=Severity.ACCEPTED,
        found=f"{len(models)} rows, {len(scores)} scores of {', '.join(layout.scores)}.",
        action="Nothing to do.",
        n_rows=len(scores),
    )
    return Reading(
        scores=pl.DataFrame(scores, schema=SCORE_SCHEMA, orient="row"),
        models=pl.DataFrame(models, schema=MODEL_SCHEMA, orient="row").unique("model_id", maintain_order=True),
        findings=(accepted, *findings),
        inputs=((TABLE, "", "pasted"),),
    )


def _cells(text: str, faults: _Faults) -> list[tuple[int, list[str]]]:
    """Return the filled lines with their numbers, cut into cells."""
    if len(text) > MOST_CHARACTERS:
        faults.add("", "", f"The table has {len(text):,} characters.", f"Paste at most {MOST_CHARACTERS:,}.")
        return []
    lines = [(number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if not lines or len(lines) > MOST_ROWS:
        found = f"The table has {len(lines):,} rows."
        faults.add("", "", found, f"Paste at least two and at most {MOST_ROWS:,}; upload a file for more.")
        return []
    first = lines[0][1]
    parting = next((each for each in ("\t", ";", ",") if each in first), "\t")
    return [(number, [cell.strip().strip('"') for cell in line.split(parting)]) for number, line in lines]


def _layout(
    rows: Sequence[tuple[int, list[str]]],
    benchmarks: Mapping[str, Benchmark],
    pair: tuple[str, str],
    order_by: str,
    faults: _Faults,
) -> _Layout | None:
    """Return what each column is: by the header, or model, place and the two scores of the pair without one."""
    header = [cell.casefold().replace(" ", "_") for cell in rows[0][1]]
    if not any(cell in names for cell in header for names in ROLES.values()):
        return _Layout(
            roles={"model": 0, order_by: 1}, scores={pair[0]: 2, pair[1]: 3}, errors={}, axis=order_by, first_row=0
        )
    by_name = {name: role for role, names in ROLES.items() for name in names}
    roles: dict[str, int] = {}
    scores: dict[str, int] = {}
    errors: dict[str, int] = {}
    for index, name in enumerate(header):
        base = next((name.removesuffix(end) for end in STDERR if name.endswith(end)), "")
        place = f"row {rows[0][0]}"
        target: dict[str, int] | None = None
        if name in by_name:
            target, name = roles, by_name[name]
        elif name in benchmarks:
            target = scores
        elif base in benchmarks:
            target, name = errors, base
        if target is None:
            faults.add(place, rows[0][1][index], "The column is not known.", _known_columns(name, benchmarks))
        elif name in target:
            faults.add(place, rows[0][1][index], "The column stands twice.", "Keep one of them.")
        else:
            target[name] = index
    return _checked(_Layout(roles=roles, scores=scores, errors=errors, axis=order_by, first_row=1), rows[0][0], faults)


def _known_columns(name: str, benchmarks: Mapping[str, Benchmark]) -> str:
    near = did_you_mean(name, tuple(benchmarks)).strip()
    return f"{near} Write model, size, step, tokens, family, seed, width, or a benchmark: {', '.join(benchmarks)}."


def _checked(layout: _Layout, number: int, faults: _Faults) -> _Layout:
    """Return the layout with the axis that its columns allow; a missing column is a fault."""
    if "model" not in layout.roles:
        faults.add(f"row {number}", "model", "The column is missing.", "Name one column model.")
    held = [name for name in PLACES if name in layout.roles]
    if not held:
        faults.add(f"row {number}", "size", "No column orders the models.", "Add a column size, tokens or step.")
    if len(layout.scores) < 2:
        faults.add(f"row {number}", "", "Fewer than two benchmarks are named.", "Two scores form a coupling.")
    axis = layout.axis if layout.axis in held or not held else held[-1]
    return _Layout(roles=layout.roles, scores=layout.scores, errors=layout.errors, axis=axis, first_row=1)


def _rows(
    rows: Sequence[tuple[int, list[str]]], layout: _Layout, benchmarks: Mapping[str, Benchmark], faults: _Faults
) -> tuple[list[dict], list[dict], list[Finding]]:
    """Return score rows, model rows and what was decided on the way."""
    scores, models, findings = [], [], []
    units = {name: _unit(name, index, rows, benchmarks, faults) for name, index in layout.scores.items()}
    for name, unit in units.items():
        if unit == "fraction":
            found = "Every score is at most 1 and was read as a fraction."
            findings.append(
                Finding(
                    file=TABLE,
                    severity=Severity.FLAGGED,
                    column=name,
                    found=found,
                    action="Write percent if they are meant so.",
                )
            )
    seen: dict[tuple, int] = {}
    for number, cells in rows:
        row = _Row(number=number, cells=cells, layout=layout, faults=faults)
        described = row.model()
        key = (described["model_id"], described.pop("position"), described.pop("replicate"))
        if key in seen:
            faults.add(
                f"row {number}",
                "model",
                f"Row {seen[key]} has the same model and place.",
                "Remove one, or add a column seed.",
            )
        seen[key] = number
        models.append(described)
        for name in layout.scores:
            if (score := row.score(name, units[name])) is not None:
                about = benchmarks[name]
                scores.append(
                    {
                        "model_id": key[0],
                        "benchmark": about.benchmark,
                        "variant": about.variant,
                        "metric": about.metric,
                        "score": score,
                        "unit": units[name],
                        "stderr": row.error(name),
                        "ladder": described["family"],
                        "axis": layout.axis,
                        "position": key[1],
                        "replicate": key[2],
                        "is_group": False,
                    }
                )
    return [_whole(row, SCORE_SCHEMA) for row in scores], [_whole(row, MODEL_SCHEMA) for row in models], findings


def _whole(row: dict, schema: Mapping[str, type[pl.DataType]]) -> dict:
    return {name: row.get(name) for name in schema}


def _unit(
    name: str,
    index: int,
    rows: Sequence[tuple[int, list[str]]],
    benchmarks: Mapping[str, Benchmark],
    faults: _Faults,
) -> str:
    """Return percent or fraction for a column; a column that mixes the two is a fault at its first small score."""
    values = []
    for number, cells in rows:
        try:
            value = score_of(cells[index]) if index < len(cells) and cells[index] else None
        except NumberFault:
            continue  # named where the row is read
        if value is not None:
            values.append((number, value))
    positive = [value for _, value in values if value > 0]
    if positive and all(0 <= value <= FRACTION_MAX for _, value in values):
        return "fraction"
    chance = benchmarks[name].chance_pct
    small = [(number, value) for number, value in values if 0 < value < FRACTION_MAX]
    if small and chance is not None and chance >= LOW_CHANCE_PCT and max(positive) > PERCENT_EVIDENCE:
        found = f"{small[0][1]:g} looks like a fraction among percentages."
        faults.add(f"row {small[0][0]}", name, found, "Write every score of a column in one unit.")
    return "percent"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    number: int
    cells: Sequence[str]
    layout: _Layout
    faults: _Faults

    def model(self) -> dict:
        """Return the model's description, with its position and replicate."""
        roles = self.layout.roles
        name = self._cell(roles["model"])
        if not name:
            self._refuse("model", "The cell is empty.", "Name the model.")
        elif name[0] in "=@+":
            self._refuse("model", f"{name[:40]!r} would run as a formula in a spreadsheet.", f"Remove the {name[0]}.")
        places = {place: self._place(place) for place in PLACES if place in roles}
        size = places.get("params")
        family = self._cell(roles.get("family")) or MY_FAMILY
        if family[0] in "=@+":
            self._refuse("family", f"{family[:40]!r} would run as a formula in a spreadsheet.", "Write a plain name.")
        width = self._cell(roles.get("d_model"))
        if width and not width.isdigit():
            self._refuse("width", f"{width[:40]!r} is not a whole number.", "Write the width of the residual stream.")
        return {
            "model_id": name,
            "family": family,
            "params_b": None if size is None else size / 1e9,
            "d_model": int(width) if width.isdigit() else None,
            "how": "as pasted",
            "is_sure": True,
            "is_registered": False,
            "position": places[self.layout.axis],
            "replicate": self._cell(roles.get("replicate")) or None,
        }

    def score(self, name: str, unit: str) -> float | None:
        """Return the score of a benchmark; an empty cell is no score."""
        cell = self._cell(self.layout.scores[name])
        if not cell:
            return None
        try:
            return score_of(cell, unit=unit)
        except NumberFault as fault:
            self._refuse(name, fault.found, fault.action)
        return None

    def error(self, name: str) -> float | None:
        """Return the standard error of a score, in the unit of the score."""
        cell = self._cell(self.layout.errors.get(name))
        if not cell:
            return None
        try:
            return standard_error_of(cell)
        except NumberFault as fault:
            self._refuse(f"{name}_stderr", fault.found, fault.action)
        return None

    def _place(self, axis: str) -> float | None:
        cell = self._cell(self.layout.roles[axis])
        if not cell and axis != self.layout.axis:
            return None
        try:
            return place_of(cell, axis=axis)
        except NumberFault as fault:
            self._refuse("size" if axis == "params" else axis, fault.found, fault.action)
        return None

    def _cell(self, index: int | None) -> str:
        return "" if index is None or index >= len(self.cells) else self.cells[index]

    def _refuse(self, column: str, found: str, action: str) -> None:
        self.faults.add(f"row {self.number}", column, found, action)
