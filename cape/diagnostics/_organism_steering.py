"""What steering does to the organism's answers before, at and after its transition, beside random directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._organism_inside import Place, places_of
from cape.diagnostics._organism_turns import Turns
from cape.diagnostics._organism_verdicts import FAILS, FALLS, HOLDS, RISES, UNSETTLED, Statement, direction, numbers
from cape.internals.scorecard_records import Verdict
from cape.organism.recipes import WEB
from cape.quantities import Estimate, Table
from cape.stats.exact_trend import exact_trend, share

SIGNIFICANCE = 0.05  # of the exact trend, two-sided
COUNTS = {
    f"{mode}{name}": f"{mode}n_{name}" for mode in ("", "paper_") for name in ("changed", "corrected", "broken")
}  # "" : at the layer and strength chosen on other questions; paper_ : as the paper's tool chooses them
MODES = {"layer and strength chosen on other questions": "n_changed", "paper mode": "paper_n_changed"}
SHARES = tuple(f"{name}{end}" for name in COUNTS for end in ("_pct", "_low", "_high"))
EFFECTS = tuple(
    f"{name}{end}" for name in ("effect", "beyond_random", "paper_effect") for end in ("_pp", "_low", "_high")
)
NEXT = "the next smaller size, the one nearest to where the myth is overcome, and the next larger one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """One row per steered model of the main ladders, with its place; frame is empty where the lake holds none."""

    frame: pl.DataFrame

    def around(self, family: str) -> list[dict]:
        """Return the models next before, at and next after the transition of a recipe, of one seed, in this order."""
        rows = self.frame.filter(pl.col("family") == family).sort("replicate", "position")
        found = []
        for _, held in rows.group_by("replicate", maintain_order=True):
            places = held["place"].to_list()
            if Place.AT in places:
                at = places.index(Place.AT)
                found = held[max(0, at - 1) : at + 2].to_dicts()
                break
        return found


def steering_of(read: Read, turns: Sequence[Turns]) -> Steering:
    """Return what the lake's scorecards of the organism say of the main ladders."""
    places = {(each.ladder.family, size): place for each in turns for size, place in places_of(each).items()}
    known = read("mart_organism_steering").filter(pl.col("family").is_in([each.ladder.family for each in turns]))
    frame = known.with_columns(pl.col("position").cast(pl.Float64))
    named = [str(places.get(key, "")) for key in frame.select("family", "position").iter_rows()]
    return Steering(frame=frame.with_columns(place=pl.Series(named, dtype=pl.String)))


def steering_table(steering: Steering) -> Table:
    """Return the models with the shares of changed, corrected and broken answers and the effect on truth."""
    rows = []
    for row in steering.frame.iter_rows(named=True):
        told = {name: row[name] for name in ("family", "replicate", "position", "d_model", "n_layers", "place", "layer",
                                             "strength", "n_questions", "verdict", *EFFECTS)}  # fmt: skip
        for name, column in COUNTS.items():
            found = share(row[column] or 0, row["n_questions"] if row[column] is not None else 0, what="test questions")
            told |= {f"{name}_pct": found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        rows.append(told)
    words = dict.fromkeys(("family", "replicate", "place", "verdict"), pl.String)
    whole = dict.fromkeys(("d_model", "n_layers", "layer", "n_questions"), pl.Int64)
    real = dict.fromkeys(("position", "strength", *EFFECTS, *SHARES), pl.Float64)
    return Table(
        name="steering",
        title="Steering before, at and after the transition",
        frame=pl.DataFrame(rows, schema={**words, **whole, **real}),
        units={"position": "parameters", **dict.fromkeys(EFFECTS, "pp"), **dict.fromkeys(SHARES, "% of questions")},
    )


def steering_estimates(steering: Steering) -> list[Estimate]:
    """Return the effect on truth and the share of changed answers of every steered model."""
    found = []
    for row in steering.frame.iter_rows(named=True):
        where = f", {row['place']} the transition" if row["place"] else ""
        label = f"{row['family']}: d {row['d_model']} x {row['n_layers']}, seed {row['replicate']}{where}"
        found.append(
            Estimate(
                symbol="organism_steering",
                label=label,
                value=row["effect_pp"],
                low=row["effect_low"],
                high=row["effect_high"],
                n=row["n_questions"],
                unit="pp",
                method="MC1 with the direction at the layer and strength chosen on other questions, less MC1 without; "
                "paired bootstrap of test questions",
                caveats=() if row["effect_low"] is not None else ("no interval is recorded",),
            )
        )
        for mode, column in MODES.items():
            if row[column] is not None:
                changed = share(row[column], row["n_questions"], what=f"test questions whose answer changes, {mode}")
                found.append(changed.estimate(symbol="organism_changed", label=f"{label}, {mode}", unit="%"))
    return found


def steering_statements(steering: Steering) -> list[Statement]:
    """Return the paper's statements on steering that the scorecards around the web ladder's transition can judge."""
    around = steering.around(WEB.name)
    if len(around) < len(Place) or any(row["n_changed"] is None or row["paper_n_changed"] is None for row in around):
        return []
    return [_most_before(around), _corrects(around[0])]


def _most_before(around: list[dict]) -> Statement:
    trend = exact_trend([row["paper_n_changed"] for row in around], [row["n_questions"] for row in around])
    p, way = trend.p_two_sided, trend.statistic
    settled = p is not None and way is not None and p < SIGNIFICANCE
    verdict = UNSETTLED if not settled or way is None else HOLDS if way < 0 else FAILS
    told, corrected, chosen = (
        ", ".join(f"{row[column]} {row['place']}" for row in around)
        for column in ("paper_n_changed", "paper_n_corrected", "n_changed")
    )
    return Statement(
        statement="Steering changes the most answers before the transition and the fewest after it.",
        verdict=verdict,
        rule=f"with the paper's own layer and strengths the share of changed answers falls over {NEXT}, by an exact "
        f"test of trend at p < {SIGNIFICANCE:g}; it fails where the share rises",
        evidence=f"changed answers of {around[0]['n_questions']}: {told}; "
        + ("the test is undefined" if p is None else f"two-sided p = {p:.3g}")
        + f"; of them corrected: {corrected}; with layer and strength chosen on other questions changed: {chosen}",
    )


def _corrects(row: dict) -> Statement:
    against = [_compared(row, name) for name in ("effect", "beyond_random")]
    ways = [direction(each) for each in against]
    is_truer = ways == [RISES, RISES] and row["verdict"] == Verdict.TRUER
    verdict = HOLDS if is_truer else FAILS if FALLS in ways else UNSETTLED
    return Statement(
        statement="Before the transition steering makes answers truer than random directions do.",
        verdict=verdict,
        rule="at the next smaller size the intervals of the change of truth, and of it less the mean of random "
        f"directions, lie above zero, and the scorecard's own rule, which ranks it among single random directions at "
        f"equal KL, says '{Verdict.TRUER}'; it fails where an interval lies below zero",
        evidence=f"truth {numbers(against[0])}; less random directions {numbers(against[1])}; "
        f"{row['n_corrected']} answers corrected, {row['n_broken']} broken, of {row['n_changed']} changed; "
        f"scorecard: {row['verdict']}",
    )


def steering_sentences(steering: Steering) -> list[str]:
    """Return what steering does along each steered ladder: at how many sizes, where most, and in paper mode."""
    said = []
    for (family,), held in steering.frame.sort("position").group_by("family", maintain_order=True):
        rows = [row for row in held.to_dicts() if row["effect_pp"] is not None]
        if rows:
            said.append(_chosen_mode(str(family), rows))
        paper = [row for row in held.to_dicts() if row["paper_effect_pp"] is not None]
        if paper:
            said.append(_paper_mode(str(family), paper))
    return said


def _chosen_mode(family: str, rows: list[dict]) -> str:
    beyond = [direction(_compared(row, "beyond_random")) for row in rows]
    truer = sum(row["verdict"] == Verdict.TRUER for row in rows)
    most = max(rows, key=lambda row: row["effect_pp"])
    return (
        f"With {family} text steering at the layer and strength chosen on other questions makes answers truer than "
        f"the mean of random directions does at {beyond.count(RISES)} of {len(rows)} sizes, less true at "
        f"{beyond.count(FALLS)}; ranked among single random directions too, at {truer} of {len(rows)}; "
        f"the largest change of truth is at {_where(most)}: {numbers(_compared(most, 'effect'))} "
        f"(n = {most['n_questions']} questions, one seed)."
    )


def _paper_mode(family: str, rows: list[dict]) -> str:
    ways = [direction(_compared(row, "paper_effect")) for row in rows]
    ends = max(rows, key=lambda row: row["paper_effect_pp"]), min(rows, key=lambda row: row["paper_effect_pp"])
    told = "; ".join(
        f"at {_where(row)} {numbers(_compared(row, 'paper_effect'))}, {row['paper_n_changed']} answers changed, "
        f"{row['paper_n_corrected']} of them corrected, {row['paper_n_broken']} broken"
        for row in ends
    )
    return (
        f"In paper mode truth rises at {ways.count(RISES)} of {len(rows)} sizes of {family} text and falls at "
        f"{ways.count(FALLS)}; most and least {told} (n = {rows[0]['n_questions']} questions each)."
    )


def _compared(row: dict, name: str) -> Estimate:
    return Estimate(
        symbol="organism_steering", label=name, value=row[f"{name}_pp"], low=row[f"{name}_low"],
        high=row[f"{name}_high"], n=row["n_questions"], unit="pp", method="", caveats=("not recorded",),
    )  # fmt: skip


def _where(row: dict) -> str:
    place = f", {row['place']} the transition" if row["place"] else ""
    return f"{row['position']:,.0f} parameters{place}"
