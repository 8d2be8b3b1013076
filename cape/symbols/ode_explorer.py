"""Symbols of `ode_explorer`."""

from __future__ import annotations

from cape.quantities import Quantity

A4 = "Paper A 4 and A.4"
HERE = "ode_explorer"


def _quantity(symbol: str, name: str, unit: str, definition: str, section: str = HERE) -> Quantity:
    return Quantity(symbol=symbol, name=name, unit=unit, definition=definition, section=section)


QUANTITIES: tuple[Quantity, ...] = (
    _quantity(
        "n_ode_candidates",
        "candidates of an equation",
        "parameters",
        "Candidate terms of one equation, a family's own constant counted for each family.",
        A4,
    ),
    _quantity(
        "n_differences",
        "independent differences",
        "differences",
        "Sizes less one, summed over the ladders fitted: what an equation is fitted to, however rates are formed.",
    ),
    _quantity(
        "ode_condition",
        "condition number of the candidates",
        "",
        "Largest over smallest singular value of the candidate columns scaled to equal length; above 30 their "
        "coefficients trade against each other.",
    ),
    _quantity("n_ode_terms", "terms kept", "terms", "Terms of an equation that survive the threshold.", A4),
    _quantity("n_ode_parameters", "parameters kept", "parameters", "Terms kept over all equations.", A4),
    _quantity(
        "structure_stability",
        "stability of structure",
        "",
        "Share of the places in the equations whose sign or absence is one and the same while the threshold varies "
        "tenfold.",
        A4,
    ),
    _quantity(
        "sign_stability",
        "stability of signs",
        "share of fits",
        "Share of the fits without one family, or one size, in which a kept term keeps its sign.",
    ),
    _quantity(
        "rate_noise_share",
        "noise in a rate",
        "",
        "Mean squared standard error of the rates of a benchmark over their variance; may exceed 1.",
    ),
    _quantity(
        "ode_coefficient",
        "coefficient of an equation",
        "as the quantity",
        "Coefficient of a term in dB/dlog10N, points per decade per unit of the term, by thresholded least squares.",
        A4,
    ),
    _quantity(
        "ode_inclusion",
        "inclusion probability",
        "share of fits",
        "Share of the fits to resamples of families that keep a term.",
        A4,
    ),
    _quantity(
        "ode_eigenvalue",
        "eigenvalue of the linear part",
        "per decade",
        "Real part of an eigenvalue of C = d(dB/dlog10N)/dB at the mean state; above 0 a direction that grows.",
        A4,
    ),
    _quantity(
        "ode_engine_gap",
        "difference of the engines",
        "",
        "Largest difference of a scaled coefficient between PySINDy and the batched fit.",
    ),
    _quantity(
        "ode_forecast",
        "forecast of a score",
        "%",
        "Score at a size that the system gives, integrated from another size of the ladder and kept within 0 and 100.",
        A4,
    ),
    _quantity(
        "trajectory_error",
        "error along a fitted ladder",
        "%",
        "Mean absolute error of the integrated course over a ladder that was fitted, over its mean score.",
        A4,
    ),
    _quantity(
        "source_rate",
        "measured source",
        "pp per decade",
        "How rates of a family, of curated families, or per decade of width differ at equal scores: an association.",
        "Dashboard, design equation",
    ),
    _quantity(
        "holdout_error",
        "hold-out error",
        "percentage points",
        "Mean absolute error over sizes and benchmarks that were not fitted, families weighing alike.",
        A4,
    ),
    _quantity(
        "skill_ratio",
        "error relative to the best baseline",
        "x",
        "Hold-out error of the ODE over that of the best baseline on the same cells, the best chosen anew in every "
        "resample; below 1 the ODE is better.",
        A4,
    ),
    _quantity(
        "n_counterexamples",
        "families beyond the falsifier",
        "families",
        "Families whose hold-out error exceeds the 15 points of the paper's falsifier.",
        "Paper A 9",
    ),
    _quantity(
        "holdout_reading",
        "one reading of a hold-out error",
        "as the quantity",
        "Error of one held-out family in one measure, over some scores, with its start counted or not.",
        A4,
    ),
    _quantity(
        "n_readings_as_printed",
        "readings that give the print",
        "readings",
        "Readings of the ODE's hold-out error that round to the printed number.",
        A4,
    ),
    _quantity(
        "polynomial_ratio",
        "polynomial error over that of the ODE",
        "x",
        "Hold-out error of the best polynomial of degree 1 to 4 over that of the ODE; the upper end is the worst.",
        A4,
    ),
    _quantity(
        "polynomial_range",
        "errors of the polynomials",
        "percentage points",
        "Mean absolute errors of the polynomials of degree 1 to 4 at the two smallest sizes of a held-out family.",
        "Dashboard, polynomial baseline",
    ),
    _quantity(
        "phase_df",
        "degrees of freedom of a regime",
        "degrees of freedom",
        "Differences of a regime less the coefficients fitted to them.",
        A4,
    ),
    _quantity(
        "phase_coefficient",
        "coefficient of a regime",
        "pp per decade per pp",
        "b in dB2/dlog10N = a + b B1, fitted to the steps of one regime of sizes.",
        A4,
    ),
    _quantity(
        "phase_equation",
        "equation of the first benchmark in a regime",
        "fraction per decade",
        "A coefficient of dB1/dlog10N = a + b B2 + c WinoGrande in one regime, scores as fractions.",
        A4,
    ),
    _quantity(
        "phase_ratio",
        "ratio of the coefficients of two regimes",
        "x",
        "Magnitude of the coefficient above the band over that below; none where a fit leaves no degree of freedom.",
        A4,
    ),
    _quantity(
        "phase_transfer",
        "error of one regime's equation on the other",
        "pp per decade",
        "Root mean square error of dB2/dlog10N when the equation of one regime meets the steps of the other.",
        A4,
    ),
)
