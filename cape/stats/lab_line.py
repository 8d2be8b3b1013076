"""A line through models of several labs: pooled, within and between labs, left-out labs, and a null that keeps labs.

Labs are the resampling unit: models of one lab share data, recipes and evaluation habits (DEFINITIONS section 1).
Reference: Efron and Tibshirani (1993) chapter 9; Good (2005), Permutation Tests, chapter 3 (restricted shuffles).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from cape.stats.correlation import centred, family_demeaned_correlation, pearson
from cape.stats.flow import weighted_polynomials
from cape.stats.inference import LEVEL, Inference
from cape.stats.lines import fit_line
from cape.stats.nulls import PermutationTest, orderings, tail_test
from cape.stats.resampling import cluster_inference, cluster_weights

Array = NDArray[np.float64]

LEAST_POINTS = 3  # two points give any line; r needs three
LEAST_LABS = 2
ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabPoints:
    """Models with both scores; lab (n,), x and y (n,) percent, x_se and y_se (n,) points, NaN where unknown."""

    lab: NDArray[np.str_]
    x: Array
    y: Array
    x_se: Array = field(repr=False)
    y_se: Array = field(repr=False)

    @property
    def n_labs(self) -> int:
        """Number of labs."""
        return int(np.unique(self.lab).size)

    def rows(self, kept: NDArray) -> LabPoints:
        """Return the rows of a mask or of indices."""
        return LabPoints(lab=self.lab[kept], x=self.x[kept], y=self.y[kept], x_se=self.x_se[kept], y_se=self.y_se[kept])


@dataclass(frozen=True, slots=True, kw_only=True)
class LabLine:
    """The pooled line with labs resampled. slope, intercept : with percentile intervals; n counts labs.

    coefficients : (1 + n_resamples, 2) intercept and slope of the data, then of each resample, NaN where none.
    """

    slope: Inference
    intercept: Inference
    coefficients: Array = field(repr=False)

    def at(self, places: Array) -> tuple[Array, Array, Array]:
        """Return the line and the ends of its 95% band at places (n_places,), percent; NaN where there is no line."""
        heights = self.coefficients[:, :1] + self.coefficients[:, 1:] * places
        if self.slope.low is None:
            return heights[0], np.full(places.size, np.nan), np.full(places.size, np.nan)
        low, high = np.nanquantile(heights[1:], ENDS, axis=0)
        return heights[0], low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Each lab predicted by the line of the other labs, beside their mean. Arrays have shape (n_labs,).

    error_line, error_mean : mean absolute error, percentage points; NaN where the other labs give no line.
    bias : mean of score less line. residual : (n,) each model's score less the line of the other labs.
    """

    lab: NDArray[np.str_]
    n_models: NDArray[np.int_]
    error_line: Array
    error_mean: Array
    bias: Array
    residual: Array = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Within and between slopes of the same rows, each with its interval, and the r of each."""

    slope_within: Inference
    slope_between: Inference
    r_within: Inference
    r_between: Inference


def lab_line(points: LabPoints, *, n_resamples: int, rng: np.random.Generator) -> LabLine:
    """Return the least-squares line with labs resampled; undefined with fewer than 3 models or one value of x."""
    weights = np.vstack([np.ones(points.x.size), cluster_weights(points.lab, n_resamples=n_resamples, rng=rng)])
    coefficients, _ = weighted_polynomials(weights, points.x[None, :], points.y[None, :], 1)
    coefficients[(weights > 0).sum(axis=1) < LEAST_POINTS] = np.nan
    why = f"undefined: a line needs {LEAST_POINTS} models of different first score, got {points.x.size}"
    slope, intercept = (
        cluster_inference(
            coefficients[:, column], why=why, lacking="have no line", n=points.n_labs, method="least-squares line"
        )
        for column in (1, 0)
    )
    slope, intercept = (in_labs(found) for found in (slope, intercept))
    return LabLine(slope=slope, intercept=intercept, coefficients=coefficients)


def in_labs(found: Inference) -> Inference:
    """Return the inference with the word for the resampling unit that holds here."""
    return replace(
        found,
        method=found.method.replace("families", "labs"),
        caveats=tuple(c.replace("families", "labs").replace("Families", "Labs") for c in found.caveats),
    )


def classical_intercept(points: LabPoints) -> Inference:
    """Return the intercept of the least-squares line with its t interval, models as independent."""
    line = fit_line(points.x, points.y)
    method = "least-squares line, t interval"
    if line.intercept is None or line.slope_se is None or line.slope.high is None or line.slope.value is None:
        value = line.intercept
        why = line.slope.caveats if value is None else ("no interval: too few models",)
        return Inference(value=value, low=None, high=None, n=points.x.size, method=method, caveats=why)
    half = (line.slope.high - line.slope.value) * float(np.sqrt((points.x**2).mean()))
    value = line.intercept
    return Inference(value=value, low=value - half, high=value + half, n=points.x.size, method=method)


def within_and_between(points: LabPoints, *, n_resamples: int, rng: np.random.Generator) -> Share:
    """Return slope and r within labs (scores less lab means) and between labs (unweighted lab means)."""
    codes, means = _lab_means(points)
    within = family_demeaned_correlation(points.x, points.y, points.lab, n_resamples=n_resamples, rng=rng)
    return Share(
        slope_within=_within_slope(points, codes, means, n_resamples=n_resamples, rng=rng),
        slope_between=replace(fit_line(*means).slope, method="least-squares line of unweighted lab means, t interval"),
        r_within=in_labs(within),
        r_between=replace(pearson(*means), method="Pearson r of unweighted lab means, Fisher z interval"),
    )


def _lab_means(points: LabPoints) -> tuple[NDArray[np.intp], tuple[Array, Array]]:
    _, codes, sizes = np.unique(points.lab, return_inverse=True, return_counts=True)
    x, y = (np.bincount(codes, column) / sizes for column in (points.x, points.y))
    return codes, (x, y)


def _within_slope(
    points: LabPoints,
    codes: NDArray[np.intp],
    means: tuple[Array, Array],
    *,
    n_resamples: int,
    rng: np.random.Generator,
) -> Inference:
    """Return the common slope within labs, labs resampled; n counts labs with at least 2 models."""
    x, y = points.x - means[0][codes], points.y - means[1][codes]
    sums = np.stack([np.bincount(codes, x * y), np.bincount(codes, x * x)], axis=1)
    kept = np.bincount(codes) > 1
    n_labs, spare = int(kept.sum()), int(np.bincount(codes)[kept].sum() - kept.sum())
    method = "slope of scores less lab means"
    if spare < LEAST_POINTS - 1 or sums[kept, 1].sum() <= 0:
        why = f"undefined: {n_labs} labs with 2 models leave {spare} spare, or the first score never differs"
        return Inference(value=None, low=None, high=None, n=n_labs, method=method, caveats=(why,))
    drawn = cluster_weights(np.arange(n_labs), n_resamples=n_resamples, rng=rng)
    moments = np.vstack([np.ones(n_labs), drawn]) @ sums[kept]
    values = moments[:, 0] / np.where(moments[:, 1] > 0, moments[:, 1], np.nan)
    dropped = int((~kept).sum())
    found = in_labs(cluster_inference(values, why="undefined", lacking="have no slope", n=n_labs, method=method))
    return replace(found, caveats=(*found.caveats, f"{dropped} labs with one model contribute nothing"))


def leave_lab_out(points: LabPoints) -> LeftOut:
    """Return each lab's error under the line of the other labs and under their mean (paper A.6).

    A lab without a line of the others (fewer than 3 other models, one value of x) has NaN.
    """
    labs, codes, sizes = np.unique(points.lab, return_inverse=True, return_counts=True)
    residual, plain = np.full(points.x.size, np.nan), np.full(points.x.size, np.nan)
    for code in range(labs.size):
        mine = codes == code
        others = points.rows(~mine)
        if not others.x.size:
            continue
        plain[mine] = points.y[mine] - others.y.mean()
        if others.x.size < LEAST_POINTS or not centred(others.x).any():
            continue
        line = fit_line(others.x, others.y)
        residual[mine] = points.y[mine] - (line.intercept or 0.0) - (line.slope.value or 0.0) * points.x[mine]

    def mean_of(values: Array) -> Array:
        return np.bincount(codes, values, minlength=labs.size) / sizes

    return LeftOut(
        lab=labs,
        n_models=sizes,
        error_line=mean_of(np.abs(residual)),
        error_mean=mean_of(np.abs(plain)),
        bias=mean_of(residual),
        residual=residual,
    )


def mean_over_labs(values: Array, *, what: str, n_resamples: int, rng: np.random.Generator) -> Inference:
    """Return the plain mean of one number per lab (n_labs,) with labs resampled; NaN left out and counted."""
    kept = values[np.isfinite(values)]
    n_lost = values.size - kept.size
    caveats = (f"{n_lost} of {values.size} labs have no {what}",) if n_lost else ()
    method = f"mean over labs of the {what}"
    if not kept.size:
        why = (f"undefined: no lab has a {what}",)
        return Inference(value=None, low=None, high=None, n=0, method=method, caveats=why)
    drawn = kept[rng.integers(kept.size, size=(n_resamples, kept.size))].mean(axis=1)
    found = cluster_inference(np.append(kept.mean(), drawn), why="", lacking="", n=kept.size, method=method)
    found = in_labs(found)
    return replace(found, caveats=(*found.caveats, *caveats, "the lines share models, so errors are not independent"))


def spread_over_labs(values: Array, *, what: str) -> tuple[Inference, Inference]:
    """Return the standard deviation over labs divided by n, as the paper's plus-minus is, and by n - 1.

    The second has the chi-square interval of a normal sample. Both are undefined below 2 labs.
    """
    kept = values[np.isfinite(values)]
    method, n = f"standard deviation over labs of the {what}", int(kept.size)
    if n < LEAST_LABS:
        why = (f"undefined: needs {LEAST_LABS} labs, got {n}",)
        lost = Inference(value=None, low=None, high=None, n=n, method=method, caveats=why)
        return lost, lost
    plain = Inference(
        value=float(kept.std()),
        low=None,
        high=None,
        n=n,
        method=f"{method}, divided by n",
        caveats=("no interval: the spread of these labs, not of labs in general",),
    )
    sample = float(kept.std(ddof=1))
    high, low = (sample * float(np.sqrt((n - 1) / chi2.ppf(end, n - 1))) for end in ENDS)
    method = f"{method}, divided by n - 1; chi-square interval of a normal sample"
    return plain, Inference(value=sample, low=low, high=high, n=n, method=method)


def lab_shuffle_p(points: LabPoints, *, n_permutations: int, rng: np.random.Generator) -> dict[str, PermutationTest]:
    """Return tests of pooled r by what is shuffled: scores within labs, lab means, or both.

    Lab means of the second score are handed to other labs, and deviations from them are shuffled within labs; the
    other part stays as it is. "both" is the null of no relation within or between labs; labs count as exchangeable.
    """
    x, y = centred(points.x), centred(points.y)
    if points.x.size < LEAST_POINTS or not x.any() or not y.any():
        why = f"undefined: r needs {LEAST_POINTS} models that differ in both scores, got {points.x.size}"
        return {name: PermutationTest(method="lab shuffles", caveats=(why,)) for name in ("within", "between", "both")}
    codes, (_, means) = _lab_means(points)
    rest = points.y - means[codes]
    order = np.argsort(codes, kind="stable")
    keys = codes[order] + rng.random((n_permutations, codes.size))  # sorting them shuffles within labs only
    shuffled = np.empty_like(keys)
    shuffled[:, order] = rest[order][np.argsort(keys, axis=1)]
    table, exact = orderings(means.size, n_permutations=n_permutations, rng=rng)
    handed = means[table[rng.integers(len(table), size=n_permutations)]][:, codes]
    kept = {"within": means[codes] + shuffled, "between": means[table][:, codes] + rest, "both": handed + shuffled}
    observed = pearson(points.x, points.y).value or 0.0
    tests = {}
    for name, drawn in kept.items():
        off = drawn - drawn.mean(axis=1, keepdims=True)
        size = np.linalg.norm(off, axis=1) * np.linalg.norm(x)
        null = np.divide(off @ x, size, out=np.full(size.size, np.nan), where=size > 0)
        tests[name] = tail_test(
            observed, null, exact=exact and name == "between", method=f"pooled r, {SHUFFLED[name]} shuffled"
        )
    return tests


SHUFFLED = {
    "within": "scores within labs",
    "between": "lab means among labs",
    "both": "lab means among labs and scores within labs",
}
