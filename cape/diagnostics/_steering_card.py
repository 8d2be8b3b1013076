"""One steering scorecard, stored or just computed, as tables for the page: arms, effects, grid, moves and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.errors import NotEnoughDataError, UnknownNameError
from cape.internals.scorecard_records import ArmKind, Matching, Scorecard, Split, SummaryRow, frame_of
from cape.lake.names import did_you_mean
from cape.quantities import Table

LARGEST = "largest"
MC1, MC2 = "MC1", "MC2"
MEASURES = {MC2: "mc2", MC1: "mc1"}
KL, CROSS_ENTROPY, CAPABILITY, REPETITION = (
    "KL to the unsteered model",
    "cross-entropy of held-out text",
    "capability score",
    "repetition in written text",
)
DAMAGES = {
    KL: ("kl_nats", "nats per word"),
    CROSS_ENTROPY: ("cross_entropy_nats", "nats per word"),
    CAPABILITY: ("capability_pct", "% of items"),
    REPETITION: ("repetition_pct", "% of word pairs"),
}
EQUAL_KL, EQUAL_NORM = "equal KL", "equal norm"
COMPARED = {EQUAL_KL: Matching.KL, EQUAL_NORM: Matching.NORM}
SAME_STRENGTH = 1e-9
ALWAYS = (Matching.NONE, Matching.PROMPT_KL)
PERCENT, PP = "% of questions", "percentage points"
ARM_COLUMNS = (
    "arm", "kind", "matching", "layer", "strength", "strength_share", "n_questions", "mc1_pct", "mc1_low", "mc1_high",
    "mc2_pct", "mc2_low", "mc2_high", "n_capability", "capability_pct", "capability_low", "capability_high",
    "cross_entropy_nats", "kl_nats", "repetition_pct", "generation_changed_pct", "changed_pct", "corrected_pct",
    "broken_pct", "caveats",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One scorecard: its summary row and its frames."""

    summary: dict[str, Any]
    arms: pl.DataFrame
    effects: pl.DataFrame
    histogram: pl.DataFrame
    generations: pl.DataFrame

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.summary["model_id"])

    @property
    def test(self) -> pl.DataFrame:
        """The arms on the test questions."""
        return self.arms.filter(pl.col("split") == Split.TEST)

    def steered(self) -> dict[str, Any]:
        """Return the steered arm at the chosen strength on the test questions."""
        return self._one((pl.col("kind") == ArmKind.STEERED) & (pl.col("matching") == Matching.NORM))

    def base(self) -> dict[str, Any]:
        """Return the model without an intervention on the test questions."""
        return self._one(pl.col("kind") == ArmKind.BASE)

    def _one(self, which: pl.Expr) -> dict[str, Any]:
        rows = self.test.filter(which)
        if rows.is_empty():
            raise NotEnoughDataError(
                f"The scorecard of {self.model} lacks the steered arm or the model without steering. "
                "Run `cape steer-eval` again."
            )
        return rows.row(0, named=True)


def stored_summaries(read: Read) -> pl.DataFrame:
    """Return the summaries of the stored scorecards, smallest model first."""
    return read("mart_steering_scorecards")


def stored_card(read: Read, *, model: str) -> Card | None:
    """Return the stored scorecard of a model, or None where nothing is stored.

    model : a model_id, or LARGEST. Raises UnknownNameError, with near names, for a model without a scorecard.
    """
    summaries = stored_summaries(read)
    if summaries.is_empty() and model == LARGEST:
        return None
    names = summaries["model_id"].to_list()
    if model != LARGEST and model not in names:
        known = did_you_mean(model, names) if names else "No scorecard is stored yet."
        raise UnknownNameError(f"There is no stored scorecard of {model!r}. {known}")
    chosen = names[-1] if model == LARGEST else model
    frames = {
        name: read(f"mart_steering_{name}", model_id=chosen) for name in ("arms", "effects", "histogram", "generations")
    }
    return Card(summary=summaries.filter(pl.col("model_id") == chosen).row(0, named=True), **frames)


def card_of(scorecard: Scorecard) -> Card:
    """Return a scorecard that was just computed."""
    return Card(
        summary=frame_of(SummaryRow, [scorecard.summary]).row(0, named=True),
        **{name: scorecard.frame(name) for name in ("arms", "effects", "histogram", "generations")},
    )


def empty_card() -> Card:
    """Return a scorecard without rows, whose tables have their columns."""
    none = Scorecard(summary=None, arms=(), effects=(), histogram=(), generations=())  # type: ignore[arg-type]
    frames = {name: none.frame(name) for name in ("arms", "effects", "histogram", "generations")}
    return Card(summary={}, **frames)


def card_tables(card: Card, *, measure: str, damage: str, compare_at: str) -> list[Table]:
    """Return the tables that the page draws of one scorecard.

    measure : of MEASURES. damage : of DAMAGES. compare_at : of COMPARED, at what the controls equal the steered arm.
    """
    compared = compared_arms(card, compare_at=compare_at)
    return [
        _arms_table(card),
        _plane_table(compared, measure=measure, damage=damage),
        _grid_table(card, measure=measure),
        _effects_table(card),
        _moves_table(card),
        _answers_table(compared),
        _texts_table(card),
    ]


def compared_arms(card: Card, *, compare_at: str) -> pl.DataFrame:
    """Return the arms on the test questions that are compared: controls at equal KL or norm, and what has no strength.

    The steered arm at its chosen strength always stands among them.
    """
    wanted = [COMPARED[compare_at], *ALWAYS]
    is_steered = (pl.col("kind") == ArmKind.STEERED) & (pl.col("matching") == Matching.NORM)
    is_paper = pl.col("kind") == ArmKind.PAPER
    kept = card.test.filter(pl.col("matching").is_in(wanted) | is_steered | is_paper)
    return kept.filter(~((pl.col("kind") == ArmKind.STEERED) & (pl.col("matching") == Matching.KL)))


def _arms_table(card: Card) -> Table:
    units = {"strength_share": "of the mean norm", "kl_nats": "nats per word", "cross_entropy_nats": "nats per word"}
    units |= {name: PERCENT for name in ARM_COLUMNS if name.startswith(("mc1_", "mc2_"))}
    units |= dict.fromkeys(("changed_pct", "corrected_pct", "broken_pct"), PERCENT)
    units |= {name: "% of items" for name in ARM_COLUMNS if name.startswith("capability_")}
    units |= {"repetition_pct": "% of word pairs", "generation_changed_pct": "% of texts"}
    return Table(name="arms", title="Scorecard, every arm", frame=card.test.select(ARM_COLUMNS), units=units)


def _plane_table(arms: pl.DataFrame, *, measure: str, damage: str) -> Table:
    key, (column, unit) = MEASURES[measure], DAMAGES[damage]
    frame = arms.select(
        "arm",
        "kind",
        "matching",
        "layer",
        "strength",
        pl.col(column).alias("damage"),
        pl.col(f"{key}_pct").alias("truth_pct"),
        pl.col(f"{key}_low").alias("low"),
        pl.col(f"{key}_high").alias("high"),
        "n_questions",
    )
    units = {"damage": unit, **dict.fromkeys(("truth_pct", "low", "high"), PERCENT)}
    return Table(name="plane", title="Truth against damage", frame=frame, units=units)


def _grid_table(card: Card, *, measure: str) -> Table:
    """Every cell of the layer x strength grid on the validation questions, with its change against no steering."""
    key = MEASURES[measure]
    rows = card.arms.filter(pl.col("split") == Split.VALIDATION)
    base = rows.filter(pl.col("kind") == ArmKind.BASE)[f"{key}_pct"]
    cells = rows.filter((pl.col("matching") == Matching.GRID) & (pl.col("kind") == ArmKind.STEERED))
    level = base[0] if base.len() else None
    place, strength = card.summary.get("layer", -1), card.summary.get("strength", 0.0)
    chosen = (pl.col("layer") == place) & ((pl.col("strength") - strength).abs() < SAME_STRENGTH)
    frame = cells.select(
        "layer",
        "strength",
        "strength_share",
        pl.col(f"{key}_pct").alias("truth_pct"),
        (pl.col(f"{key}_pct") - pl.lit(level, dtype=pl.Float64)).alias("change_pp"),
        "kl_nats",
        "capability_pct",
        "n_questions",
        chosen.fill_null(value=False).alias("is_chosen"),
    ).sort("layer", "strength")
    units = {"strength_share": "of the mean norm", "truth_pct": PERCENT, "change_pp": PP, "kl_nats": "nats per word"}
    return Table(name="grid", title="Layer and strength on the validation questions", frame=frame, units=units)


def _effects_table(card: Card) -> Table:
    columns = (
        "arm", "kind", "matching", "against", "metric", "value", "low", "high", "unit", "n", "p_value", "p_test",
        "n_changed", "n_corrected", "n_broken", "moved_wrong_pct", "moved_right_pct", "method", "caveats",
    )  # fmt: skip
    units = dict.fromkeys(("moved_wrong_pct", "moved_right_pct"), PERCENT)
    return Table(
        name="effects", title="Paired effects on the test questions", frame=card.effects.select(columns), units=units
    )


def _moves_table(card: Card) -> Table:
    frame = card.histogram.select("arm", "low", "high", "n_questions").sort("arm", "low")
    return Table(name="moves", title="How far questions moved", frame=frame, units={"low": PP, "high": PP})


def _answers_table(arms: pl.DataFrame) -> Table:
    """Shares of questions whose answer changed, became right and became wrong, one row per arm."""
    columns = ("changed_pct", "corrected_pct", "broken_pct")
    frame = arms.filter(pl.col("kind") != ArmKind.BASE).select("arm", "kind", "matching", "n_questions", *columns)
    return Table(
        name="answers",
        title="Answers changed and answers corrected",
        frame=frame,
        units=dict.fromkeys(columns, PERCENT),
    )


def _texts_table(card: Card) -> Table:
    frame = card.generations.select("arm", "prompt_id", "prompt", "before", "after", "is_changed", "is_true")
    return Table(name="texts", title="Texts before and after", frame=frame)
