"""Hidden state against output projection: does the map squeeze two directions together, and would a wider one not?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._params import NoParams, family_names, option
from cape.diagnostics._probe_alarms import alarm_table, alarms
from cape.diagnostics._probe_rows import EVERY, MAPS, probe_rows
from cape.diagnostics._projection_changes import (
    CONTROLS,
    LESS_HIDDEN,
    by_prompts,
    change_estimates,
    change_table,
    control_estimates,
    cosine_estimates,
    sign_estimates,
    sign_label,
)
from cape.diagnostics._projection_rows import (
    HIDDEN,
    OF_MEANS,
    OUTPUT,
    PER_PROMPT,
    RIDGE,
    WIDE,
    Mapped,
    map_table,
    mapped_models,
    of_one_state,
    pair_table,
    sweep_estimates,
    sweep_table,
)
from cape.diagnostics.wiring.output_projection import OUTPUT_PROJECTION
from cape.errors import NotEnoughDataError, UnknownNameError
from cape.figures._text import counted
from cape.figures.output_projection import changes_by_map, direction_sweep, map_cosines, prompt_pairs
from cape.lake.names import did_you_mean
from cape.quantities import Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputProjectionParams(NoParams):
    """Which rows, how two groups of prompts are compared, and the controls."""

    only: str = option(
        "",
        label="Only",
        help="Models, families or sets of instrument and prompts, separated by commas; empty: every measured row.",
    )
    compared_as: str = option(
        OF_MEANS,
        label="Compared as",
        help="Cosine of the mean vectors of two groups of prompts, or the mean cosine of matched pairs of prompts.",
        choices=(OF_MEANS, PER_PROMPT),
    )
    coordinate_sd: float = option(
        1.0,
        label="Spread of a coordinate",
        help="Standard deviation of the normal coordinates in the control of GELU, which depends on scale.",
        low=0.01,
        high=100,
        is_whole=False,
    )
    resamples: int = option(
        10_000,
        label="Resamples",
        help="Resamples of pairs of prompts and draws of the controls.",
        low=200,
        high=100_000,
    )
    seed: int = option(
        0,
        label="Seed",
        help="Seed of the random generator; the same seed gives the same numbers.",
        low=0,
        high=2**31 - 1,
    )


def compute(params: OutputProjectionParams, read: Read) -> Outcome:
    """Return cosines of hidden states and of their maps, changes with controls, and the sweep (paper 6 and Fig. 6)."""
    held = probe_rows(read, MAPS, EVERY, with_organism=bool(params.only.strip()))
    rows = _only(of_one_state(held), params.only)
    models = mapped_models(rows, params.compared_as)
    if not models:
        raise NotEnoughDataError(
            f"No model of this selection has {params.compared_as!r} of its hidden state and of a map. Widen it."
        )
    rng = np.random.default_rng([params.seed, 73])
    maps, sweep = map_table(models), sweep_table(rows, models)
    changed = [
        *change_estimates(models, params.compared_as, n_resamples=params.resamples, rng=rng),
        *control_estimates(models, sd=params.coordinate_sd, n_draws=params.resamples, rng=rng),
    ]
    estimates = [*cosine_estimates(models), *changed, *sign_estimates(models), *sweep_estimates(sweep)]
    found = alarms(rows.filter(pl.col("unit") == "cosine"))
    return Outcome(
        estimates=tuple(estimates),
        tables=(maps, change_table(models, changed), pair_table(models), sweep, alarm_table(found)),
        sentences=_sentences(models, estimates, params),
    )


def _only(rows: pl.DataFrame, text: str) -> pl.DataFrame:
    """Keep the rows that a list of models, families or instruments and prompts names."""
    wanted = family_names(text)
    if not wanted:
        return rows
    columns = ("model_id", "family", "measured_by")
    known = sorted({name for column in columns for name in rows[column].drop_nulls()})
    for name in wanted:
        if name not in known:
            raise UnknownNameError(f"Nothing is measured of {name!r}. {did_you_mean(name, known)}")
    return rows.filter(pl.any_horizontal(pl.col(column).is_in(wanted) for column in columns))


def _sentences(
    models: Sequence[Mapped], estimates: Sequence[Estimate], params: OutputProjectionParams
) -> tuple[str, ...]:
    by_key = {(e.symbol, e.label): e for e in estimates}
    told = []
    for measured_by, group in by_prompts(models).items():
        told += [_against_hidden(group, by_key, name, measured_by) for name in (OUTPUT, WIDE, RIDGE)]
        told.append(_controls(group, by_key, measured_by))
    told += [_sweep(models, by_key), _intervals(models, by_key, params.compared_as)]
    return tuple(sentence for sentence in told if sentence)


def _against_hidden(models: Sequence[Mapped], by_key: dict, name: str, measured_by: str) -> str:
    held = [one for one in models if name in one.values]
    if not held:
        return ""
    up = [one for one in held if one.values[name][0] > one.values[HIDDEN][0]]
    down = ", ".join(one.about["model_id"] for one in held if one.values[name][0] < one.values[HIDDEN][0])
    what = {OUTPUT: "the output projection", WIDE: "GELU(h)", RIDGE: "the learned wider map"}[name]
    p = by_key["p_sign", sign_label(name, measured_by)]
    head = f"{measured_by}: {what} raises the coupling in {len(up)} of {counted(len(held), 'model')}"
    tail = f", lowers it in {down}" if down and len(held) - len(up) <= 3 else ""
    return f"{head}{tail}; sign test p = {p.value:.2g}, {p.caveats[1]}." if p.value is not None else f"{head}{tail}."


def _controls(models: Sequence[Mapped], by_key: dict, measured_by: str) -> str:
    """How the rise by GELU compares with what it does to normal vectors."""
    beyond, held = 0, 0
    for one in models:
        found = by_key.get(("proj_change", f"{one.label}: {WIDE} {LESS_HIDDEN}"))
        control = by_key.get(("proj_change", f"{one.label}: {CONTROLS[WIDE]}, {LESS_HIDDEN}"))
        if found is None or control is None or found.value is None or control.high is None:
            continue
        held += 1
        beyond += found.value > control.high
    if not held:
        return ""
    changed: dict[str, list[float]] = {OUTPUT: [], WIDE: []}
    for one in models:
        for name, values in changed.items():
            values += [one.values[name][0] - one.values[HIDDEN][0]] if name in one.values else []
    rises, outputs = changed[WIDE], changed[OUTPUT]
    mixed = (
        ", whether the output projection raises it or lowers it," if outputs and min(outputs) < 0 < max(outputs) else ""
    )
    return (
        f"{measured_by}: GELU(h), which has no more numbers than h, changes the coupling by {min(rises):.3f} to "
        f"{max(rises):.3f} over the models{mixed} and by more than it does to normal vectors in {beyond} of {held}."
    )


def _sweep(models: Sequence[Mapped], by_key: dict) -> str:
    for one in models:
        found = [by_key.get((symbol, one.label)) for symbol in ("proj_rank_limit", "proj_flat_from", "proj_sweep_end")]
        values = [each.value for each in found if each is not None and each.value is not None]
        if len(values) < len(found):
            continue
        limit, flat, end = values
        return (
            f"{one.label}: {one.n_prompts} prompts span at most {limit:.0f} directions, and the sweep is flat from "
            f"k = {flat:.0f}; it ends at {end:.3f}, the hidden cosine is {one.values[HIDDEN][0]:.3f}."
        )
    return ""


def _intervals(models: Sequence[Mapped], by_key: dict, compared_as: str) -> str:
    changes = [e for key, e in by_key.items() if key[0] == "proj_change" and "drawn" not in key[1]]
    known = sum(e.low is not None for e in changes)
    n_pairs = sum(bool(one.pairs[HIDDEN].size) for one in models)
    return (
        f"{known} of {counted(len(changes), 'change')} have an interval over pairs of prompts; {n_pairs} of "
        f"{counted(len(models), 'model')} have pairs by themselves"
        + (", which the mean over matched prompts uses." if n_pairs and compared_as == OF_MEANS else ".")
    )


DIAGNOSTIC = Diagnostic(
    slug="output_projection",
    section="Inside",
    title="Output projection",
    question="Does the output projection squeeze reasoning and truthfulness together, and does a wider map undo it?",
    source="Paper A 6 and Fig. 6",
    params=OutputProjectionParams,
    compute=compute,
    claims=OUTPUT_PROJECTION,
    uses_selection=False,
    panels=(
        Panel(
            name="maps",
            title="Coupling under every map",
            tables=("maps",),
            alt="One row per model: cosine of its hidden state, output projection and wider maps, with intervals over "
            "prompts where they were measured.",
            figure=map_cosines,
        ),
        Panel(
            name="changes",
            title="Change against the hidden state, beside controls",
            tables=("changes",),
            alt="One row per model and map: cosine less that of the hidden state, with controls that know only the "
            "model's cosine and width.",
            figure=changes_by_map,
        ),
        Panel(
            name="pairs",
            title="Matched pairs of prompts",
            tables=("pairs",),
            alt="Cosine of every matched pair of prompts under each map, one marker per pair, where pairs are known.",
            figure=prompt_pairs,
        ),
        Panel(
            name="sweep",
            title="Sweep over principal directions",
            tables=("sweep",),
            alt="Cosine within the first k principal directions against k on a log axis, one line per model, with the "
            "number of directions that the prompts allow.",
            figure=direction_sweep,
        ),
        Panel(
            name="alarms",
            title="Alarms of degenerate probes",
            tables=("alarms",),
            alt="One row per alarm and model: what is odd, the value, and what it strikes.",
        ),
    ),
    controls=("only", "compared_as", "coordinate_sd", "resamples", "seed"),
    inputs=("only", "compared_as"),
)
