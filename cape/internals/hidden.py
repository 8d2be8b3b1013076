"""Numbers of hidden states by layer: coupling of two groups of prompts, its null and reliability, and d_rep."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cape.internals.gather import RunningSums
from cape.internals.rows import (
    DIRECTIONS,
    LAYERS_UNIT,
    P_VALUE,
    RELIABILITY,
    SHARE_OF_PAIRS,
    Design,
    Rows,
    alarm,
    without_noise,
)
from cape.stats.block_cosines import block_cosines
from cape.stats.gram_maps import participation_ratio
from cape.stats.group_cosines import (
    Competition,
    competition,
    group_cosines,
    group_masks,
    mean_over_units,
    shuffled_null,
)
from cape.stats.probe_alarms import at_bound, constant_across
from cape.stats.split_half import split_half

Array = NDArray[np.float64]
THIRDS = ("early", "mid", "late")
N_SPLITS = 200


def grams_of(vectors: NDArray[np.float32], *, minus: Array | None = None) -> Array:
    """Return the inner products of every unit's vectors, (n_units, n, n) float64.

    vectors : (n_units, n, width). minus : (n_units, width) taken away first, or None.
    """
    found = []
    for unit, each in enumerate(vectors):
        wide = each.astype(np.float64) - (0.0 if minus is None else minus[unit])
        found.append(wide @ wide.T)
    return np.stack(found)


def thirds(n: int) -> dict[str, NDArray[np.intp]]:
    """Return the places of the early, mid and late third of n layers; none with fewer than three layers."""
    if n < len(THIRDS):
        return {}
    return dict(zip(THIRDS, np.array_split(np.arange(n), len(THIRDS)), strict=True))


def layer_rows(rows: Rows, gram: Array, *, design: Design) -> None:
    """Add the coupling of every layer and of the whole, with nulls, reliability and alarms. gram : (n_layers, n, n)."""
    n_first, n_draws, rng = design.n_first, design.n_draws, design.rng(3)
    held = competition(gram, n_first=n_first)
    found = held.cosines
    null = shuffled_null(gram, n_first=n_first, n_shuffles=n_draws, rng=rng)
    how = "cosine of mean hidden states; jackknife over prompts on Fisher's z"
    for layer in range(gram.shape[0]):
        limits = {"low": found.low[layer], "high": found.high[layer]}
        rows.add("layer_coupling", found.value[layer], **limits, layer=layer, notes=how)
        unbiased = (each[layer] for each in (found.unbiased, found.unbiased_low, found.unbiased_high))
        rows.add("layer_coupling_unbiased", **without_noise(*unbiased, how=how), layer=layer)
        rows.add(
            "layer_coupling_null",
            null.mean[layer],
            low=null.low[layer],
            high=null.high[layer],
            layer=layer,
            notes=f"{n_draws} shuffles of the group labels: their mean and central 95 %",
        )
        rows.add("layer_coupling_p", null.p[layer], unit=P_VALUE, layer=layer, notes="share of shuffles as low")
        rows.add("layer_competing_share", held.share[layer], unit=SHARE_OF_PAIRS, layer=layer)
        rows.infer("d_rep", participation_ratio(gram[layer]), unit=DIRECTIONS, layer=layer)
    _whole_rows(rows, held, n_first=n_first)
    rows.infer("layer_split_half", split_half(gram, n_first=n_first, n_splits=N_SPLITS, rng=rng), unit=RELIABILITY)


def _whole_rows(rows: Rows, held: Competition, *, n_first: int) -> None:
    found, draws = held.cosines, held.draws
    masks = group_masks(n_first, len(draws) - n_first)
    said = alarm(constant_across(found.value), at_bound(found.value))
    method = "mean over layers; jackknife over prompts"
    rows.infer("mean_layer_coupling", mean_over_units(found.value, draws, masks, method=method), notes=said)
    for name, places in thirds(found.value.size).items():
        mean = mean_over_units(found.value[places], draws[:, places], masks, method=f"{name} third; {method}")
        rows.infer(f"{name}_layer_coupling", mean)
    rows.add("last_layer_coupling", found.value[-1], low=found.low[-1], high=found.high[-1])
    rows.add("competing_layers", float(held.is_competing.sum()), unit=LAYERS_UNIT)
    rows.add("total_layers", float(found.value.size), unit=LAYERS_UNIT)


def centred_rows(rows: Rows, gram: Array | None, *, n_first: int, n_layers: int) -> None:
    """Add the coupling of hidden states from which the background's mean is taken away; null without a background."""
    if gram is None:
        for layer in range(n_layers):
            rows.add("layer_coupling_centred", None, layer=layer, notes="undefined: no background prompts were given")
        return
    found = group_cosines(gram, n_first=n_first)
    for layer in range(n_layers):
        rows.add(
            "layer_coupling_centred",
            found.value[layer],
            low=found.low[layer],
            high=found.high[layer],
            layer=layer,
            notes="hidden states minus the background's mean; centring on the two groups themselves would give -1",
        )


def background_rows(rows: Rows, sums: RunningSums) -> None:
    """Add the coupling of every pair of background groups by layer, from running sums, with a jackknife over blocks."""
    for first in range(len(sums.groups)):
        for second in range(first + 1, len(sums.groups)):
            pair = (sums.sums[first], sums.counts[first]), (sums.sums[second], sums.counts[second])
            for layer, found in enumerate(block_cosines(*pair)):
                name = f"domain_coupling_{sums.groups[first]}_{sums.groups[second]}"
                rows.infer(name, found, layer=layer, n_prompts=found.n)
