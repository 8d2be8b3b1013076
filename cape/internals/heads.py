"""Numbers of units, heads or their attention patterns: which cooperate, which compete, and what is net of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cape.internals.hidden import N_SPLITS, thirds
from cape.internals.rows import HEADS_UNIT, P_VALUE, RELIABILITY, SHARE_OF_HEADS, SHARE_OF_PAIRS, Design, Rows, alarm
from cape.stats.group_cosines import (
    Competition,
    competition,
    group_masks,
    mean_over_units,
    null_of,
    shuffled_null,
)
from cape.stats.probe_alarms import at_bound, constant_across
from cape.stats.split_half import split_half

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Units of one instrument and what their probes are called, as in the recorded outputs.

    gram : (n_layers * n_heads, n, n) inner products of the units' vectors. n_first : prompts of the first group.
    prefix : before layer_coupling, net_coupling and the thirds. unit : probe of one head. has_pairs : whether the
    instrument counts competing pairs of prompts, which vectors without negative entries cannot have.
    """

    gram: Array
    n_layers: int
    n_first: int
    prefix: str
    unit: str
    has_pairs: bool

    @property
    def n_heads(self) -> int:
        """Return the number of heads of a layer."""
        return self.gram.shape[0] // self.n_layers


def unit_rows(rows: Rows, units: Units, *, design: Design) -> None:
    """Add the coupling of every head, of every layer's heads, and of all, with null, reliability and alarms."""
    n_draws, rng = design.n_draws, design.rng(4)
    held = competition(units.gram, n_first=units.n_first)
    found = held.cosines
    for unit in range(units.gram.shape[0]):
        place: dict[str, Any] = {"layer": unit // units.n_heads, "head": unit % units.n_heads}
        rows.add(units.unit, found.value[unit], low=found.low[unit], high=found.high[unit], **place)
        if units.has_pairs:
            rows.add(f"{units.unit}_competing_share", held.share[unit], unit=SHARE_OF_PAIRS, **place)
    _layer_rows(rows, units, found.value, held)
    _total_rows(rows, units, found.value, held)
    null = shuffled_null(units.gram, n_first=units.n_first, n_shuffles=n_draws, rng=rng)
    net = null_of(np.array([found.value.mean()]), null.draws.mean(axis=1, keepdims=True))
    how = f"{n_draws} shuffles of the group labels: their mean and central 95 %"
    rows.add(f"{units.prefix}net_coupling_null", net.mean[0], low=net.low[0], high=net.high[0], notes=how)
    rows.add(f"{units.prefix}net_coupling_p", net.p[0], unit=P_VALUE, notes="share of shuffles as low")
    reliability = split_half(units.gram, n_first=units.n_first, n_splits=N_SPLITS, rng=rng)
    rows.infer(f"{units.unit}_split_half", reliability, unit=RELIABILITY)


def _layer_rows(rows: Rows, units: Units, values: Array, held: Competition) -> None:
    masks = group_masks(units.n_first, units.gram.shape[1] - units.n_first)
    for layer in range(units.n_layers):
        places = np.arange(units.n_heads) + layer * units.n_heads
        mean = mean_over_units(
            values[places], held.draws[:, places], masks, method="mean over a layer's heads; jackknife"
        )
        rows.infer(f"{units.prefix}layer_coupling", mean, layer=layer)
        rows.add(f"{units.prefix}layer_coop_frac", held.is_cooperative[places].mean(), unit=SHARE_OF_HEADS, layer=layer)
    for name, layers in thirds(units.n_layers).items():
        places = (layers[:, None] * units.n_heads + np.arange(units.n_heads)).ravel()
        how = f"mean over the heads of the {name} third; jackknife"
        mean = mean_over_units(values[places], held.draws[:, places], masks, method=how)
        rows.infer(f"{units.prefix}{name}_coupling", mean)


def _total_rows(rows: Rows, units: Units, values: Array, held: Competition) -> None:
    by_layer = values.reshape(units.n_layers, -1).mean(axis=1)
    said = alarm(constant_across(by_layer), at_bound(values), constant_across(values, what="heads"))
    rows.infer(f"{units.prefix}net_coupling", held.net, notes=said)
    rows.add(f"{units.prefix}median_head_coupling", float(np.nanmedian(values)) if np.isfinite(values).any() else None)
    rows.infer(f"{units.prefix}head_coop_frac", held.cooperative, unit=SHARE_OF_HEADS)
    if units.has_pairs:
        rows.infer("head_comp_frac", held.competing, unit=SHARE_OF_HEADS)
        rows.add("competing_units", float(held.is_competing.sum()), unit=HEADS_UNIT)
    rows.add("total_units", float(values.size), unit=HEADS_UNIT)
