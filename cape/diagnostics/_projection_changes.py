"""What a map changes against the hidden state, with an interval over pairs of prompts, and what controls change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from cape.diagnostics._plain_estimates import undefined
from cape.diagnostics._probe_rows import HOW_TO_MEASURE
from cape.diagnostics._projection_rows import (
    HIDDEN,
    MAPS,
    NONE_RECORDED,
    OF_MEANS,
    OUTPUT,
    PER_PROMPT,
    RANDOM,
    RIDGE,
    WIDE,
    Mapped,
)
from cape.quantities import Estimate, Table
from cape.stats.map_controls import gelu_cosine, paired_bootstrap, random_map_cosine
from cape.stats.sign_test import sign_test

WIDER = 4  # numbers of a random map for each of the hidden state, as the probes draw it
LESS_HIDDEN = "less hidden"
SCHEMA = {"label": pl.String, "model_id": pl.String, "measured_by": pl.String, "map": pl.String,
          "is_control": pl.Boolean, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64, "n": pl.Int64,
          "method": pl.String, "caveats": pl.String}  # fmt: skip
CONTROLS = {RANDOM: "random map, drawn", WIDE: "GELU of normal vectors, drawn"}


def cosine_estimates(models: Sequence[Mapped]) -> list[Estimate]:
    """Return the cosine under every map of every measured model."""
    return [
        Estimate(
            symbol="proj_cosine",
            label=f"{one.label}: {name}",
            value=value,
            low=low,
            high=high,
            n=one.n_prompts,
            unit="cosine",
            method=f"{MAPS[name]}; {one.about['measured_by']}; n counts prompts, 0 where they are not stated",
            caveats=(NONE_RECORDED,) if low is None and high is None else (),
        )
        for one in models
        for name, (value, low, high) in one.values.items()
    ]


def change_estimates(
    models: Sequence[Mapped], compared_as: str, *, n_resamples: int, rng: np.random.Generator
) -> list[Estimate]:
    """Return each map's cosine less the hidden one, and the loss in percent of the hidden one.

    Over matched prompts the interval resamples pairs, each with both its cosines, where pairs are known.
    """
    found = []
    for one in models:
        for name in (OUTPUT, WIDE, RANDOM, RIDGE):
            if name not in one.values:
                continue
            found.append(_change(one, name, compared_as, n_resamples=n_resamples, rng=rng))
            found.append(_loss(one, name, compared_as))
    return found


def _change(one: Mapped, name: str, compared_as: str, *, n_resamples: int, rng: np.random.Generator) -> Estimate:
    label = f"{one.label}: {name} {LESS_HIDDEN}"
    first, second = one.pairs[HIDDEN], one.pairs[name]
    if compared_as == PER_PROMPT and first.size and first.size == second.size:
        inference = paired_bootstrap(second - first, n_resamples=n_resamples, rng=rng, what=f"{name} less hidden")
        return inference.estimate(symbol="proj_change", label=label, unit="cosine")
    why = NONE_RECORDED
    if first.size and compared_as == OF_MEANS:
        why = (
            "no interval: that of the difference of two cosines of means is not kept; see the mean over matched prompts"
        )
    return Estimate(
        symbol="proj_change",
        label=label,
        value=one.values[name][0] - one.values[HIDDEN][0],
        low=None,
        high=None,
        n=one.n_prompts,
        unit="cosine",
        method=f"{MAPS[name]} less hidden state, {compared_as}; n counts prompts",
        caveats=(why,),
    )


def _loss(one: Mapped, name: str, compared_as: str) -> Estimate:
    """The loss in percent of the hidden cosine, undefined where that is not told from 0."""
    hidden, low, high = one.values[HIDDEN]
    is_near_zero = hidden == 0 or (low is not None and high is not None and low <= 0 <= high)
    why = (
        "undefined: the interval of the hidden cosine holds 0" if is_near_zero else "no interval: a ratio of two values"
    )
    return Estimate(
        symbol="proj_loss",
        label=f"{one.label}: {name}",
        value=None if is_near_zero else 100 * (hidden - one.values[name][0]) / hidden,
        low=None,
        high=None,
        n=one.n_prompts,
        unit="% of the hidden cosine",
        method=f"100 (hidden - {name}) / hidden, {compared_as}",
        caveats=(why,),
    )


def control_estimates(models: Sequence[Mapped], *, sd: float, n_draws: int, rng: np.random.Generator) -> list[Estimate]:
    """Return what a random map and GELU of normal vectors change at the hidden cosine and width of every model."""
    found = []
    for one in models:
        hidden, width = one.values[HIDDEN][0], one.about["d_model"]
        for name, told in CONTROLS.items():
            label = f"{one.label}: {told}, {LESS_HIDDEN}"
            if width is None or abs(hidden) >= 1:
                why = ("undefined: the registry does not hold the model's width, or the hidden cosine is at a bound",)
                found.append(undefined("proj_change", label, n=0, unit="cosine", method=told, why=why))
                continue
            if name == RANDOM:
                drawn = random_map_cosine(hidden, width=WIDER * int(width), n_draws=n_draws, rng=rng)
            else:
                drawn = gelu_cosine(hidden, sd=sd, width=int(width), n_draws=n_draws, rng=rng)
            value, low, high = (None if end is None else end - hidden for end in (drawn.value, drawn.low, drawn.high))
            found.append(
                Estimate(
                    symbol="proj_change", label=label, value=value, low=low, high=high, n=int(width), unit="cosine",
                    method=f"{drawn.method}; n counts numbers of the state",
                    caveats=("a control: it knows the cosine and the width of the model, nothing else",),
                )
            )  # fmt: skip
    return found


def sign_label(name: str, measured_by: str) -> str:
    """Return the label of the sign test of one map over the models of one set of prompts."""
    return f"{name} {LESS_HIDDEN}: {measured_by}"


def by_prompts(models: Sequence[Mapped]) -> dict[str, list[Mapped]]:
    """Return the models by the prompts they were shown; models of different prompts are never compared."""
    groups: dict[str, list[Mapped]] = {}
    for one in models:
        groups.setdefault(one.about["measured_by"], []).append(one)
    return groups


def sign_estimates(models: Sequence[Mapped]) -> list[Estimate]:
    """Return for output, wider and learned map in how many models of one set of prompts the cosine rises."""
    groups = by_prompts(models)
    found = []
    for measured_by, group in groups.items():
        for name in (OUTPUT, WIDE, RIDGE):
            held = [one for one in group if name in one.values]
            found += _signs(held, sign_label(name, measured_by), n_looks=3 * len(groups))
    return found


def _signs(held: Sequence[Mapped], label: str, *, n_looks: int) -> list[Estimate]:
    name = label.partition(" ")[0]
    tested = sign_test([one.values[name][0] - one.values[HIDDEN][0] for one in held])
    if tested.p is None or tested.share is None or tested.low is None or tested.high is None:
        why = (f"undefined: no model has this map: {HOW_TO_MEASURE}" if not held else "undefined: no difference",)
        about: dict[str, Any] = {"n": 0, "method": "exact two-sided sign test over models", "why": why}
        return [
            undefined("sign_share", label, unit="% of differences", **about),
            undefined("p_sign", label, unit="", **about),
        ]
    n_families = len({one.about["family"] for one in held})
    method = f"exact two-sided sign test over models ({n_families} of their families), taken as independent"
    share = Estimate(
        symbol="sign_share",
        label=label,
        value=100 * tested.share,
        low=100 * tested.low,
        high=100 * tested.high,
        n=tested.n,
        unit="% of differences",
        method=f"{method}; Wilson 95% interval",
    )
    floor = f"{tested.n} signs allow no p below {tested.floor:.3g}"
    p = Estimate(
        symbol="p_sign",
        label=label,
        value=tested.p,
        low=None,
        high=None,
        n=tested.n,
        unit="",
        method=method,
        caveats=("no interval: a p-value", floor, f"one of {n_looks} looks: three maps by set of prompts"),
    )
    return [share, p]


def change_table(models: Sequence[Mapped], estimates: Sequence[Estimate]) -> Table:
    """Return the changes of maps and of their controls, in order of model."""
    by_label = {e.label: e for e in estimates if e.symbol == "proj_change"}
    rows = []
    for one in models:
        names = [(MAPS[name], f"{one.label}: {name} {LESS_HIDDEN}", name == RANDOM) for name in MAPS if name != HIDDEN]
        names += [(told, f"{one.label}: {told}, {LESS_HIDDEN}", True) for told in CONTROLS.values()]
        for told, label, is_control in names:
            found = by_label.get(label)
            if found is None:
                continue
            rows.append({
                "label": one.label, "model_id": one.about["model_id"], "measured_by": one.about["measured_by"],
                "map": told, "is_control": is_control, "value": found.value, "low": found.low, "high": found.high,
                "n": found.n, "method": found.method, "caveats": "; ".join(found.caveats),
            })  # fmt: skip
    units = dict.fromkeys(("value", "low", "high"), "cosine")
    title = "Change against the hidden state"
    return Table(name="changes", title=title, frame=pl.DataFrame(rows, schema=SCHEMA), units=units)
