"""One steering scorecard, stored or just computed, as tables for the page: arms, effects, grid, moves and texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.errors import NotEnoughDataError, UnknownNameError
from cape.internals.scorecard_records import ArmKind, Matching, Metric, Scorecard, Split, SummaryRow, frame_of
from cape.internals.scorecard_tables import RANDOM_NAME
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
ALWAYS = (Matching.NONE,)
BASE = str(ArmKind.BASE)
MOVED_KINDS = (ArmKind.STEERED, ArmKind.PROMPT, ArmKind.NEGATIVE, ArmKind.SHUFFLED, ArmKind.PAPER)
KIND_ORDER = (
    ArmKind.STEERED, ArmKind.RANDOM, ArmKind.NEGATIVE, ArmKind.SHUFFLED, ArmKind.PROMPT, ArmKind.LAYER, ArmKind.PAPER,
)  # fmt: skip
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
    """Return the stored scorecard of a model, or None where no scorecard at all is stored.

    model : a model_id, or LARGEST. Raises UnknownNameError, with near names, for a model without a scorecard.
    """
    summaries = stored_summaries(read)
    if summaries.is_empty():
        return None
    names = summaries["model_id"].to_list()
    if model != LARGEST and model not in names:
        raise UnknownNameError(f"There is no stored scorecard of {model!r}. {did_you_mean(model, names)}")
    chosen = _largest(summaries) if model == LARGEST else model
    frames = {
        name: read(f"mart_steering_{name}", model_id=chosen) for name in ("arms", "effects", "histogram", "generations")
    }
    return Card(summary=summaries.filter(pl.col("model_id") == chosen).row(0, named=True), **frames)


def _largest(summaries: pl.DataFrame) -> str:
    """Return the first scorecard of the model with the most parameters."""
    sizes = summaries["n_params"].fill_null(0)
    return str(summaries.filter(sizes == sizes.max())["model_id"].min())


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
        _scorecard_table(card, compared, measure=measure, compare_at=compare_at),
        _effects_table(card, measure=measure, compare_at=compare_at),
        _moves_table(card, compared),
        _answers_table(compared),
        _texts_table(card),
    ]


def compared_arms(card: Card, *, compare_at: str) -> pl.DataFrame:
    """Return the arms on the test questions that are compared: controls at equal KL or norm, and what has no strength.

    The steered arm stands among them at every strength that was scored on the test questions.
    """
    matching, kind = pl.col("matching"), pl.col("kind")
    is_control = matching.is_in([COMPARED[compare_at], *ALWAYS]) & (kind != ArmKind.STEERED)
    is_curve = (kind == ArmKind.STEERED) & (matching != Matching.KL)
    return card.test.filter(is_control | is_curve)


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
        ((pl.col("kind") == ArmKind.STEERED) & (pl.col("matching") == Matching.NORM)).alias("is_chosen"),
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


def shown_effects(card: Card, *, measure: str, compare_at: str) -> pl.DataFrame:
    """Return the effects that are drawn and estimated: the measure and the capability of the compared arms.

    The steered arm stands beside prompt only twice: at its chosen strength, and at the KL of prompt only. Left out
    are the other measure, other strengths of the steered arm and controls at the other matching.
    """
    arms = card.test.filter(pl.col("matching").is_in([COMPARED[compare_at], *ALWAYS]))
    single = arms.filter(~pl.col("kind").is_in([ArmKind.RANDOM, ArmKind.STEERED]))["arm"].to_list()
    drawn = random_name(compare_at)
    arm, against, metric = pl.col("arm"), pl.col("against"), pl.col("metric")
    is_steered = (pl.col("kind") == ArmKind.STEERED) & (pl.col("matching") == Matching.NORM)
    compared: pl.Expr = (is_steered & against.is_in([*single, drawn])) | (
        arm.is_in([*single, drawn]) & (against == BASE)
    )
    at_prompt = card.test.filter(pl.col("matching") == Matching.PROMPT_KL)["arm"].to_list()
    prompts = card.test.filter(pl.col("kind") == ArmKind.PROMPT)["arm"].to_list()
    compared |= arm.is_in(at_prompt) & against.is_in([BASE, *prompts])
    is_truth = (metric == MEASURES[measure]) & compared
    one_of = is_steered | arm.is_in([*single, *at_prompt, drawn])
    is_damage = (metric == Metric.CAPABILITY) & (against == BASE) & one_of
    return _in_order(card.effects.filter(is_truth | is_damage), measure=measure)


def _by_kind(rows: pl.DataFrame) -> pl.DataFrame:
    """Return rows with the steered arm first, the kinds in their order."""
    return rows.sort(_place_of_kind(), "arm")


def _place_of_kind() -> pl.Expr:
    places = {str(kind): place for place, kind in enumerate(KIND_ORDER)}
    return pl.col("kind").replace_strict(places, default=len(places), return_dtype=pl.Int64)


def _in_order(effects: pl.DataFrame, *, measure: str) -> pl.DataFrame:
    """Return effects with the measure first, of the steered arm first, against no steering first."""
    kind = _place_of_kind()
    of_measure, of_base = pl.col("metric") != MEASURES[measure], pl.col("against") != BASE
    return effects.sort(of_measure, "metric", kind, of_base, "arm", "against", maintain_order=True)


def _scorecard_table(card: Card, compared: pl.DataFrame, *, measure: str, compare_at: str) -> Table:
    """One row per compared arm: scores, paired effects on truth and capability, damage, and what answers did.

    The random directions are one row: means over them, with the central range of their effects.
    """
    scores = ["mc1_pct", "mc2_pct", "capability_pct", "kl_nats", "cross_entropy_nats", "repetition_pct"]
    answers = ["changed_pct", "corrected_pct", "broken_pct"]
    is_random = pl.col("kind") == ArmKind.RANDOM
    drawn = compared.filter(is_random).group_by("kind").agg(*(pl.col(name).mean() for name in [*scores, *answers]))
    drawn = drawn.with_columns(
        pl.lit(random_name(compare_at)).alias("arm"), *(pl.lit(None).alias(n) for n in ("layer", "strength"))
    )
    columns = ["arm", "kind", "layer", "strength", *scores, *answers]
    single = compared.filter(~is_random & (pl.col("matching") != Matching.GRID)).select(columns)
    rows = pl.concat([single, drawn.select(columns)], how="vertical_relaxed")
    effects = shown_effects(card, measure=measure, compare_at=compare_at).filter(pl.col("against") == BASE)
    for name, metric in (("effect", MEASURES[measure]), ("capability_change", Metric.CAPABILITY)):
        mine = effects.filter(pl.col("metric") == metric).select(
            "arm",
            *(pl.col(end).alias(f"{name}{tail}") for end, tail in (("value", ""), ("low", "_low"), ("high", "_high"))),
        )
        rows = rows.join(mine, on="arm", how="left", maintain_order="left")
    ends = [f"{name}{tail}" for name in ("effect", "capability_change") for tail in ("", "_low", "_high")]
    units = {**dict.fromkeys(ends, PP), **dict.fromkeys([*scores[:2], *answers], PERCENT)}
    units |= {"capability_pct": "% of items", "repetition_pct": "% of word pairs"}
    units |= dict.fromkeys(("kl_nats", "cross_entropy_nats"), "nats per word")
    frame = _by_kind(rows).select("arm", *ends, *scores, *answers, "layer", "strength")
    return Table(
        name="scorecard", title=f"Scorecard: {measure} against no steering, and damage", frame=frame, units=units
    )


def random_name(compare_at: str) -> str:
    """Return the name of the mean of random directions at a matching, as the effects have it."""
    return f"{RANDOM_NAME}, {COMPARED[compare_at]}"


def _effects_table(card: Card, *, measure: str, compare_at: str) -> Table:
    """Every effect; is_shown marks those that are drawn."""
    columns = (
        "arm", "kind", "matching", "against", "metric", "value", "low", "high", "unit", "n", "p_value", "p_test",
        "n_changed", "n_corrected", "n_broken", "moved_wrong_pct", "moved_right_pct", "method", "caveats",
    )  # fmt: skip
    keys = ["arm", "against", "metric"]
    shown = shown_effects(card, measure=measure, compare_at=compare_at).select(*keys).with_columns(is_shown=True)
    every = _in_order(card.effects.select(columns), measure=measure)
    frame = every.join(shown, on=keys, how="left", maintain_order="left")
    frame = frame.with_columns(pl.col("is_shown").fill_null(value=False))
    units = dict.fromkeys(("moved_wrong_pct", "moved_right_pct"), PERCENT)
    return Table(name="effects", title="Paired effects on the test questions", frame=frame, units=units)


def _moves_table(card: Card, compared: pl.DataFrame) -> Table:
    """How far questions moved, for the compared arms but other layers and strengths, the steered arm first."""
    of_chosen = ~pl.col("matching").is_in([Matching.GRID, Matching.PROMPT_KL])
    kept = compared.filter(pl.col("kind").is_in(MOVED_KINDS) & of_chosen)
    frame = card.histogram.join(kept.select("arm", "kind"), on="arm", how="inner")
    frame = frame.sort(_place_of_kind(), "arm", "low")
    shown = frame.select("arm", "kind", "low", "high", "n_questions")
    return Table(name="moves", title="How far questions moved", frame=shown, units={"low": PP, "high": PP})


def _answers_table(arms: pl.DataFrame) -> Table:
    """Shares of questions whose answer changed, became right and became wrong, one row per arm."""
    columns = ("changed_pct", "corrected_pct", "broken_pct")
    kept = arms.filter((pl.col("kind") != ArmKind.BASE) & (pl.col("matching") != Matching.GRID))
    frame = _by_kind(kept).select("arm", "kind", "matching", "n_questions", *columns)
    return Table(
        name="answers",
        title="Answers changed and answers corrected",
        frame=frame,
        units=dict.fromkeys(columns, PERCENT),
    )


def _texts_table(card: Card) -> Table:
    frame = card.generations.select("arm", "prompt_id", "prompt", "before", "after", "is_changed", "is_true")
    return Table(name="texts", title="Texts before and after", frame=frame)
