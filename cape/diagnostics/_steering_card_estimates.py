"""Estimates and sentences of a steering scorecard, and the comparison of the stored ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from cape.diagnostics._plain_estimates import arithmetic, undefined
from cape.diagnostics._steering_card import MEASURES, PERCENT, PP, Card
from cape.figures._text import counted
from cape.internals.scorecard_records import ArmKind, Matching, Metric, Verdict
from cape.quantities import Estimate, Table
from cape.stats.exact_trend import share
from cape.stats.summaries import clustered_mean

STORED, ALL_STORED = "stored scorecards", "mean of the stored models"
AGAINST_BASE, AGAINST_RANDOM = ArmKind.BASE, "mean of random directions"
NO_CARD = "undefined: no scorecard is stored; `cape steer-eval` computes one"
UNIT = {"pp": PP, "nats": "nats per word"}
MODEL_COLUMNS = {
    "model_id": pl.String, "position": pl.String, "n_params": pl.Int64, "layer": pl.Int64, "strength": pl.Float64,
    "strength_share": pl.Float64, "effect": pl.Float64, "effect_low": pl.Float64, "effect_high": pl.Float64,
    "beyond": pl.Float64, "beyond_low": pl.Float64, "beyond_high": pl.Float64, "p_value": pl.Float64,
    "n_test": pl.Int64, "n_random": pl.Int64, "verdict": pl.String, "reason": pl.String,
}  # fmt: skip


def card_estimates(card: Card) -> list[Estimate]:
    """Return what a scorecard says: effects and their p, answers, questions moved, damage, and the direction."""
    if not card.summary:
        return [
            undefined("steering_effect", "no stored model", n=0, unit=PP, method="none", why=(NO_CARD,)),
        ]
    return [*_effects(card), *_answers(card), *_moved(card), *_damage(card), *_direction(card)]


def _effects(card: Card) -> list[Estimate]:
    found = []
    for row in card.effects.filter(pl.col("kind") != ArmKind.RANDOM).iter_rows(named=True):
        symbol = "capability_change" if row["metric"] == Metric.CAPABILITY else "steering_effect"
        label = effect_label(card.model, row)
        unit = UNIT.get(row["unit"], row["unit"])
        caveats = tuple(filter(None, (row["caveats"],)))
        if row["value"] is None:
            why = caveats or ("undefined: not measured",)
            found.append(undefined(symbol, label, n=row["n"], unit=unit, method=row["method"], why=why))
            continue
        lacks = ("no interval: too few questions",) if row["low"] is None and not caveats else ()
        found.append(
            Estimate(
                symbol=symbol,
                label=label,
                value=row["value"],
                low=row["low"],
                high=row["high"],
                n=row["n"],
                unit=unit,
                method=row["method"],
                caveats=(*caveats, *lacks),
            )
        )
        if row["p_value"] is not None:
            found.append(_p(label, row))
    return found


def _p(label: str, row: dict[str, Any]) -> Estimate:
    return Estimate(
        symbol="p_steering",
        label=label,
        value=row["p_value"],
        low=None,
        high=None,
        n=row["n"],
        unit="",
        method=row["p_test"] or "two-sided test",
        caveats=("no interval: a tail share",),
    )


def effect_label(model: str, row: dict[str, Any]) -> str:
    """Return the label of an effect: model, arm, against what, metric."""
    return f"{model}: {row['arm']} less {row['against']}, {row['metric']}"


def _answers(card: Card) -> list[Estimate]:
    """Return the shares of answers changed, of wrong ones corrected and of right ones kept, of the steered arm."""
    n, counts = _answer_counts(card)
    label = card.model
    if counts is None:
        why = ("undefined: answers of the steered arm are not compared in this scorecard",)
        return [
            undefined(symbol, label, n=n, unit=PERCENT, method="none", why=why)
            for symbol in ("answers_changed", "steering_corrected", "steering_kept_right")
        ]
    n_changed, n_corrected, n_broken, n_right = counts
    return [
        share(n_changed, n, what="test questions whose answer differs from the one without steering").estimate(
            symbol="answers_changed", label=label, unit=PERCENT, caveats=("changed is not corrected",)
        ),
        share(n_corrected, n - n_right, what="questions answered wrongly without steering").estimate(
            symbol="steering_corrected", label=label, unit=PERCENT
        ),
        share(n_right - n_broken, n_right, what="questions answered rightly without steering").estimate(
            symbol="steering_kept_right", label=label, unit=PERCENT
        ),
    ]


def _answer_counts(card: Card) -> tuple[int, tuple[int, int, int, int] | None]:
    """Return (n, (changed, corrected, broken, right before)) of the steered arm's answers; None where not compared."""
    steered, base = card.steered(), card.base()
    n = int(steered["n_questions"])
    rows = card.effects.filter(
        (pl.col("arm") == steered["arm"]) & (pl.col("against") == base["arm"]) & (pl.col("metric") == Metric.MC1)
    ).drop_nulls(["n_changed", "n_corrected", "n_broken"])
    if rows.is_empty() or base["mc1_pct"] is None:
        return n, None
    row = rows.row(0, named=True)
    n_right = round(base["mc1_pct"] * n / 100)
    if row["n_broken"] > n_right or row["n_corrected"] > n - n_right:
        return n, None
    return n, (row["n_changed"], row["n_corrected"], row["n_broken"], n_right)


def _moved(card: Card) -> list[Estimate]:
    """Return the share of questions that the steered arm moved the wrong way."""
    steered = card.steered()["arm"]
    rows = card.effects.filter(
        (pl.col("arm") == steered) & (pl.col("metric") == Metric.MC2) & (pl.col("against") == card.base()["arm"])
    ).drop_nulls("moved_wrong_pct")
    found = []
    for row in rows.iter_rows(named=True):
        hits = round(row["moved_wrong_pct"] * row["n"] / 100)
        one = share(hits, row["n"], what="test questions whose MC2 fell")
        found.append(one.estimate(symbol="moved_wrong_way", label=card.model, unit=PERCENT))
    return found


def _damage(card: Card) -> list[Estimate]:
    steered = card.steered()
    if steered["kl_nats"] is None:
        return []
    return [
        Estimate(
            symbol="steering_kl",
            label=card.model,
            value=steered["kl_nats"],
            low=None,
            high=None,
            n=int(steered["n_tokens"]),
            unit="nats per word",
            method=f"mean over {steered['n_tokens']} words of held-out text",
            caveats=("no interval: one fixed text",),
        )
    ]


def _direction(card: Card) -> list[Estimate]:
    summary = card.summary
    chosen = f"chosen on {summary['n_validation']} validation questions: {summary['choice']}"
    found = [
        arithmetic("steering_layer", card.model, float(summary["layer"]), n=summary["n_validation"], unit="",
                   method=chosen),
        arithmetic("steering_strength", card.model, float(summary["strength"]), n=summary["n_validation"], unit="",
                   method=chosen),
    ]  # fmt: skip
    halves, n = summary["split_half_cosine"], summary["n_pairs"]
    method = "mean cosine of the directions of two halves of the calibration pairs"
    if halves is None:
        why = ("undefined: fewer than 2 calibration pairs",)
        return [*found, undefined("split_half_cosine", card.model, n=n, unit="", method=method, why=why)]
    caveats = ("no interval: the halvings share their pairs",)
    return [
        *found,
        Estimate(symbol="split_half_cosine", label=card.model, value=halves, low=None, high=None, n=n, unit="",
                 method=method, caveats=caveats),
    ]  # fmt: skip


def models_table(summaries: pl.DataFrame, effects: pl.DataFrame, *, measure: str) -> Table:
    """Return one row per stored scorecard: the steered arm's effect and its effect beyond random directions."""
    metric = MEASURES[measure]
    steered = effects.filter(
        (pl.col("kind") == ArmKind.STEERED) & (pl.col("matching") == Matching.NORM) & (pl.col("metric") == metric)
    )
    rows = []
    for summary in summaries.iter_rows(named=True):
        mine = steered.filter(pl.col("model_id") == summary["model_id"])
        rows.append({**summary, **_pair(mine, "effect", AGAINST_BASE), **_pair(mine, "beyond", AGAINST_RANDOM)})
    frame = pl.DataFrame([{name: row.get(name) for name in MODEL_COLUMNS} for row in rows], schema=MODEL_COLUMNS)
    names = [f"{key}{end}" for key in ("effect", "beyond") for end in ("", "_low", "_high")]
    return Table(name="models", title="Stored scorecards", frame=frame, units=dict.fromkeys(names, PP))


def _pair(rows: pl.DataFrame, key: str, against: str) -> dict[str, Any]:
    found = rows.filter(pl.col("against") == against)
    row = found.row(0, named=True) if not found.is_empty() else {"value": None, "low": None, "high": None}
    held = {key: row["value"], f"{key}_low": row["low"], f"{key}_high": row["high"]}
    return held | ({"p_value": row.get("p_value")} if against == AGAINST_RANDOM else {})


def model_estimates(models: Table, *, n_resamples: int, rng: np.random.Generator) -> list[Estimate]:
    """Return the mean effects over the stored models, and how many of them have each verdict."""
    frame = models.frame
    found = []
    for key, what in (("effect", "effect of steering"), ("beyond", "effect beyond random directions")):
        values = frame[key].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        mean = clustered_mean(
            values, np.arange(values.size), n_resamples=n_resamples, rng=rng, what=what, clusters="models"
        )
        found.append(mean.estimate(symbol=f"steering_mean_{key}", label=ALL_STORED, unit=PP))
    n = frame.height
    for verdict in Verdict:
        n_hits = int((frame["verdict"] == verdict).sum())
        one = share(n_hits, n, what=f"stored models: {verdict}")
        caveats = ("the models share a world and a recipe of training, so they are not independent",) if n else ()
        found.append(one.estimate(symbol="steering_verdicts", label=str(verdict), unit="% of models", caveats=caveats))
    return found


def card_sentences(card: Card, *, measure: str) -> tuple[str, ...]:
    """Return what a scorecard says: what was chosen, effects, answers, damage and the verdict of the stated rule."""
    if not card.summary:
        return ("No scorecard is stored: compute one with `cape steer-eval`.",)
    summary, steered = card.summary, card.steered()
    chosen = (
        f"{card.model}: layer {summary['layer']} of {summary['n_layers']} and strength {summary['strength']:.3g} "
        f"({summary['strength_share']:.2g} of the mean norm) were chosen on {summary['n_validation']} validation "
        f"questions; what follows is of {counted(summary['n_test'], 'test question')}."
    )
    sentences = [chosen, *_effect_words(card, steered, MEASURES[measure], measure)]
    n, counts = _answer_counts(card)
    if counts is not None:
        changed, corrected, broken, right = counts
        sentences.append(
            f"Steering changed {changed} of {n} answers: {corrected} of {n - right} wrong ones became right and "
            f"{broken} of {right} right ones became wrong."
        )
    return (*sentences, f"By the stated rule: {summary['verdict']}, because {summary['reason']}.")


def _effect_words(card: Card, steered: dict[str, Any], metric: str, measure: str) -> Iterable[str]:
    mine = card.effects.filter(pl.col("arm") == steered["arm"])
    for row in mine.filter(pl.col("metric").is_in([metric, Metric.CAPABILITY])).iter_rows(named=True):
        if row["value"] is None or row["low"] is None or row["high"] is None:
            continue
        what = "the capability score" if row["metric"] == Metric.CAPABILITY else measure
        against = "no steering" if row["against"] == AGAINST_BASE else f"the {row['against']}"
        p = "" if row["p_value"] is None else f", {row['p_test']} p = {row['p_value']:.2g}"
        moved = (
            ""
            if row["moved_wrong_pct"] is None or row["against"] != AGAINST_BASE
            else f"; {row['moved_wrong_pct']:.0f} % of questions moved the wrong way"
        )
        yield (
            f"Against {against}, {what} moves by {row['value']:.2g} {row['unit']} "
            f"(95% {row['low']:.2g} to {row['high']:.2g}{p}){moved}."
        )
