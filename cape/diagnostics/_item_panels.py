"""Panels of local_coupling that rest on items: pairing, flips and planning."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Panel
from cape.figures.items import item_flips, paired_intervals
from cape.figures.planning import what_would_settle

PAIRED_PANEL = Panel(
    name="paired_items",
    title="Intervals with paired items and without",
    tables=("paired",),
    alt="gamma of each interval with two 95% intervals, one from paired items and one from the scores' own errors.",
    figure=paired_intervals,
)
FLIP_PANEL = Panel(
    name="item_flips",
    title="Which items flip",
    tables=("flips",),
    alt="For each step and benchmark a bar from the share of items lost to the share gained, with the net change of "
    "each category of items as a marker; filled markers differ from no change by McNemar's test.",
    figure=item_flips,
)
PLANNING_PANEL = Panel(
    name="planning",
    title="What would settle it",
    tables=("planning", "families_for_n_c"),
    alt="For each interval without a settled phase the items at hand and those that would settle it, on a log axis.",
    figure=what_would_settle,
)
