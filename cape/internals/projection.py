"""Does the output projection squeeze two groups of prompts together? The final state against W_U h and wider maps.

GELU(h) is the paper's "wider map" and no wider than h. A random linear map keeps cosines by construction and is the
control. A readout through more numbers than the model has, learned on other prompts, is a map that really is wider.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cape.internals.gather import RunningSums, Vectors
from cape.internals.models import LoadedModel
from cape.internals.rows import SHARE_OF_PAIRS, SHARE_OF_VARIATION, Design, Rows, without_noise
from cape.stats.gram_maps import MIN_ROWS, principal_sweep, ridge_readout
from cape.stats.group_cosines import COOPERATIVE, group_cosines, matched_pairs

Array = NDArray[np.float64]
WIDER, FEWEST = 4, 1024  # numbers of a wider map: for each of the hidden state, and at least
COLUMNS = 8192  # of a map's output whose products are formed at once
ROWS = 32  # hidden states that pass the unembedding at once
METHOD = {
    "hidden": "final state, after the last norm",
    "output": "W_U h, with its bias where the model has one",
    "wide": "GELU(h), the paper's wider map",
    "random": f"random linear map to {WIDER} x d_model or {FEWEST} numbers: a control that keeps cosines",
    "ridge": "ridge readout of W_U h through GELU of as many random directions",
}


def projection_rows(
    rows: Rows, loaded: LoadedModel, vectors: Vectors, background: RunningSums | None, *, design: Design
) -> None:
    """Add cosines of means and of matched pairs of prompts under every map, and the sweep over principal directions."""
    hidden = vectors.final.astype(np.float64)
    grams = {"hidden": hidden @ hidden.T, "wide": _product(gelu(hidden))}
    fit = np.empty((0, hidden.shape[1])) if background is None else background.fit.astype(np.float64)
    both = np.concatenate([hidden, fit])
    n = len(hidden)
    outputs = output_gram(loaded, both)
    random, features = random_grams(both, seed=design.seed)
    grams |= {"output": outputs[:n, :n], "random": random[:n, :n]}
    if len(fit) >= MIN_ROWS:
        readout = ridge_readout(features[n:, n:], features[:n, n:], outputs[n:, n:])
        grams["ridge"] = readout.gram
        about = f"share of outputs' variation predicted of held-out prompts, {readout.n_fit} to learn from"
        how = f"{about}; penalty {readout.penalty:.3g}"
        rows.add("proj_ridge_skill", readout.skill, unit=SHARE_OF_VARIATION, notes=how)
    else:
        why = f"undefined: fewer than {MIN_ROWS} background prompts to learn from"
        rows.add("proj_ridge_cos", None, notes=why)
    for name in sorted(grams):
        _map_rows(rows, name, grams[name], design)
    _sweep_rows(rows, grams["hidden"], design)


def _map_rows(rows: Rows, name: str, gram: Array, design: Design) -> None:
    found = group_cosines(gram[None], n_first=design.n_first)
    how = f"{METHOD[name]}; cosine of group means, jackknife over prompts"
    rows.add(f"proj_{name}_cos", found.value[0], low=found.low[0], high=found.high[0], notes=how)
    unbiased = (each[0] for each in (found.unbiased, found.unbiased_low, found.unbiased_high))
    rows.add(f"proj_{name}_cos_unbiased", **without_noise(*unbiased, how=how))
    if not design.is_matched:
        why = "undefined: the groups differ in size, so prompts have no partner"
        rows.add(f"proj_{name}_mean_per_prompt", None, notes=why)
        return
    pairs, mean = matched_pairs(gram, n_resamples=design.n_draws, rng=design.rng(1))
    rows.infer(f"proj_{name}_mean_per_prompt", mean, notes=METHOD[name])
    share = float((pairs > COOPERATIVE).mean())
    rows.add(f"proj_{name}_coop_frac", share, unit=SHARE_OF_PAIRS, notes=METHOD[name])
    for first, second, value in zip(design.first_ids, design.second_ids, pairs, strict=True):
        rows.add(f"proj_{name}_per_prompt", value, prompt_id=f"{first}|{second}")


def _sweep_rows(rows: Rows, gram: Array, design: Design) -> None:
    sweep = principal_sweep(gram)
    if not sweep.ranks.size:
        rows.add("proj_pca_k2_cos", None, notes="undefined: the hidden states do not span two directions")
        return
    found = group_cosines(sweep.grams, n_first=design.n_first)
    how = f"first k principal directions of {len(gram)} prompts, rank {int(sweep.ranks[-1])}; vectors not centred"
    for place, rank in enumerate(sweep.ranks):
        limits = {"low": found.low[place], "high": found.high[place]}
        rows.add(f"proj_pca_k{rank}_cos", found.value[place], **limits, notes=how)


def output_gram(loaded: LoadedModel, states: Array) -> Array:
    """Return the inner products of W_U h, (n, n). states : (n, d_model) final states."""
    import torch

    weight = next(loaded.unembedding.parameters())
    device = loaded.device if weight.is_meta else weight.device
    outputs = []
    with torch.no_grad():
        for start in range(0, len(states), ROWS):
            some = torch.from_numpy(states[start : start + ROWS])
            outputs.append(loaded.unembedding(some.to(device, weight.dtype)).float().cpu().numpy())
    whole = np.concatenate(outputs)
    parts = (whole[:, at : at + COLUMNS].astype(np.float64) for at in range(0, whole.shape[1], COLUMNS))
    return np.sum([_product(part) for part in parts], axis=0)


def random_grams(states: Array, *, seed: int) -> tuple[Array, Array]:
    """Return the inner products of R h and of GELU(R h / size of h), (n, n) each.

    R : (WIDER * d_model or FEWEST, d_model) of independent normal numbers of variance 1 / d_model, drawn from the seed.
    """
    width = states.shape[1]
    rng = np.random.default_rng([seed, 2])
    size = float(np.sqrt((states**2).mean())) or 1.0
    linear = np.zeros((len(states), len(states)))
    features = np.zeros_like(linear)
    total = max(WIDER * width, FEWEST)
    for start in range(0, total, COLUMNS):
        n_rows = min(COLUMNS, total - start)
        mapped = states @ (rng.standard_normal((n_rows, width)) / np.sqrt(width)).T
        linear += _product(mapped)
        features += _product(gelu(mapped / size))
    return linear, features


def _product(states: Array) -> Array:
    return states @ states.T


def gelu(x: Array) -> Array:
    """Return GELU of an array, exactly."""
    from scipy.special import erf

    return 0.5 * x * (1.0 + erf(x / np.sqrt(2.0)))
