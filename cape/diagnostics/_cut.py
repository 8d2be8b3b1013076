"""Where models are parted by size: where the reader says, or in the middle where the paper's place has no meaning."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cape.positions import PARAMS, Axis


def cut_of(asked: float, default: float, axis: Axis, log10_n: NDArray[np.float64]) -> tuple[float, str]:
    """Return log10 of the cut and its words.

    asked : the place in the unit of the axis. default : the paper's, in billions of parameters; on another axis it
    gives way to the median place of the models. log10_n : (n,) NaN where unknown.
    """
    known = log10_n[np.isfinite(log10_n)]
    if axis is PARAMS or asked != default or not known.size:
        return float(np.log10(asked)) + axis.log10_scale, axis.words(asked)
    middle = float(np.median(known))
    return middle, axis.text(10**middle)
