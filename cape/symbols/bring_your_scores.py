"""Symbols of `bring_your_scores`."""

from __future__ import annotations

from cape.quantities import Quantity

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="n_panel_scores",
        name="scores of a panel",
        unit="scores",
        definition="Scores that the panel holds, by how their standard error is known, or all of them.",
        section="bring_your_scores",
    ),
    Quantity(
        symbol="n_panels_alike",
        name="panels measured alike",
        unit="panels",
        definition="Other panels that hold both benchmarks of the pair under the same protocols.",
        section="bring_your_scores",
    ),
)
