"""Sparse equations dB/dlog10N: what the data determine, forecasts, hold-outs beside baselines, and both regimes."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._ode_data import OWN, OdeParams, setting_of
from cape.diagnostics._ode_equation import equation_results, fitted_of
from cape.diagnostics._ode_forecast import forecast_of, forecast_results, forecast_sentence
from cape.diagnostics._ode_holdout import holdout_results, holdout_sentences, holdouts_of
from cape.diagnostics._ode_phases import phase_results, phase_sentence, sides_of
from cape.diagnostics._ode_readings import reading_results, reading_sentence
from cape.diagnostics._ode_words import equation_sentences, path_table, system_table
from cape.diagnostics._params import WINDOW
from cape.diagnostics.wiring.ode_explorer import ODE_EXPLORER
from cape.figures.ode_equation import coefficient_forest, eigenvalue_plane, inclusion_table, structure_path
from cape.figures.ode_forecast import course_grid
from cape.figures.ode_holdout import family_errors, method_errors, regime_slopes


def compute(params: OdeParams, read: Read) -> Outcome:
    """Return equations, forecasts, hold-outs, readings and regimes; identifiability is the first thing said."""
    setting = setting_of(params, read)
    fitted = fitted_of(setting)
    forecast = forecast_of(fitted)
    holdouts = holdouts_of(fitted)
    sides = sides_of(setting)
    readings, reading_tables = reading_results(fitted, holdouts, read)
    results = (
        equation_results(fitted),
        forecast_results(fitted, forecast),
        holdout_results(fitted, holdouts),
        (readings, reading_tables),
        phase_results(sides, read),
    )
    sentences = (
        *equation_sentences(fitted),
        forecast_sentence(fitted, forecast),
        *holdout_sentences(holdouts),
        *reading_sentence(readings, params.held_out),
        phase_sentence(sides),
        *((f"Of the selection: {'; '.join(setting.caveats)}.",) if setting.caveats else ()),
    )
    return Outcome(
        estimates=tuple(estimate for found, _ in results for estimate in found),
        tables=(system_table(fitted), path_table(fitted), *(table for _, tables in results for table in tables)),
        sentences=sentences,
    )


DIAGNOSTIC = Diagnostic(
    slug="ode_explorer",
    alias="ode",
    section="Dynamics",
    title="ODE explorer",
    question="Do coupled equations in log10 N predict sizes and families they have not seen better than simple rules?",
    source="Paper A 4 and A.4; dashboard ODE explorer, polynomial baseline and design equation",
    params=OdeParams,
    compute=compute,
    panels=(
        Panel(
            name="system",
            title="The equations",
            tables=("system",),
            alt="One row per benchmark: its rate in points per decade of size as a sum of the terms that are kept.",
        ),
        Panel(
            name="equation",
            title="Coefficients",
            tables=("equation",),
            alt="One row per term of every equation: coefficient with the 95% interval of the ensemble, filled where "
            "the fit keeps the term.",
            figure=coefficient_forest,
        ),
        Panel(
            name="inclusion",
            title="How often resamples keep a term",
            tables=("equation",),
            alt="Terms down, equations across; each cell is the percentage of fits to resamples that keep the term.",
            figure=inclusion_table,
        ),
        Panel(
            name="path",
            title="Structure over a tenfold range of the threshold",
            tables=("path",),
            alt="Number of terms of every equation against the threshold on a log axis, the chosen one marked.",
            figure=structure_path,
        ),
        Panel(
            name="eigenvalues",
            title="Eigenvalues of the linear part",
            tables=("eigenvalues",),
            alt="Eigenvalues in the complex plane with the 95% interval of their real parts; right of zero grows.",
            figure=eigenvalue_plane,
        ),
        Panel(
            name="course",
            title="Course and forecast of one ladder",
            tables=("course",),
            alt="One chart per benchmark: observed scores with standard errors against size on a log axis, the "
            "integrated course, the fan of the ensemble and the sizes asked for.",
            figure=course_grid,
        ),
        Panel(
            name="methods",
            title="Hold-out errors beside baselines",
            tables=("methods",),
            alt="One row per design and method: mean absolute error with its 95% interval over families; the ODE and "
            "the best baseline are marked.",
            figure=method_errors,
        ),
        Panel(
            name="families",
            title="Error by family",
            tables=("families",),
            alt="One row per family: error of the ODE and of the best baseline, and the line of the paper's falsifier.",
            figure=family_errors,
        ),
        Panel(
            name="readings",
            title="Every reading of one hold-out error",
            tables=("readings",),
            alt="One row per reading: what was fitted, measure, scores, start, the error and the printed number.",
        ),
        Panel(
            name="regimes",
            title="One equation per regime",
            tables=("regimes",),
            alt="Slope of the rate of the second benchmark on the first, below and above the band of sizes, with "
            "95% intervals and degrees of freedom.",
            figure=regime_slopes,
        ),
        Panel(
            name="sources",
            title="Source terms of the design equation",
            tables=("sources",),
            alt="One row per source and benchmark: measured association with interval, what the slider adds, and "
            "where it is from.",
        ),
    ),
    controls=(*WINDOW, *OWN, "resamples", "seed"),
    claims=ODE_EXPLORER,
)
