"""How often random directions are as unlike one another as two groups of prompts are in a head."""

from __future__ import annotations

from scipy.special import betainc

from cape.errors import BadParameterError


def random_cosine_below(cosine: float, *, width: int) -> float:
    """Return the chance that two independent uniform directions of `width` numbers have a cosine below this.

    Exact: the square of the cosine follows a beta distribution (Muirhead 1982, theorem 1.5.7). With one number the
    cosine is -1 or 1. Raises BadParameterError for a width below 1 or a cosine outside -1 to 1.
    """
    if width < 1 or not -1 <= cosine <= 1:
        raise BadParameterError(f"A cosine from -1 to 1 and a width of 1 or more are needed, got {cosine} and {width}.")
    if width == 1:
        return 0.5 if cosine > -1 else 0.0
    beyond = 0.5 * float(betainc((width - 1) / 2, 0.5, 1 - cosine**2))
    return beyond if cosine < 0 else 1 - beyond
