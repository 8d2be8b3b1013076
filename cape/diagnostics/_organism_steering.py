"""What steering does to the organism's answers before, at and after its transition, beside random directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._organism_inside import Place, places_of
from cape.diagnostics._organism_turns import Turns
from cape.diagnostics._organism_verdicts import FAILS, FALLS, HOLDS, RISES, UNSETTLED, Statement, direction, numbers
from cape.organism.recipes import WEB
from cape.quantities import Estimate, Table
from cape.stats.exact_trend import exact_trend, share

SIGNIFICANCE = 0.05  # of the exact trend, two-sided
COUNTS = {"changed": "n_changed", "corrected": "n_corrected", "broken": "n_broken"}
SHARES = tuple(f"{name}{end}" for name in COUNTS for end in ("_pct", "_low", "_high"))
EFFECTS = tuple(f"{name}{end}" for name in ("effect", "beyond_random") for end in ("_pp", "_low", "_high"))
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
        if row["n_changed"] is not None:
            changed = share(row["n_changed"], row["n_questions"], what="test questions whose answer changes")
            found.append(changed.estimate(symbol="organism_changed", label=label, unit="%"))
    return found


def steering_statements(steering: Steering) -> list[Statement]:
    """Return the paper's statements on steering that the scorecards around the web ladder's transition can judge."""
    around = [row for row in steering.around(WEB.name) if row["n_changed"] is not None]
    if len(around) < len(Place):
        return []
    return [_most_before(around), _corrects(around[0])]


def _most_before(around: list[dict]) -> Statement:
    trend = exact_trend([row["n_changed"] for row in around], [row["n_questions"] for row in around])
    p, way = trend.p_two_sided, trend.statistic
    settled = p is not None and way is not None and p < SIGNIFICANCE
    verdict = UNSETTLED if not settled or way is None else HOLDS if way < 0 else FAILS
    told = ", ".join(f"{row['n_changed']} of {row['n_questions']} {row['place']}" for row in around)
    return Statement(
        statement="Steering changes the most answers before the transition and the fewest after it.",
        verdict=verdict,
        rule=f"the share of changed answers falls over {NEXT}, by an exact test of trend at p < {SIGNIFICANCE:g}; it "
        "fails where the share rises",
        evidence=f"changed answers: {told}; " + ("the test is undefined" if p is None else f"two-sided p = {p:.3g}"),
    )


def _corrects(row: dict) -> Statement:
    against = [
        Estimate(symbol="", label="", value=row[f"{name}_pp"], low=row[f"{name}_low"], high=row[f"{name}_high"],
                 n=row["n_questions"], unit="pp", method="", caveats=("not recorded",))
        for name in ("effect", "beyond_random")
    ]  # fmt: skip
    ways = [direction(each) for each in against]
    verdict = HOLDS if ways == [RISES, RISES] else FAILS if FALLS in ways else UNSETTLED
    return Statement(
        statement="Before the transition steering makes answers truer than random directions do.",
        verdict=verdict,
        rule="at the next smaller size the intervals of the change of truth, and of it less that of random directions, "
        "lie above zero; it fails where one lies below",
        evidence=f"truth {numbers(against[0])}; less random directions {numbers(against[1])}; "
        f"{row['n_corrected']} answers corrected, {row['n_broken']} broken, of {row['n_changed']} changed",
    )
