"""The registry: one explicit tuple of diagnostics, and `run`, the one fetch-and-compute that all surfaces share."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from cape.diagnostics import (
    analyze_model,
    bring_your_scores,
    calibration,
    cascade,
    claims,
    coupling_matrix,
    critical_scale,
    data,
    effective_dimension,
    flow_geometry,
    frontier_coupling,
    glossary,
    head_coupling,
    isocline,
    layer_coupling,
    local_coupling,
    loss_blindness,
    model_organism,
    ode_explorer,
    output_projection,
    overview,
    phase_diagram,
    predictions,
    residual_field,
    sql,
    steering,
    symbolic_laws,
    trend_control,
    width_normalization,
)
from cape.diagnostics._diagnostic import Answer, Diagnostic, Outcome, Panel, Settles, Side, run_diagnostic
from cape.diagnostics._params import (
    ALL_FAMILIES,
    NO_PANEL,
    SHARED,
    Choices,
    Option,
    Params,
    accept,
    axis_of,
    choices_for,
    defaults_of,
    options_of,
)
from cape.diagnostics._probe_rows import EVERY, PROBES, measurements
from cape.errors import UnknownNameError
from cape.lake import Lake
from cape.quantities import Result

DIAGNOSTICS: tuple[Diagnostic, ...] = (
    overview.DIAGNOSTIC,
    analyze_model.DIAGNOSTIC,
    bring_your_scores.DIAGNOSTIC,
    phase_diagram.DIAGNOSTIC,
    local_coupling.DIAGNOSTIC,
    critical_scale.DIAGNOSTIC,
    trend_control.DIAGNOSTIC,
    coupling_matrix.DIAGNOSTIC,
    effective_dimension.DIAGNOSTIC,
    width_normalization.DIAGNOSTIC,
    loss_blindness.DIAGNOSTIC,
    isocline.DIAGNOSTIC,
    ode_explorer.DIAGNOSTIC,
    symbolic_laws.DIAGNOSTIC,
    flow_geometry.DIAGNOSTIC,
    head_coupling.DIAGNOSTIC,
    layer_coupling.DIAGNOSTIC,
    output_projection.DIAGNOSTIC,
    steering.DIAGNOSTIC,
    frontier_coupling.DIAGNOSTIC,
    residual_field.DIAGNOSTIC,
    cascade.DIAGNOSTIC,
    predictions.DIAGNOSTIC,
    calibration.DIAGNOSTIC,
    model_organism.DIAGNOSTIC,
    claims.DIAGNOSTIC,
    data.DIAGNOSTIC,
    sql.DIAGNOSTIC,
    glossary.DIAGNOSTIC,
)


def get(slug: str) -> Diagnostic:
    """Return the diagnostic of this slug (dashes or underscores) or alias; raise UnknownNameError with near names."""
    wanted = slug.replace("-", "_")
    for diagnostic in DIAGNOSTICS:
        if wanted in (diagnostic.slug, diagnostic.alias.replace("-", "_")):
            return diagnostic
    known = [diagnostic.slug for diagnostic in DIAGNOSTICS]
    near = get_close_matches(wanted, known, n=3, cutoff=0.5)
    raise UnknownNameError(
        f"There is no diagnostic {slug!r}. "
        + (f"Did you mean {', '.join(near)}?" if near else f"Known: {', '.join(known)}.")
    )


def run(slug: str, params: Mapping[str, Any] | None, lake: Lake) -> Result:
    """Run one diagnostic on a lake with the given parameters; those left out take their defaults.

    Raises UnknownNameError or BadParameterError for a parameter that is not accepted, NotEnoughDataError when the
    selection holds too little for the diagnostic.
    """
    return run_diagnostic(get(slug), params or {}, lake)


__all__ = [
    "ALL_FAMILIES",
    "DIAGNOSTICS",
    "EVERY",
    "NO_PANEL",
    "PROBES",
    "SHARED",
    "Answer",
    "Choices",
    "Diagnostic",
    "Option",
    "Outcome",
    "Panel",
    "Params",
    "Settles",
    "Side",
    "accept",
    "axis_of",
    "choices_for",
    "defaults_of",
    "get",
    "measurements",
    "options_of",
    "run",
]
