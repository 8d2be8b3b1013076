"""One look per lab: those with most models have their own, the rest share one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from cape.figures import theme as look

OTHERS = "other labs"
OWN_STYLES = look.FAMILY_STYLES[:-1]


def lab_styles(labs: Iterable[str]) -> Mapping[str, tuple[str, look.Style]]:
    """Return the legend name and style of each lab, given the lab of every model; ties by name."""
    counts = Counter(labs)
    ranked = sorted(counts, key=lambda lab: (-counts[lab], lab))
    own = ranked if len(ranked) <= len(look.FAMILY_STYLES) else ranked[: len(OWN_STYLES)]
    styles = {lab: (lab, style) for lab, style in zip(own, look.FAMILY_STYLES, strict=False)}
    return styles | {lab: (OTHERS, look.FAMILY_STYLES[-1]) for lab in ranked if lab not in styles}
