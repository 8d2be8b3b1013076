"""The pages whose intervals the calibration answers for, and for every other page why it does not."""

from __future__ import annotations

import polars as pl

from cape.quantities import Table

# Pages on which an estimate carries what the calibration found on data like those at hand.
ANSWERED = (
    "local_coupling",
    "critical_scale",
    "trend_control",
    "coupling_matrix",
    "effective_dimension",
    "frontier_coupling",
)
NO_INTERVAL = "it shows rows, or results of other pages, and forms no interval of its own"
NOT_SIMULATED = {
    "overview": "its numbers are those of local_coupling and trend_control, which carry the calibration",
    "analyze_model": "the interval is of one new model, whose truth depends on how it is chosen; no world has that",
    "bring_your_scores": "gamma of each step is the interval of local_coupling, which carries the calibration",
    "phase_diagram": NO_INTERVAL,
    "width_normalization": "the interval is of the r of one family, and the worlds plant no r of a single family",
    "loss_blindness": "losses come from three ladders; their ranges leave one model out and are not called 95%",
    "isocline": "the share of hits is resampled like the share of negative intervals, and its base rate is not planted",
    "ode_explorer": "every panel would be a set of fits to all families but one; at the page's settings that is hours",
    "symbolic_laws": "every panel would be a search of its own, minutes each",
    "flow_geometry": "the worlds plant gamma linear in log10 N, so the laws compared there would hold by construction",
    "head_coupling": "shares of models are Wilson's; the worlds have scores and no heads",
    "layer_coupling": "intervals over prompts come with the shards; the worlds have scores and no hidden states",
    "output_projection": "intervals over prompts come with the shards; the worlds have scores and no hidden states",
    "steering": "intervals are over questions of one model; the worlds have scores and no steered answers",
    "residual_field": "the worlds have no release dates, tiers or labs of one model; slope and h are labs resampled",
    "cascade": "the worlds have two benchmarks with a planted relation, and saturation concerns the top five models",
    "predictions": "a prediction is one event each",
    "calibration": "its intervals are of simulated shares, by Wilson's formula",
    "model_organism": "replicates are seeds of one design, four each: an interval of Student's t on measured values",
    "claims": NO_INTERVAL,
    "data": NO_INTERVAL,
    "sql": NO_INTERVAL,
    "glossary": NO_INTERVAL,
}


def scope_table() -> Table:
    """Return one row per page: whether its estimates carry a calibration, or why not."""
    rows = [{"page": page, "calibrated": "yes, on the page", "reason": ""} for page in ANSWERED]
    rows += [{"page": page, "calibrated": "no", "reason": reason} for page, reason in NOT_SIMULATED.items()]
    return Table(name="scope", title="Pages that carry a calibration, and why others do not", frame=pl.DataFrame(rows))
