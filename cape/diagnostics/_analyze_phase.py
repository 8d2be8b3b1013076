"""The phase of one model: chances by the population, gamma and susceptibility at its size, and the paper's rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from cape.diagnostics import _n_c
from cape.diagnostics._analyze_company import Company, nothing
from cape.diagnostics._analyze_inputs import Subject
from cape.diagnostics._analyze_params import AnalyzeParams
from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import points_of, steps_of
from cape.diagnostics._params import Params
from cape.diagnostics.critical_scale import PAPER_PAIR, PAPER_PANEL
from cape.quantities import Estimate, Phase
from cape.stats.at_size import (
    GrowthCurves,
    PhaseLogits,
    growth_curves,
    local_gamma,
    local_gamma_inference,
    phase_chances,
    phase_logits,
    rate_ratio,
    susceptibility,
)
from cape.stats.coupling import TRANSITION_WIDTH, classify_phase
from cape.stats.critical_scale import pooled_quadratic_paper_mode
from cape.stats.inference import Inference, Steps
from cape.stats.resampling import cluster_inference

GAMMA = "pp/pp"
RATE = "pp per decade"
PHASES = (Phase.TAX, Phase.TRANSITION, Phase.BONUS)
KEPT_FITS, KEPT_GROWTH = 16, 8
NO_SIZE = "undefined: the size is not given"
OBSERVED = "intervals are counted by their observed gamma, measurement error included"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phased:
    """What is known of the phase. chances : of positive, tax, transition and bonus. gamma : by the local line.

    place : where the covariate of the estimator puts the model, None when it was not given.
    """

    chances: dict[str, Inference]
    gamma: Inference
    slopes_gamma: Inference
    curves: GrowthCurves | None
    place: float | None
    paper_n_c: Inference


def phased(subject: Subject, company: Company, params: AnalyzeParams, read: Read) -> Phased:
    """Return chances of each phase by the chosen estimator, and gamma at the model's size by two ways."""
    steps = steps_of(company.steps)
    curves = growth_of(company, params)
    gamma = _local(subject, steps, params)
    slopes_gamma = _slopes_gamma(subject, company, curves, params)
    place = _place(subject, params)
    if params.phase_by == _n_c.FIXED_EFFECTS:
        chances = _chances_of_draws(slopes_gamma)
    else:
        chances = _chances(place, company, params, read)
    return Phased(
        chances=chances,
        gamma=gamma,
        slopes_gamma=slopes_gamma,
        curves=curves,
        place=place,
        paper_n_c=_paper_n_c(read),
    )


def _place(subject: Subject, params: AnalyzeParams) -> float | None:
    if params.phase_by == _n_c.LOGISTIC_LEVEL:
        held = subject.scores.get(params.x)
        return None if held is None else held.score.value
    if params.phase_by == _n_c.LOGISTIC_TOKENS:
        return None if subject.tokens_t is None else float(np.log10(subject.tokens_t)) + 12
    return subject.log10_n


def covariate_of(company: Company, params: Params, estimator: str, read: Read) -> tuple[np.ndarray, str]:
    """Return the covariate of each interval for an estimator, NaN where unknown, and its name."""
    steps = steps_of(company.steps)
    if estimator == _n_c.LOGISTIC_LEVEL:
        return steps.x_mid_pct, f"{params.x} score"
    if estimator == _n_c.LOGISTIC_TOKENS:
        return _n_c._tokens(company.steps, read), "log10 training tokens"
    return steps.log10_n_mid, "log10 N"


def _chances(place: float | None, company: Company, params: AnalyzeParams, read: Read) -> dict[str, Inference]:
    found = logits_of(company, params, read)
    if found is None:
        why = "undefined: the selection has no interval with a gamma"
    elif place is None:
        why = f"undefined: the phase {params.phase_by} needs {_needed(params)}, which was not given"
    else:
        chances = phase_chances(found, place)
        named = {"positive": chances.positive, Phase.TAX: chances.tax, Phase.TRANSITION: chances.transition}
        return {str(name): one for name, one in {**named, Phase.BONUS: chances.bonus}.items()}
    return dict.fromkeys(("positive", *map(str, PHASES)), nothing(why, method=params.phase_by))


def _needed(params: AnalyzeParams) -> str:
    if params.phase_by == _n_c.LOGISTIC_LEVEL:
        return f"a {params.x} score"
    return "training tokens" if params.phase_by == _n_c.LOGISTIC_TOKENS else "a size"


def logits_of(company: Company, params: AnalyzeParams, read: Read) -> PhaseLogits | None:
    """Return the logistic regressions of the chosen covariate, None without an interval; equal fits are kept."""
    covariate, name = covariate_of(company, params, params.phase_by, read)
    steps = steps_of(company.steps)
    known = np.isfinite(covariate)
    if not known.any():
        return None
    family = tuple(steps.family[known].tolist())
    arrays = (covariate[known].tobytes(), steps.gamma[known].tobytes(), family)
    return _fitted(*arrays, name, params.resamples, params.seed)


@lru_cache(maxsize=KEPT_FITS)
def _fitted(
    covariate: bytes, gamma: bytes, family: tuple[str, ...], name: str, n_resamples: int, seed: int
) -> PhaseLogits:
    """Fit once for every model that is compared with the same population; the fit takes longer than all the rest."""
    rng = np.random.default_rng([seed, 61])
    arrays = (np.frombuffer(covariate), np.frombuffer(gamma), np.array(family))
    return phase_logits(*arrays, n_resamples=n_resamples, rng=rng, name=name)


def _chances_of_draws(gamma: Inference) -> dict[str, Inference]:
    """Return the share of resampled gammas in each phase, for an estimator without chances of its own."""
    tests: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "positive": lambda g: g > 0,
        str(Phase.TAX): lambda g: g < -TRANSITION_WIDTH,
        str(Phase.TRANSITION): lambda g: np.abs(g) <= TRANSITION_WIDTH,
        str(Phase.BONUS): lambda g: g > TRANSITION_WIDTH,
    }
    if gamma.value is None or gamma.draws is None or gamma.low is None:
        return dict.fromkeys(tests, nothing("; ".join(gamma.caveats), n=gamma.n, method=gamma.method))
    draws = gamma.draws[np.isfinite(gamma.draws)]
    method = f"share of {draws.size} resamples; {gamma.method}"
    caveats = ("no interval: a share of resamples of the mean gamma, not of intervals",)
    return {
        name: Inference(value=float(test(draws).mean()), low=None, high=None, n=gamma.n, method=method, caveats=caveats)
        for name, test in tests.items()
    }


def _local(subject: Subject, steps: Steps, params: AnalyzeParams) -> Inference:
    if subject.log10_n is None:
        return nothing(NO_SIZE, method="local line gamma(log10 N)")
    n = int(np.unique(steps.family).size)
    rng = np.random.default_rng([params.seed, 62])
    values, counted = local_gamma(
        steps, at=subject.log10_n, bandwidth=params.bandwidth, n_resamples=params.resamples, rng=rng
    )
    return local_gamma_inference(values[:, 0], float(counted[0]), bandwidth=params.bandwidth, n=n)


def growth_of(company: Company, params: AnalyzeParams) -> GrowthCurves | None:
    """Return the growth of every benchmark within families of the population, or None without sized models."""
    chosen = company.is_population
    if not chosen.any():
        return None
    arrays = (company.log10_n[chosen].tobytes(), company.scores[chosen].tobytes())
    return _grown(*arrays, tuple(company.family[chosen].tolist()), params.resamples, params.seed)


@lru_cache(maxsize=KEPT_GROWTH)
def _grown(log10_n: bytes, scores: bytes, family: tuple[str, ...], n_resamples: int, seed: int) -> GrowthCurves:
    """Fit once for every setting of the levers; scores are (n_models, n_benchmarks) by rows."""
    size, label = np.frombuffer(log10_n), np.array(family, dtype=np.str_)
    table = np.frombuffer(scores).reshape(size.size, -1)
    rng = np.random.default_rng([seed, 63])
    return growth_curves(size, table, label, n_resamples=n_resamples, rng=rng)


def _slopes_gamma(subject: Subject, company: Company, curves: GrowthCurves | None, params: AnalyzeParams) -> Inference:
    method = "ratio of the slopes of two quadratics in log10 N with family intercepts"
    if subject.log10_n is None:
        return nothing(NO_SIZE, method=method)
    if curves is None:
        return nothing("undefined: the selection has no model with a public size", method=method)
    first, second = (company.benchmarks.index(name) for name in (params.x, params.y))
    n = int(min(curves.n[first], curves.n[second]))
    return rate_ratio(curves.rates(subject.log10_n), first=first, second=second, n=n)


def _paper_n_c(read: Read) -> Inference:
    rows = read("mart_pairs", panel=PAPER_PANEL, x=PAPER_PAIR[0], y=PAPER_PAIR[1]).sort("y_file_row")
    if rows.is_empty():
        return nothing("undefined: the lake lacks the rows of the paper's own script")
    points = points_of(rows)
    return _paper_fit(points.log10_n.tobytes(), points.y_pct.tobytes())


@lru_cache(maxsize=4)
def _paper_fit(log10_n: bytes, y: bytes) -> Inference:
    """Fit once: the recipe has its own seed and rows."""
    return pooled_quadratic_paper_mode(np.frombuffer(log10_n), np.frombuffer(y))[0]


def phase_estimates(subject: Subject, company: Company, found: Phased, params: AnalyzeParams) -> list[Estimate]:
    """Return the chances of each phase, gamma, susceptibility and growth, and what the paper's rule says."""
    label, pair = f"{subject.name}, {params.phase_by}", f"{subject.name}: {params.y} against {params.x}"
    caveats = (company.filter_text,)
    estimates = [
        one.estimate(symbol="phase_chance", label=f"{label}: {name}", unit="", caveats=(*caveats, OBSERVED))
        for name, one in found.chances.items()
    ]
    estimates += [
        found.gamma.estimate(symbol="gamma_at_size", label=f"{pair}, local line", unit=GAMMA, caveats=caveats),
        found.slopes_gamma.estimate(symbol="gamma_at_size", label=f"{pair}, slopes", unit=GAMMA, caveats=caveats),
        susceptibility(found.gamma).estimate(symbol="chi_gamma", label=f"{pair}, at its size", unit=""),
    ]
    return estimates + _rates(subject, company, found, params) + _paper_estimates(subject, found.paper_n_c)


def _rates(subject: Subject, company: Company, found: Phased, params: AnalyzeParams) -> list[Estimate]:
    estimates = []
    for name in dict.fromkeys((params.x, params.y, *(b for b in subject.scores if b in company.benchmarks))):
        method = "slope of a quadratic in log10 N with family intercepts"
        if subject.log10_n is None or found.curves is None:
            one = nothing(NO_SIZE if subject.log10_n is None else "undefined: no model has a public size")
        else:
            column = company.benchmarks.index(name)
            one = cluster_inference(
                found.curves.rates(subject.log10_n)[:, column],
                why="undefined: outside the sizes of the curve",
                lacking="have no curve",
                n=int(found.curves.n[column]),
                method=method,
            )
        estimates.append(one.estimate(symbol="score_rate", label=f"{subject.name}: {name}", unit=RATE))
    return estimates


def _paper_estimates(subject: Subject, n_c: Inference) -> list[Estimate]:
    label = f"{subject.name}, paper mode"
    if subject.log10_n is None or n_c.value is None:
        why = NO_SIZE if subject.log10_n is None else "; ".join(n_c.caveats)
        ratio = share = nothing(why, n=n_c.n, method=n_c.method)
    else:
        powers = [None if end is None else 10.0 ** (subject.log10_n - end) for end in (n_c.value, n_c.high, n_c.low)]
        ratio = replace(
            n_c, value=powers[0], low=powers[1], high=powers[2], draws=None, method=f"N over N_c; {n_c.method}"
        )
        draws = np.empty(0) if n_c.draws is None else n_c.draws[np.isfinite(n_c.draws)]
        share = Inference(
            value=float((draws < subject.log10_n).mean()),
            low=None,
            high=None,
            n=n_c.n,
            method=f"share of the kept resamples with N_c below this size; {n_c.method}",
            caveats=("no interval: a share of resamples", *n_c.caveats),
        )
    return [
        ratio.estimate(symbol="size_over_N_c", label=label, unit="x"),
        share.estimate(symbol="phase_chance", label=f"{label}: above N_c, so bonus by the paper's rule", unit=""),
    ]


def phase_words(found: Phased) -> str:
    """Return the phase by the rule: the one whose chance has an interval above one half, else undetermined."""
    for phase in PHASES:
        one = found.chances[str(phase)]
        if one.low is not None and one.low > 0.5:
            return str(phase)
    return str(Phase.UNDETERMINED)


def gamma_phase(gamma: Inference) -> tuple[str, str]:
    """Return (the paper's phase, ours) of a gamma with its interval; none where it is undefined."""
    nan = float("nan")
    ends = [nan if end is None else end for end in (gamma.value, gamma.low, gamma.high)]
    paper, ours = classify_phase(*([end] for end in ends))
    return str(paper[0]), str(ours[0])
