"""The glossary: every symbol that an estimate may carry, with its unit, definition and source."""

from __future__ import annotations

from cape.quantities import Quantity
from cape.symbols import (
    analyze_model,
    core,
    coupling_matrix,
    effective_dimension,
    flow_geometry,
    isocline,
    loss_blindness,
    model_organism,
    width_normalization,
)

QUANTITIES: tuple[Quantity, ...] = (
    *core.QUANTITIES,
    *analyze_model.QUANTITIES,
    *coupling_matrix.QUANTITIES,
    *effective_dimension.QUANTITIES,
    *width_normalization.QUANTITIES,
    *loss_blindness.QUANTITIES,
    *isocline.QUANTITIES,
    *flow_geometry.QUANTITIES,
    *model_organism.QUANTITIES,
)

SYMBOLS = {quantity.symbol: quantity for quantity in QUANTITIES}
