"""The names under which the correlations and tests of trend_control are calibrated."""

from __future__ import annotations

from collections.abc import Callable

from cape.calibration import estimators as known
from cape.quantities import Estimate

CALIBRATED = {
    ("r", "models as independent"): known.R_MODELS,
    ("r", "families as independent"): known.R_FAMILIES,
    ("r", "families as independent, jackknife"): known.JACKKNIFED[known.R_FAMILIES],
    ("r_partial", "models as independent"): known.PARTIAL_MODELS,
    ("r_partial", "families as independent"): known.PARTIAL_FAMILIES,
    ("r_partial", "families as independent, jackknife"): known.JACKKNIFED[known.PARTIAL_FAMILIES],
    ("r_partial", "within families"): known.PARTIAL_WITHIN,
    ("r_differences", ""): known.R_DIFFERENCES,
    ("r_within", ""): known.R_WITHIN,
    ("r_within", "jackknife"): known.JACKKNIFED[known.R_WITHIN],
    ("r_between", ""): known.R_BETWEEN,
    ("p_permutation", "two-sided"): known.PERMUTATION,
    ("p_freedman_lane", "two-sided"): known.FREEDMAN_LANE,
    ("p_null", ""): known.TREND_R,
    ("p_null", "partial r"): known.TREND_PARTIAL,
}


def calibrated_name(label: str) -> Callable[[Estimate], str | None]:
    """Return what names the calibrated estimator or test behind an estimate of the selection with this label."""
    return lambda estimate: CALIBRATED.get((estimate.symbol, estimate.label.removeprefix(label).removeprefix(": ")))
