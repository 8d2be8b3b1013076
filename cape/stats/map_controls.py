"""What a map does to a cosine when it knows nothing of the model: a random linear map, and GELU of normal vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from cape.stats.inference import Inference
from cape.stats.resampling import percentile_interval

NORMAL_SUMS = 128  # coordinates from which their sums are taken as normal
MOST_DRAWN = 2_000  # pairs of vectors that are drawn one by one
NODES = 96  # of the Gauss-Hermite rule in each of two dimensions
Array = NDArray[np.float64]


def random_map_cosine(cosine: float, *, width: int, n_draws: int, rng: np.random.Generator) -> Inference:
    """Return the cosine of two vectors after a random normal linear map to `width` numbers.

    Each number of the image is a pair of normal numbers with this correlation, so their sums of squares and products
    are a Wishart matrix, drawn exactly by Bartlett's decomposition. The interval is the central 95% over maps.
    Raises ValueError unless -1 <= cosine <= 1 and width > 1.
    """
    _check(cosine, width)
    first = np.sqrt(rng.chisquare(width, n_draws))
    below = rng.standard_normal(n_draws)
    second = np.sqrt(rng.chisquare(width - 1, n_draws))
    x, other = first, np.sqrt(max(1.0 - cosine**2, 0.0))
    y = cosine * first + other * below
    drawn = y / np.hypot(y, other * second) * np.sign(x)
    low, high, _ = percentile_interval(drawn)
    method = f"a random normal linear map to {width} numbers keeps the cosine but for chance; {n_draws} maps"
    return Inference(value=cosine, low=low, high=high, n=width, method=method, draws=drawn)


def gelu_cosine(cosine: float, *, sd: float, width: int, n_draws: int, rng: np.random.Generator) -> Inference:
    """Return the cosine of GELU of two vectors of `width` independent normal coordinates with this cosine.

    sd : standard deviation of a coordinate; GELU is not the same at every scale. The value is the ratio of expected
    sums by a Gauss-Hermite rule; the interval the central 95% over vectors, drawn one by one where
    coordinates are few and normal for the sums of many.
    Raises ValueError unless -1 <= cosine <= 1, sd > 0 and width > 1.
    """
    _check(cosine, width)
    if sd <= 0:
        raise ValueError(f"gelu_cosine needs sd > 0, got {sd}. Pass the spread of a coordinate.")
    node, weight = np.polynomial.hermite_e.hermegauss(NODES)
    weight = weight / weight.sum()
    x = np.repeat(node, NODES)
    y = cosine * x + np.sqrt(max(1.0 - cosine**2, 0.0)) * np.tile(node, NODES)
    mass = np.outer(weight, weight).ravel()
    first, second = gelu(sd * x), gelu(sd * y)
    terms = np.stack([first * second, first**2, second**2])
    mean = terms @ mass
    spread = (terms - mean[:, None]) * mass @ (terms - mean[:, None]).T
    if width < NORMAL_SUMS:
        drawn = _drawn_gelu(cosine, sd=sd, width=width, n_draws=min(n_draws, MOST_DRAWN), rng=rng)
    else:
        sums = rng.multivariate_normal(mean, spread / width, size=n_draws, method="eigh")
        lengths = np.where((sums[:, 1] > 0) & (sums[:, 2] > 0), sums[:, 1] * sums[:, 2], np.nan)  # a sum of squares
        drawn = sums[:, 0] / np.sqrt(lengths)
    low, high, _ = percentile_interval(drawn)
    method = f"GELU of {width} independent normal coordinates of standard deviation {sd:g}; {drawn.size} draws"
    return Inference(value=float(mean[0] / np.sqrt(mean[1] * mean[2])), low=low, high=high, n=width, method=method)


def _drawn_gelu(cosine: float, *, sd: float, width: int, n_draws: int, rng: np.random.Generator) -> Array:
    """Return the cosine of GELU of n_draws pairs of vectors."""
    x, other = rng.standard_normal((2, n_draws, width))
    first, second = gelu(sd * x), gelu(sd * (cosine * x + np.sqrt(max(1.0 - cosine**2, 0.0)) * other))
    product, lengths = (first * second).sum(axis=1), (first**2).sum(axis=1) * (second**2).sum(axis=1)
    result: Array = product / np.sqrt(lengths)
    return result


def gelu(values: ArrayLike) -> Array:
    """Return GELU of an array: x times the standard normal distribution function (Hendrycks and Gimpel 2016)."""
    x = np.asarray(values, dtype=np.float64)
    result: Array = x * ndtr(x)
    return result


def paired_bootstrap(values: ArrayLike, *, n_resamples: int, rng: np.random.Generator, what: str) -> Inference:
    """Return the mean of values (n,), one for each pair of prompts, with a percentile interval over the pairs.

    NaN is left out and counted. One pair has no interval.
    """
    held = np.asarray(values, dtype=np.float64)
    kept = held[np.isfinite(held)]
    lost = (f"{held.size - kept.size} of {held.size} pairs are undefined",) if kept.size < held.size else ()
    method = f"mean {what} over pairs of prompts; percentiles of {n_resamples} resamples of pairs"
    if kept.size == 0:
        return Inference(value=None, low=None, high=None, n=0, method=method, caveats=("undefined: no pair", *lost))
    if kept.size == 1:
        why = ("no interval: one pair", *lost)
        return Inference(value=float(kept[0]), low=None, high=None, n=1, method=method, caveats=why)
    weights = rng.multinomial(kept.size, np.full(kept.size, 1 / kept.size), size=n_resamples)
    draws = weights @ kept / kept.size
    low, high, _ = percentile_interval(draws)
    return Inference(
        value=float(kept.mean()), low=low, high=high, n=kept.size, method=method, caveats=lost, draws=draws
    )


def _check(cosine: float, width: int) -> None:
    if not -1.0 <= cosine <= 1.0 or width < 2:
        raise ValueError(f"A cosine lies between -1 and 1 and a width is above 1, got {cosine} and {width}.")
