"""How an answer is worded whose resamples are draws of the scores of one ladder, not resamples of families."""

from __future__ import annotations

from dataclasses import replace

from cape.stats.inference import Inference

MEASUREMENT_ONLY = "measurement error only: the choice of models and sizes is taken as given"
ERROR_TWICE = "no interval: drawn scores hold the measurement error twice, so they fit worse than the data"


def as_measured(found: Inference) -> Inference:
    """Return an answer of a bootstrap of families worded as one of draws of scores from Normal(score, SE)."""
    method = found.method.replace("resamples of whole families", "draws of each score from Normal(score, SE)")
    caveats = tuple(caveat.replace("resamples", "draws") for caveat in found.caveats)
    return replace(found, method=method, caveats=(*caveats, MEASUREMENT_ONLY))


def residual_of_draws(found: Inference) -> Inference:
    """Return a measure of fit (R2, residual) without the interval of its draws, which would mislead."""
    caveats = tuple(caveat for caveat in found.caveats if "resamples" not in caveat)
    method = found.method.partition("; percentiles")[0]
    return replace(found, low=None, high=None, method=method, caveats=(*caveats, ERROR_TWICE), draws=None)
