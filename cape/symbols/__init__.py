"""The glossary: every symbol that an estimate may carry, with its unit, definition and source."""

from __future__ import annotations

from cape.quantities import Quantity
from cape.symbols import (
    analyze_model,
    bring_your_scores,
    calibration,
    cascade,
    core,
    coupling_matrix,
    effective_dimension,
    flow_geometry,
    frontier_coupling,
    head_coupling,
    isocline,
    layer_coupling,
    loss_blindness,
    model_organism,
    ode_explorer,
    output_projection,
    predictions,
    residual_field,
    steering,
    symbolic_laws,
    width_normalization,
)

QUANTITIES: tuple[Quantity, ...] = (
    *core.QUANTITIES,
    *analyze_model.QUANTITIES,
    *bring_your_scores.QUANTITIES,
    *calibration.QUANTITIES,
    *coupling_matrix.QUANTITIES,
    *effective_dimension.QUANTITIES,
    *width_normalization.QUANTITIES,
    *loss_blindness.QUANTITIES,
    *isocline.QUANTITIES,
    *ode_explorer.QUANTITIES,
    *symbolic_laws.QUANTITIES,
    *flow_geometry.QUANTITIES,
    *frontier_coupling.QUANTITIES,
    *residual_field.QUANTITIES,
    *cascade.QUANTITIES,
    *predictions.QUANTITIES,
    *model_organism.QUANTITIES,
    *head_coupling.QUANTITIES,
    *layer_coupling.QUANTITIES,
    *output_projection.QUANTITIES,
    *steering.QUANTITIES,
)

SYMBOLS = {quantity.symbol: quantity for quantity in QUANTITIES}
