"""The prediction chain L0 to L4 as far as public data allow: each level's error, in sample and left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from cape.claims import PartKind, parse_parts
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import pair_rows, points_of, step_rows
from cape.diagnostics._gradients import Gradients
from cape.diagnostics._loss_ladders import Fitted
from cape.diagnostics._params import Params
from cape.errors import NotEnoughDataError
from cape.quantities import Estimate, Table
from cape.stats.inference import Inference
from cape.stats.prediction_chain import Errors, field_errors, fixed_power_errors, power_errors, running_gamma_errors
from cape.stats.resampling import guarded_interval
from cape.stats.scaling_law import mean_error

PRINTED_LOSSES, MEASURED_LOSSES = "printed losses", "measured losses"
CHAINS = {  # which law gives alpha, and which loss the collective gradient is set against
    PRINTED_LOSSES: ("Pythia: author_pythia_validation_loss", "grad_norm_mean on wikitext2_loss_mean"),
    MEASURED_LOSSES: ("Pythia: pile_test_xent", "grad_norm_mean on pile_test_xent"),
}
ONE, COMPONENTS, COLLECTIVE = "N^-(alpha+1)", "N^-(alpha+1/2)", "L^k"
HELD_OUT = "Phi"  # the family that the dashboard says it held out
PRINTED_CLAIMS = {"L0": "LOS-06", "L1": "LOS-07", "L2": "LOS-08", "L3": "LOS-09", "L4": "LOS-10"}
Averaged = Callable[..., Inference]  # errors (n,) and their families -> mean with its interval
EXACT_PCT = 1e-6  # an error this small is rounding
NOT_STATED = "the paper does not state what is predicted here, nor what is fitted: this is our reading of it"
OTHER_TARGET = "L0 predicts losses, L1 and L2 predict gradient norms: the errors are of different quantities"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One level of the chain: its name, what it predicts, from what, and its errors."""

    level: str
    label: str
    target: str
    fitted_on: str
    within: Inference
    left_out: Inference
    caveats: tuple[str, ...] = ()

    @property
    def first_way(self) -> str:
        """What the first of the two errors is: the rows fitted, or for L4 the curve without the field."""
        return "without h" if self.level == "L4" else "in sample"


def chain(fits: list[Fitted], gradients: list[Gradients], params: Params, read: Read) -> list[Link]:
    """Return every level that the data allow, in order."""
    averaged = partial(mean_error, n_resamples=params.resamples, rng=np.random.default_rng([params.seed, 23]))
    laws = {one.ladder.label: one for one in fits}
    norms = {rows.label: rows for rows in gradients}
    links = []
    for name, (law_label, norm_label) in CHAINS.items():
        if law_label not in laws:
            continue
        links.append(_law_link(laws[law_label], name))
        if norm_label in norms:
            links += _gradient_links(laws[law_label], norms[norm_label], name, averaged)
    links += _running_links({one.ladder.family for one in fits}, params, read, averaged)
    links += _field_links(params, read, averaged)
    return sorted(links, key=lambda link: link.level)


def chain_estimates(links: list[Link]) -> list[Estimate]:
    """Return both errors of each level above L0, and the ratios that compare a level with L0."""
    estimates = []
    for link in links:
        if link.level != "L0":
            for found, how in ((link.within, link.first_way), (link.left_out, "left out")):
                label = f"{link.label}, {how}"
                estimates.append(found.estimate(symbol="prediction_error", label=label, unit="%", caveats=link.caveats))
    by_label = {link.label: link for link in links}
    for name in CHAINS:
        base = by_label.get(f"L0: {name}")
        for form in (ONE, COMPONENTS):
            level = by_label.get(f"L1: {form}, {name}")
            if base is not None and level is not None:
                estimates.append(_ratio(level, base, f"L1 over L0: {form}, {name}"))
    return estimates


def chain_table(links: list[Link], read: Read) -> Table:
    """Return one row per level: target, what it was fitted on, both errors and the printed error of that level."""
    printed = _printed(read)
    rows = [
        {
            "level": link.level,
            "label": link.label,
            "target": link.target,
            "fitted_on": link.fitted_on,
            "first_way": link.first_way,
            **_ends("within", link.within),
            **_ends("left_out", link.left_out),
            "printed": printed.get(link.level),
            "n": link.within.n,
            "note": "; ".join(link.caveats),
        }
        for link in links
    ]
    words = ("level", "label", "target", "fitted_on", "first_way", "note")
    numbers = [f"{name}{end}" for name in ("within", "left_out") for end in ("", "_low", "_high")]
    schema = {**dict.fromkeys(words, pl.String), **dict.fromkeys((*numbers, "printed"), pl.Float64), "n": pl.Int64}
    return Table(
        name="chain",
        title="Prediction chain",
        frame=pl.DataFrame(rows, schema=schema),
        units=dict.fromkeys((*numbers, "printed"), "%"),
    )


def _law_link(one: Fitted, name: str) -> Link:
    return Link(
        level="L0",
        label=f"L0: {name}",
        target="loss",
        fitted_on=f"E + A N^-alpha on {one.ladder.label}",
        within=one.law.error_pct,
        left_out=one.law.left_out_error_pct,
    )


def _gradient_links(one: Fitted, rows: Gradients, name: str, averaged: Averaged) -> list[Link]:
    alpha = one.law.alpha.value or 0.0
    source = f"{rows.norm_name} of {rows.norm.size} models"
    both = (OTHER_TARGET,)
    forms = {
        f"L1: {ONE}, {name}": fixed_power_errors(rows.n_params, rows.norm, exponent=alpha + 1),
        f"L1: {COMPONENTS}, {name}": fixed_power_errors(rows.n_params, rows.norm, exponent=alpha + 0.5),
        f"L2: {COLLECTIVE}, {name}": power_errors(rows.level, rows.norm),
    }
    how = {
        ONE: f"constant on {source}; exponent as paper A.8 writes it, alpha of {one.ladder.label}",
        COMPONENTS: f"constant on {source}; norm of N equal components of {ONE}, alpha of {one.ladder.label}",
        COLLECTIVE: f"constant and k on {source}, L = {rows.on}",
    }
    return [
        _link(label, "gradient norm", how[label.split(": ")[1].split(",")[0]], errors, averaged, caveats=both)
        for label, errors in forms.items()
    ]


def _running_links(families: set[str], params: Params, read: Read, averaged: Averaged) -> list[Link]:
    steps = step_rows(params, read)
    links = []
    for family in sorted(families & set(steps["family"])):
        rows = steps.filter(pl.col("family") == family)
        try:
            errors = running_gamma_errors(
                np.log10(rows["position_mid"].to_numpy()),
                *(rows[column].to_numpy() for column in ("delta_x_pct", "y_from_pct", "y_to_pct")),
            )
        except NotEnoughDataError:
            continue
        how = f"line of gamma in log10 N on the steps of {family}, panel {params.panel}"
        links.append(_link(f"L3: {family}", f"{params.y} of the next size", how, errors, averaged))
    return links


def _field_links(params: Params, read: Read, averaged: Averaged) -> list[Link]:
    points = points_of(pair_rows(params, read))
    if not points.log10_n.size:
        return []
    found = field_errors(points.log10_n, points.y_pct, points.family)
    if not found:
        return []
    how = f"quadratic U(log10 N) on the other families of panel {params.panel}, h on the family's other models"
    every = Errors(
        within_pct=np.concatenate([errors.within_pct for errors in found.values()]),
        left_out_pct=np.concatenate([errors.left_out_pct for errors in found.values()]),
        family=np.repeat(list(found), [errors.within_pct.size for errors in found.values()]),
    )
    chosen = {"every family held out": every} | {name: found[name] for name in (HELD_OUT,) if name in found}
    return [_link(f"L4: {name}", f"{params.y} of a model", how, errors, averaged) for name, errors in chosen.items()]


def _link(
    label: str, target: str, fitted_on: str, errors: Errors, averaged: Averaged, *, caveats: tuple[str, ...] = ()
) -> Link:
    within, left_out = (averaged(column, clusters=errors.family) for column in (errors.within_pct, errors.left_out_pct))
    return Link(
        level=label.partition(":")[0],
        label=label,
        target=target,
        fitted_on=fitted_on,
        within=_named(within, fitted_on),
        left_out=_named(left_out, fitted_on),
        caveats=(NOT_STATED, *caveats),
    )


def _named(found: Inference, fitted_on: str) -> Inference:
    return replace(found, method=f"{found.method}; fitted: {fitted_on}; our reading of the level")


def _ratio(level: Link, base: Link, label: str) -> Estimate:
    above, below = level.within, base.within
    found = _ratio_of(above, below)
    rounded: tuple[str, ...] = ()
    if above.value is not None and below.value is not None and round(below.value, 2) > 0:
        whole = round(above.value) / round(below.value, 2)
        rounded = (f"with the errors rounded to a whole and to 0.01% it is {whole:.0f}",)
    found = replace(
        found,
        n=above.n,
        method=f"error of {level.label} over error of {base.label}, both in sample, resampled independently",
    )
    return found.estimate(symbol="prediction_error_ratio", label=label, unit="x", caveats=(*level.caveats, *rounded))


def _ratio_of(above: Inference, below: Inference) -> Inference:
    """Return the ratio of two errors with the interval of its draws; undefined where the lower one is zero."""
    if above.value is None or below.value is None or below.value < EXACT_PCT:
        why = ("undefined: the law has no error to compare with",)
        return Inference(value=None, low=None, high=None, n=0, method="", caveats=why)
    value = above.value / below.value
    if above.draws is None or below.draws is None:
        why = ("no interval: an error has no resamples",)
        return Inference(value=value, low=None, high=None, n=0, method="", caveats=why)
    divisor = np.where(below.draws < EXACT_PCT, np.nan, below.draws)
    low, high, caveats = guarded_interval(above.draws / divisor, has_value=True, lacking="have no ratio")
    return Inference(value=value, low=low, high=high, n=0, method="", caveats=caveats)


def _printed(read: Read) -> dict[str, float]:
    """Return the percentage that the paper prints for each level, from the claims."""
    rows = read("mart_claims_as_printed")
    found = {}
    for level, claim_id in PRINTED_CLAIMS.items():
        for row in rows.filter(pl.col("claim_id") == claim_id).iter_rows(named=True):
            for part in parse_parts(claim_id, row["parts"]):
                if part.kind is PartKind.NUMBER and part.unit == "%" and isinstance(part.value, int | float):
                    found[level] = float(part.value)
    return found


def _ends(name: str, found: Inference) -> dict[str, float | None]:
    return {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
