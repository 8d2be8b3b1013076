"""Rows of a steering scorecard: what `cape steer-eval` measures, as frozen records, JSON and polars frames; no torch.

Four tables, each one row per line of its record: arms (a model under one intervention on one split of the questions),
effects (an arm against another on the same questions), histogram (how far the questions of an arm moved) and
generations (texts before and after). A Scorecard holds them with what fixes them: seeds, hashes, versions.
"""

from __future__ import annotations

import json
import types
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import polars as pl

from cape.errors import IngestError

FORMAT = 1  # version of the record; another version is not read
CARD_FILE = "scorecard.json"


class ArmKind(StrEnum):
    """What is done to the model in an arm."""

    BASE = "base"
    STEERED = "steered"
    NEGATIVE = "negative direction"
    RANDOM = "random direction"
    SHUFFLED = "shuffled labels"
    PROMPT = "prompt only"
    LAYER = "other layer"
    PAPER = "paper mode"
    ENDPOINT = "endpoint, prompt only"


class Matching(StrEnum):
    """How the strength of an arm was chosen."""

    GRID = "grid"  # a cell of the layer x strength grid
    NORM = "equal norm"  # the chosen strength
    KL = "equal KL"  # the strength whose KL to the base model is that of the steered arm
    PROMPT_KL = "KL of prompt only"  # the strength whose KL to the base model is that of the prompt-only arm
    NONE = "no strength"


class Split(StrEnum):
    """Which questions an arm was scored on. Layer and strength are chosen on VALIDATION; effects are of TEST."""

    VALIDATION = "validation"
    TEST = "test"


class Metric(StrEnum):
    """What an effect is of."""

    MC1 = "mc1"
    MC2 = "mc2"
    CAPABILITY = "capability"
    CROSS_ENTROPY = "cross_entropy"


class Verdict(StrEnum):
    """What the steered arm of a scorecard shows, by the rule of `cape.stats.steering_effect.verdict_of`."""

    TRUER = "truer beyond random directions"
    LESS_TRUE = "less true beyond random directions"
    NOT_BEYOND = "no effect beyond random directions"
    UNDETERMINED = "too wide to say"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """A model under one intervention, scored on one split. Percentages lie in 0 to 100; None: not measured.

    arm : name, unique in a scorecard and split. replicate : number of a random direction or shuffle.
    strength : number that multiplies a direction of norm 1. strength_share : strength over the mean norm of the
    layer's output at the last token of the calibration statements. mc1, mc2 : with Wilson and bootstrap intervals.
    kl_nats : KL(steered || base), mean over tokens of held-out text. repetition_pct : share of word pairs of the
    generated texts that occurred before in the same text. changed, corrected, broken : share of questions whose
    answer differs from the base model's, is right where the base's was wrong, is wrong where the base's was right.
    generation_changed_pct : share of generated texts that differ from the base model's.
    """

    model_id: str
    revision: str
    arm: str
    kind: str
    matching: str
    split: str
    layer: int | None
    strength: float | None
    strength_share: float | None
    replicate: int | None
    n_questions: int
    mc1_pct: float | None
    mc1_low: float | None
    mc1_high: float | None
    mc2_pct: float | None
    mc2_low: float | None
    mc2_high: float | None
    n_capability: int
    capability_pct: float | None
    capability_low: float | None
    capability_high: float | None
    n_tokens: int
    cross_entropy_nats: float | None
    kl_nats: float | None
    n_generations: int
    repetition_pct: float | None
    generation_changed_pct: float | None
    changed_pct: float | None
    corrected_pct: float | None
    broken_pct: float | None
    seed: int
    config_hash: str
    caveats: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """An arm minus another on the same test questions, paired by question.

    against : name of the other arm, or "mean of random directions". unit : "pp" or "nats". value : mean difference
    with its paired bootstrap interval low, high. p_value : of the test that p_test names. n_changed : questions
    whose answer differs; n_corrected, n_broken : those that became right, wrong; None where answers are not compared.
    moved_wrong_pct : share of questions whose MC2 (or correctness) fell; moved_right_pct : rose.
    """

    model_id: str
    revision: str
    arm: str
    kind: str
    matching: str
    against: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    n: int
    p_value: float | None
    p_test: str
    n_changed: int | None
    n_corrected: int | None
    n_broken: int | None
    moved_wrong_pct: float | None
    moved_right_pct: float | None
    method: str
    caveats: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramRow:
    """How many test questions an arm moved by how much. low, high : change of MC2 against the base model, in pp."""

    model_id: str
    revision: str
    arm: str
    low: float
    high: float
    n_questions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRow:
    """One text of a model before and after. arm : intervention; before is the base model's text."""

    model_id: str
    revision: str
    arm: str
    prompt_id: str
    prompt: str
    before: str
    after: str
    is_changed: bool
    is_true: bool | None  # whether the text after holds a true answer and no false one; None where it cannot be told


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryRow:
    """One line per scorecard: what was chosen, and what fixes the numbers.

    layer, strength, strength_share : chosen on validation by the rule in choice. position : "before", "at" or
    "after" the transition of its ladder, "" where no ladder is known. n_params : size, None where unknown.
    split_half_cosine : cosine of directions from two halves of the calibration pairs, mean of several halvings.
    rank_floor : smallest rank p that the number of random directions allows.
    """

    model_id: str
    revision: str
    position: str
    n_params: int | None
    n_layers: int
    d_model: int
    layer: int
    strength: float
    strength_share: float
    choice: str
    n_pairs: int
    n_validation: int
    n_test: int
    n_random: int
    n_random_matched: int
    split_half_cosine: float | None
    verdict: str
    reason: str
    rank_floor: float
    questions: str
    questions_hash: str
    vector_hash: str
    weights_hash: str
    config_hash: str
    seed: int
    versions: str
    seconds: float


TABLES: dict[str, type] = {
    "arms": ArmRow,
    "effects": EffectRow,
    "histogram": HistogramRow,
    "generations": GenerationRow,
}
LAKE_TABLES: dict[str, type] = {  # name of the lake's computed table: its record
    "organism_steering": ArmRow,
    "organism_steering_effects": EffectRow,
    "organism_steering_histogram": HistogramRow,
    "organism_steering_summary": SummaryRow,
    "organism_steering_generations": GenerationRow,
}
POLARS_TYPES: dict[type, Any] = {str: pl.String, float: pl.Float64, int: pl.Int64, bool: pl.Boolean}
LAKE_TYPES = {str: "varchar", float: "double", int: "bigint", bool: "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorecard:
    """One model's scorecard: the summary and its tables."""

    summary: SummaryRow
    arms: tuple[ArmRow, ...]
    effects: tuple[EffectRow, ...]
    histogram: tuple[HistogramRow, ...]
    generations: tuple[GenerationRow, ...]

    def frame(self, table: str) -> pl.DataFrame:
        """Return a table (see TABLES) as a frame with every column typed, or KeyError."""
        return frame_of(TABLES[table], getattr(self, table))

    def as_json(self) -> str:
        """Return everything as JSON text."""
        held: dict[str, Any] = {"format": FORMAT, "summary": asdict(self.summary)}
        held |= {name: [asdict(row) for row in getattr(self, name)] for name in TABLES}
        return json.dumps(held, indent=1, allow_nan=False) + "\n"


def scorecard_from_json(text: str, *, name: str = CARD_FILE) -> Scorecard:
    """Return the scorecard of a JSON text; raise IngestError, naming the file, for anything else."""
    try:
        held = json.loads(text)
        if held["format"] != FORMAT:
            raise ValueError(f"format {held['format']}")
        tables = {table: tuple(record(**row) for row in held[table]) for table, record in TABLES.items()}
        return Scorecard(summary=SummaryRow(**held["summary"]), **tables)
    except (ValueError, KeyError, TypeError) as error:
        raise IngestError(
            file=name,
            found=f"this is no steering scorecard of format {FORMAT} ({error}).",
            action="Write it again with `cape steer-eval`.",
        ) from error


def read_scorecard(file: Path) -> Scorecard:
    """Return the scorecard of a file; raise IngestError where it is missing or malformed."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise IngestError(
            file=file.name, found="it cannot be read.", action="Write it with `cape steer-eval`."
        ) from error
    return scorecard_from_json(text, name=file.name)


def frame_of(record: type, rows: tuple[Any, ...] | list[Any]) -> pl.DataFrame:
    """Return records of one class as a frame with the columns of the class, typed even where there is no row."""
    schema = {name: POLARS_TYPES[kind] for name, kind in _kinds(record).items()}
    return pl.DataFrame([asdict(row) for row in rows], schema=schema)


def lake_columns(record: type) -> dict[str, str]:
    """Return the lake's column types of a record class."""
    return {name: LAKE_TYPES[kind] for name, kind in _kinds(record).items()}


def _kinds(record: type) -> dict[str, type]:
    """Return the plain type of every field; of `x | None` that is x."""
    hints = get_type_hints(record)
    return {field.name: _plain(hints[field.name]) for field in fields(record)}


def _plain(hint: Any) -> type:
    if get_origin(hint) in (Union, types.UnionType):
        return next(part for part in get_args(hint) if part is not type(None))
    return hint
