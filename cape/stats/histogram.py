"""Medians and shares of values that are known only as counts in bins, with what the bins leave open."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cape.stats.inference import Inference

METHOD = "counts in bins; the ends are what the bins allow"


def binned_median(edges: ArrayLike, counts: ArrayLike) -> Inference:
    """Return the median of binned values: linear within its bin, the ends being the edges of that bin.

    edges : (n_bins + 1,) ascending. counts : (n_bins,) values per bin. n counts values; undefined without any.
    """
    edge, held = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    n = int(held.sum())
    if n == 0:
        return Inference(value=None, low=None, high=None, n=0, method=METHOD, caveats=("undefined: no value",))
    below = np.concatenate([[0.0], np.cumsum(held)])
    place = int(np.searchsorted(below, n / 2, side="right")) - 1
    place = min(place, int(np.flatnonzero(held).max()))
    within = (n / 2 - below[place]) / held[place] if held[place] else 0.0
    low, high = float(edge[place]), float(edge[place + 1])
    return Inference(value=low + within * (high - low), low=low, high=high, n=n, method=METHOD)


def binned_share_above(edges: ArrayLike, counts: ArrayLike, *, threshold: float) -> Inference:
    """Return the share of binned values above a threshold; a bin that holds it is split in proportion.

    The ends count the bin of the threshold as wholly below and as wholly above; they are the value where the
    threshold is an edge. Undefined without values.
    """
    edge, held = np.asarray(edges, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    n = int(held.sum())
    if n == 0:
        return Inference(value=None, low=None, high=None, n=0, method=METHOD, caveats=("undefined: no value",))
    part = np.clip((edge[1:] - threshold) / np.diff(edge), 0.0, 1.0)
    part = np.where(np.abs(part) < 1e-9, 0.0, np.where(np.abs(part - 1) < 1e-9, 1.0, part))
    ends = [float(held @ end / n) for end in (np.floor(part), part, np.ceil(part))]
    return Inference(value=ends[1], low=ends[0], high=ends[2], n=n, method=METHOD)
