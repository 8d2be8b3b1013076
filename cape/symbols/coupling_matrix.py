"""Symbols of `coupling_matrix`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="p_families",
        name="p by families",
        unit="",
        definition="Twice the smaller share of resamples of whole families on one side of zero.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="q_pairs",
        name="q over pairs",
        unit="",
        definition="Smallest false discovery rate at which a pair is kept among all pairs of its side (Benjamini and "
        "Hochberg 1995).",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="p_independent",
        name="p with models as independent",
        unit="",
        definition="Two-sided t test of a correlation that takes every model as independent of the others.",
        section=f"{A} 8",
    ),
    Quantity(
        symbol="n_discoveries",
        name="pairs kept",
        unit="pairs",
        definition="Pairs of benchmarks with a q below 0.05.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="n_pairs",
        name="pairs",
        unit="pairs",
        definition="Pairs of benchmarks that have a correlation.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="n_negative_pairs",
        name="negative pairs",
        unit="pairs",
        definition="Pairs of benchmarks with a correlation below zero.",
        section=f"{A} 2.1, dashboard matrix tab",
    ),
    Quantity(
        symbol="n_negative_pairs_settled",
        name="settled negative pairs",
        unit="pairs",
        definition="Pairs of benchmarks whose 95% interval of the correlation lies below zero.",
        section=f"{A} 2.1, dashboard matrix tab",
    ),
    Quantity(
        symbol="mean_pair_r",
        name="mean correlation of pairs",
        unit="",
        definition="Plain mean of the correlations of all pairs of benchmarks.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="smallest_eigenvalue",
        name="smallest eigenvalue",
        unit="",
        definition="Smallest eigenvalue of an assembled correlation matrix; below zero no scores could have given it.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="psd_distance",
        name="distance to a valid matrix",
        unit="",
        definition="Frobenius norm of the change to the nearest correlation matrix (Higham 2002); zero for a valid "
        "one.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="n_folds",
        name="folds",
        unit="folds",
        definition="Families that can be left out of one side, one at a time.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="n_folds_negative",
        name="folds with a negative pair",
        unit="folds",
        definition="Folds in which the correlation of a pair is below zero with one family left out.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="n_pairs_positive_in_all_folds",
        name="pairs positive in all folds",
        unit="pairs",
        definition="Pairs of benchmarks whose correlation is above zero whichever family is left out.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="n_pairs_same_sign_in_all_folds",
        name="pairs with one sign in all folds",
        unit="pairs",
        definition="Pairs of benchmarks whose correlation keeps its sign whichever family is left out.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="pc1_loading",
        name="loading on the first component",
        unit="",
        definition="Entry of the first eigenvector of the correlation matrix, signed so that the first benchmark is "
        "positive; with the sign turned, so that it is negative.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="delta_r",
        name="change of a correlation",
        unit="",
        definition="Correlation of a pair above the cut less below it.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="frobenius_change",
        name="change of the matrix",
        unit="",
        definition="Frobenius norm of the matrix above the cut less the one below, every pair counted twice.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="frobenius_null",
        name="change of the matrix by chance",
        unit="",
        definition="Frobenius norm of the change when models are dealt to the two sides at random.",
        section="null",
    ),
    Quantity(
        symbol="n_sign_changes",
        name="pairs that change sign",
        unit="pairs",
        definition="Pairs of benchmarks whose correlations have opposite signs on the two sides of the cut.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="n_sign_changes_settled",
        name="settled changes of sign",
        unit="pairs",
        definition="Pairs of opposite sign on the two sides whose 95% intervals both leave out zero.",
        section="dashboard matrix tab",
    ),
    Quantity(
        symbol="n_negative_intervals",
        name="negative intervals",
        unit="intervals",
        definition="Intervals between consecutive sizes in which the second benchmark falls as the first rises.",
        section=f"{A} 2.1",
    ),
    Quantity(
        symbol="n_scores_near_chance",
        name="scores near chance",
        unit="scores",
        definition="Scores of one benchmark within two standard errors of its chance level.",
        section="lake",
    ),
)
