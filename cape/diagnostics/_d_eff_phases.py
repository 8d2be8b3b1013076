"""d_eff of each phase by three rules, and of two phases at equal n: part of effective_dimension."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._plain_estimates import count, undefined
from cape.quantities import Estimate, Phase, Table
from cape.stats.coupling import phase_probabilities
from cape.stats.dimensionality import (
    MIN_ROWS,
    Redraws,
    Words,
    correlations,
    equal_n_ratios,
    participation_ratios,
    redraw_inference,
)
from cape.stats.inference import Inference
from cape.stats.jackknife import jackknife_d_eff
from cape.stats.resampling import percentile_interval
from cape.stats.summaries import expected_count

PAPER_RULE, OUR_RULE, SIZE_RULE = "paper's rule", "our rule", "by size"
RULES = (PAPER_RULE, OUR_RULE, SIZE_RULE)
RULE_WORDS = {
    PAPER_RULE: "phase of the interval that a size ends, bare ratio against the thresholds of paper A.1",
    OUR_RULE: "phase of the interval that a size ends, where the 95% interval of gamma lies in one phase",
    SIZE_RULE: "number of parameters against the cut",
}
KINDS = ("covariance", "correlation")
REFUSED = f"undefined: fewer than {MIN_ROWS} models with every score"


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """Model rows with every score: scores and errors (n, p) percent, log10_n (n,) NaN without size.

    caveats say what was left out or changed.
    """

    benchmarks: tuple[str, ...]
    rows: pl.DataFrame
    scores: NDArray[np.float64]
    errors: NDArray[np.float64]
    log10_n: NDArray[np.float64]
    family: NDArray[np.str_]
    is_near: NDArray[np.bool_]
    caveats: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows of one phase by one rule."""

    rule: str
    name: str
    rows: NDArray[np.intp]

    @property
    def label(self) -> str:
        """Name of the group in every label."""
        return self.name if self.rule in ("", SIZE_RULE) else f"{self.name}, {self.rule}"


def groups(data: Complete, *, cut_b: float) -> list[Group]:
    """Return all models, and the phases by the paper's rule, by ours, and by size."""
    found = [Group(rule="", name="all models", rows=np.arange(len(data.scores)))]
    for rule, column in ((PAPER_RULE, "phase_paper"), (OUR_RULE, "phase")):
        phases = (Phase.TAX, Phase.TRANSITION, Phase.BONUS, *((Phase.UNDETERMINED,) if rule == OUR_RULE else ()))
        held = np.asarray(data.rows[column].to_list())
        found += [Group(rule=rule, name=str(phase), rows=np.flatnonzero(held == phase)) for phase in phases]
    with np.errstate(invalid="ignore"):  # a size that is not public lies on neither side
        is_below, is_above = data.log10_n < np.log10(cut_b) + 9, data.log10_n >= np.log10(cut_b) + 9
    sides = ((f"below {cut_b:g} B", is_below), (f"from {cut_b:g} B", is_above))
    return found + [Group(rule=SIZE_RULE, name=name, rows=np.flatnonzero(mask)) for name, mask in sides]


def two_sides(found: list[Group], rule: str) -> tuple[Group, Group]:
    """Return the groups that are compared: tax and bonus, or below and above the cut."""
    mine = [group for group in found if group.rule == rule]
    return mine[0], mine[1] if rule == SIZE_RULE else mine[2]


def d_eff(data: Complete, group: Group, redraws: Redraws) -> dict[str, Inference]:
    """Return the participation ratio of one group with its interval, by kind of matrix."""
    n_families = int(np.unique(data.family[group.rows]).size)
    has_one = n_families < 2 and redraws.n_families > 1
    mine = replace(
        redraws,
        n_families=n_families,
        weights=None if has_one else redraws.weights,
        caveats=("no interval: fewer than 2 families",) if has_one else redraws.caveats,
    )
    covariances = redraws.covariances(data.scores, group.rows)
    why = REFUSED if group.rows.size < MIN_ROWS else "undefined: a benchmark does not vary"
    found = {}
    for kind in KINDS:
        what = f"participation ratio (sum l)^2 / sum l^2 of the {kind} matrix of {len(data.benchmarks)} scores"
        words = Words(what=what, why=why, lacking=f"hold fewer than {MIN_ROWS} models of it")
        ratios = ratios_of(covariances, kind)
        found[kind] = redraw_inference(ratios if not has_one else ratios[:1], mine, words, n_rows=group.rows.size)
    return found


def group_estimates(data: Complete, found: list[Group], redraws: Redraws) -> tuple[list[Estimate], pl.DataFrame]:
    """Return d_eff and counts of every group, and one row per group and matrix."""
    estimates, lines = [], []
    for group in found:
        n_families = int(np.unique(data.family[group.rows]).size)
        method = RULE_WORDS.get(group.rule, "models with every score")
        if group.rule in (PAPER_RULE, OUR_RULE, SIZE_RULE):
            estimates += [
                count(
                    "n_models_in_phase",
                    group.label,
                    group.rows.size,
                    n=len(data.scores),
                    unit="model rows",
                    method=method,
                ),
                count("n_families_in_phase", group.label, n_families, n=n_families, unit="families", method=method),
            ]
        for kind, inference in d_eff(data, group, redraws).items():
            estimate = inference.estimate(
                symbol="d_eff_benchmarks",
                label=f"{group.label}: {kind}",
                unit="",
                caveats=(f"{group.rows.size} model rows of {n_families} families; {method}", *data.caveats),
            )
            estimates.append(estimate)
            lines.append(_line(estimate, group, kind, n_families))
            if inference.value is not None and n_families > 1:
                estimates.append(_jackknifed(data, group, kind))
    overrides = dict.fromkeys(("value", "low", "high"), pl.Float64)
    return estimates, pl.DataFrame(lines, schema_overrides=overrides)


def _jackknifed(data: Complete, group: Group, kind: str) -> Estimate:
    """Return the same d_eff with the interval from leaving out one family at a time."""
    chosen = group.rows
    found = jackknife_d_eff(data.scores[chosen], data.family[chosen], of_correlation=kind == KINDS[1])
    label = f"{group.label}: {kind}, jackknife"
    return found.estimate(symbol="d_eff_benchmarks", label=label, unit="", caveats=data.caveats)


def with_equal_n(frame: pl.DataFrame, estimates: list[Estimate], sides: tuple[Group, Group]) -> Table:
    """Return the table of d_eff by group, with the rows at equal n after it."""
    by = {(e.symbol, e.label): e for e in estimates}
    lines = []
    for group in sides:
        for kind in KINDS:
            found = by.get(("d_eff_equal_n", f"{group.label}: {kind}"))
            if found is not None:
                line = _line(found, group, kind, 0)
                lines.append(line | {"rule": f"{group.rule}, at equal n", "n_models": found.n, "n_families": None})
    more = pl.DataFrame(lines, schema=frame.schema) if lines else frame.clear()
    return Table(name="phases", title="d_eff by phase", frame=pl.concat([frame, more]))


def _line(estimate: Estimate, group: Group, kind: str, n_families: int) -> dict:
    return {
        "rule": group.rule or "all models",
        "group": group.name,
        "kind": kind,
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n_models": group.rows.size,
        "n_families": n_families,
        "caveats": "; ".join(estimate.caveats),
    }


def expected_transition(rows: pl.DataFrame, *, n_draws: int, rng: np.random.Generator) -> Estimate:
    """Return the expected number of model rows in the transition phase, given the error of each gamma (A.1)."""
    known = rows.drop_nulls(["gamma", "gamma_se"])
    chances = phase_probabilities(known["gamma"].to_numpy(), known["gamma_se"].to_numpy())
    method = "expected number of rows in the band if each gamma is Normal(gamma, SE); a row takes the interval it ends"
    found = expected_count(chances[:, 1], n_draws=n_draws, rng=rng, method=method)
    return found.estimate(symbol="n_models_in_phase", label="transition, expected", unit="model rows")


def comparison(
    data: Complete, sides: tuple[Group, Group], redraws: Redraws, *, n_resamples: int, rng: np.random.Generator
) -> list[Estimate]:
    """Return the difference in d_eff of two groups by families, and both at equal n."""
    first, second = sides
    label = f"{first.label} less {second.label}"
    smaller = min(group.rows.size for group in sides)
    if smaller < MIN_ROWS:
        why = (f"undefined: {first.label} has {first.rows.size} models and {second.label} {second.rows.size}",)
        names = [f"{label}: {kind}" for kind in KINDS]
        return [undefined("d_eff_difference", name, n=smaller, unit="", method="none", why=why) for name in names]
    estimates = []
    covariances = [redraws.covariances(data.scores, group.rows) for group in sides]
    for kind in KINDS:
        words = Words(
            what=f"difference of participation ratios of the {kind} matrix",
            why="undefined: a benchmark does not vary",
            lacking=f"hold fewer than {MIN_ROWS} models of one side",
        )
        ratios = [ratios_of(matrices, kind) for matrices in covariances]
        found = redraw_inference(ratios[0] - ratios[1], redraws, words, n_rows=smaller)
        estimates.append(found.estimate(symbol="d_eff_difference", label=f"{label}: {kind}", unit=""))
    for group in sides:
        draws = equal_n_ratios(data.scores[group.rows], n_rows=smaller, n_resamples=n_resamples, rng=rng)
        for kind, drawn in zip(KINDS, draws, strict=True):
            estimates.append(_equal_n(drawn, group, kind, smaller))
    return estimates


def ratios_of(covariances: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """Return participation ratios of the covariance or the correlation matrices."""
    return participation_ratios(covariances if kind == "covariance" else correlations(covariances))


def _equal_n(drawn: NDArray[np.float64], group: Group, kind: str, n_rows: int) -> Estimate:
    low, high, _ = percentile_interval(drawn)
    is_whole = group.rows.size == n_rows
    found = Inference(
        value=float(np.nanmedian(drawn)) if np.isfinite(drawn).any() else None,
        low=None if is_whole else low,
        high=None if is_whole else high,
        n=n_rows,
        method=f"median and central 95% of {drawn.size} random subsets of {n_rows} of {group.rows.size} models",
        caveats=("the smaller side: all its models, so subsets do not vary",)
        if is_whole
        else ("the range is that of subsets of these models, not of new families",),
    )
    return found.estimate(symbol="d_eff_equal_n", label=f"{group.label}: {kind}", unit="")
