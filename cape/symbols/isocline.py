"""Symbols of `isocline`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="k_isocline",
        name="constant of the isocline",
        unit="",
        definition="k = B2^2 / B1 of the mean scores of the reference model, scores as fractions.",
        section=f"{A} A.7",
    ),
    Quantity(
        symbol="n_models_above",
        name="model rows above the isocline",
        unit="model rows",
        definition="Model rows whose second score exceeds sqrt(k B1), scores as fractions; the ends count rows within "
        "1.96 standard errors of the curve as below and as above.",
        section=f"{A} A.7",
    ),
    Quantity(
        symbol="n_isocline_hits",
        name="signs predicted by the isocline",
        unit="intervals",
        definition="Intervals whose sign of gamma_12 is the one that the side of the isocline, tested at one end of "
        "the interval and read one way, predicts.",
        section=f"{A} A.7",
    ),
    Quantity(
        symbol="n_signed",
        name="intervals with a sign",
        unit="intervals",
        definition="Intervals whose gamma_12 is defined and not zero.",
        section=f"{A} A.7",
    ),
    Quantity(
        symbol="isocline_hit_share",
        name="share of signs predicted by the isocline",
        unit="share of intervals",
        definition="Signs predicted right over intervals with a sign, resampled by family.",
        section=f"{A} A.7",
    ),
    Quantity(
        symbol="base_share",
        name="share of the more frequent sign",
        unit="share of intervals",
        definition="What always naming the more frequent sign of gamma_12 scores.",
        section="isocline",
    ),
    Quantity(
        symbol="isocline_gain",
        name="gain of the isocline over a constant answer",
        unit="share of intervals",
        definition="Share of signs predicted right less share of the more frequent sign.",
        section="isocline",
    ),
    Quantity(
        symbol="p_isocline",
        name="p of the signs predicted",
        unit="",
        definition="Exact share of the orderings of the signs within families with at least as many hits.",
        section="isocline",
    ),
    Quantity(
        symbol="isocline_null_share",
        name="signs predicted by noise",
        unit="share of intervals",
        definition="Share of hits when gamma is one constant per ladder and scores are drawn with their errors; the "
        "tested end stands in the prediction and in the sign, so error alone makes hits.",
        section="isocline",
    ),
    Quantity(
        symbol="share_of_references",
        name="references that do as well",
        unit="share of models",
        definition="Share of the models that, taken as the reference, give at least as many hits as the chosen one.",
        section="isocline",
    ),
)
