"""Symbols of `residual_field`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="h_lab",
        name="mean frontier h of a lab",
        unit="pp",
        definition="Mean of the frontier h of a lab's models; refit takes the line of the other labs.",
        section=f"{A} A.6",
    ),
    Quantity(
        symbol="predicted_gpqa",
        name="predicted GPQA Diamond",
        unit="%",
        definition="GPQA Diamond that the line gives at a SWE-bench Verified score, with the interval of a new model.",
        section="DEFINITIONS 4",
    ),
    Quantity(
        symbol="regime_chance",
        name="chance of a regime",
        unit="",
        definition="Share of draws of h in a regime: cooperative within 10 points of the line, coding-specialist "
        "below, reasoning-specialist above.",
        section="DEFINITIONS 2",
    ),
    Quantity(
        symbol="gamma_release",
        name="gamma between releases",
        unit="pp/pp",
        definition="Change of GPQA Diamond over change of SWE-bench Verified between two releases of a lab.",
        section="DEFINITIONS 2",
    ),
    Quantity(
        symbol="h_difference",
        name="difference of frontier h",
        unit="pp",
        definition="Frontier h of one row less that of another of the same version, about one line.",
        section="DEFINITIONS 5",
    ),
    Quantity(
        symbol="h_range",
        name="range of frontier h",
        unit="pp",
        definition="Mean frontier h of named models; the ends are the smallest and the largest, not an interval.",
        section="dashboard frontier tab",
    ),
)
