"""Cosine of two means of which only sums by block are kept, so that memory does not grow with what was averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cape.stats.inference import Z_LEVEL, Inference

Array = NDArray[np.float64]
MIN_BLOCKS = 3


def block_cosines(first: tuple[Array, Array], second: tuple[Array, Array]) -> list[Inference]:
    """Return the cosine of two groups' means for every layer, with a jackknife over blocks on Fisher's z.

    Each group is (sums, counts): (n_blocks, n_layers, width) and (n_blocks,). No interval with fewer than MIN_BLOCKS
    filled blocks in a group; undefined where a mean has no length.
    """
    values = _cosine(first[0].sum(axis=0), second[0].sum(axis=0))
    squared = np.zeros(values.size)
    n = int(first[1].sum() + second[1].sum())
    few = ""
    for (sums, counts), other, is_first in ((first, second, True), (second, first, False)):
        filled = np.flatnonzero(counts)
        if filled.size < MIN_BLOCKS:
            few = f"no interval: fewer than {MIN_BLOCKS} blocks of prompts in a group"
            continue
        rest = other[0].sum(axis=0)
        without = [sums.sum(axis=0) - sums[block] for block in filled]
        pairs = [(left, rest) if is_first else (rest, left) for left in without]
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.arctanh(np.stack([_cosine(*pair) for pair in pairs]))
        squared += (filled.size - 1) / filled.size * ((z - z.mean(axis=0)) ** 2).sum(axis=0)
    return [_inference(float(value), float(np.sqrt(s)), n, few) for value, s in zip(values, squared, strict=True)]


def _cosine(first: Array, second: Array) -> Array:
    """Return the cosine of two vectors in every layer, (n_layers,); sums serve as well as means."""
    lengths = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(lengths > 0, (first * second).sum(axis=1) / lengths, np.nan)


def _inference(value: float, error: float, n: int, few: str) -> Inference:
    method = "cosine of means of running sums; jackknife over blocks of prompts on Fisher's z"
    if not np.isfinite(value):
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=("undefined: a mean is zero",))
    if few or not np.isfinite(error) or abs(value) >= 1:
        why = few or "no interval: the cosine lies at its bound"
        return Inference(value=value, low=None, high=None, n=n, method=method, caveats=(why,))
    low, high = (float(np.tanh(np.arctanh(value) + side * Z_LEVEL * error)) for side in (-1, 1))
    return Inference(value=value, low=low, high=high, n=n, method=method)
