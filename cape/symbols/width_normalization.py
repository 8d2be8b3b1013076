"""Symbols of `width_normalization`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="r_width_ratio",
        name="correlation over width",
        unit="",
        definition="Correlation over the models of one family of both scores divided by d_model / 512.",
        section=f"{A} 5.1, A.3",
    ),
    Quantity(
        symbol="r_width_constant",
        name="correlation over width, constant score",
        unit="",
        definition="The same with the second score replaced by a constant: what the shared divisor gives by itself.",
        section=f"{A} 5.1, control",
    ),
    Quantity(
        symbol="r_width_shuffled",
        name="correlation over width, shuffled scores",
        unit="",
        definition="Median and central 95% of the same over orderings of the second score, all of them up to n = 8.",
        section=f"{A} 5.1, control",
    ),
    Quantity(
        symbol="p_width_shuffled",
        name="p against shuffled scores",
        unit="",
        definition="Twice the smaller share of orderings of the second score with a correlation over width at least as "
        "extreme; adjusted: over the families (Benjamini-Hochberg).",
        section=f"{A} 5.1, control",
    ),
    Quantity(
        symbol="r_given_width",
        name="partial correlation given width",
        unit="",
        definition="Correlation of the two scores with their linear trends in log10 d_model removed.",
        section=f"{A} 5.1, alternative",
    ),
    Quantity(
        symbol="width_gain",
        name="gain over shuffled scores",
        unit="",
        definition="Correlation over width less the median over shuffled scores, mean over families.",
        section=f"{A} 5.1, control",
    ),
    Quantity(
        symbol="n_families_by_width",
        name="families by what width did",
        unit="families",
        definition="Families of three or more models of known width, by what dividing by width did to their raw "
        "correlation beside the constant and the shuffled scores.",
        section=f"{A} 5.1, 9",
    ),
)
