"""Symbols of paired items, flips and planning."""

from __future__ import annotations

from cape.quantities import Quantity

PAIRING = "Miller, arXiv 2411.00640, 4.2"
PLANNING = "planning"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="se_ratio",
        name="shrinkage by paired items",
        unit="",
        definition="Standard error from items that both sizes answered over the standard error from the two scores' "
        "own errors; below 1 where models agree on which items are hard.",
        section=PAIRING,
    ),
    Quantity(
        symbol="share_flipped",
        name="share of items that flip",
        unit="% of items",
        definition="Items answered right by one of two consecutive sizes and wrong by the other, over common items.",
        section=PAIRING,
    ),
    Quantity(
        symbol="n_steps_changed",
        name="steps whose items change",
        unit="steps",
        definition="Steps on which gained and lost items differ by McNemar's exact test, at a false discovery rate of "
        "5% over the steps.",
        section="McNemar (1947)",
    ),
    Quantity(
        symbol="n_intervals_in_reach",
        name="intervals within reach of more items",
        unit="intervals",
        definition="Intervals without a settled phase that up to ten times the items of both benchmarks would settle "
        "with a chance of 80%, if the changes are as observed.",
        section=PLANNING,
    ),
    Quantity(
        symbol="items_to_settle",
        name="items that settle an interval",
        unit="items",
        definition="Items that both sizes must answer, in all, until the 95% interval of gamma_12 lies in one phase "
        "with a chance of 80%, for the interval that the fewest further answers settle.",
        section=PLANNING,
    ),
    Quantity(
        symbol="seeds_to_settle",
        name="seeds that settle an interval",
        unit="seeds",
        definition="Replicates of a step until Student's interval of their mean changes lies in one phase with a "
        "chance of 80%, if mean and spread are as observed.",
        section=PLANNING,
    ),
)
