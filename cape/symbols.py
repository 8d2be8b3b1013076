"""The glossary: every symbol that an estimate may carry, with its unit, definition and source."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="gamma_12",
        name="local coupling",
        unit="pp/pp",
        definition="Change of the second benchmark over change of the first between two consecutive sizes of one family; "
        "undefined where the first moved less than 0.5 points or 1.96 standard errors of its change.",
        section=f"{A} 2.1, A.1",
    ),
    Quantity(
        symbol="mean_gamma_12",
        name="mean local coupling",
        unit="pp/pp",
        definition="Plain mean of gamma_12 over the intervals where it is defined, resampled by family.",
        section=f"{A} 2.1",
    ),
    Quantity(
        symbol="delta_gamma_12",
        name="difference in local coupling",
        unit="pp/pp",
        definition="gamma_12 of one interval less gamma_12 of the interval between the same sizes of another ladder.",
        section="compare",
    ),
    Quantity(
        symbol="delta_mean_gamma_12",
        name="difference in mean local coupling",
        unit="pp/pp",
        definition="Mean gamma_12 of one ladder or panel less that of another.",
        section="compare",
    ),
    Quantity(
        symbol="share_negative",
        name="share of negative intervals",
        unit="share of intervals",
        definition="Intervals with gamma_12 below zero over intervals where it is defined.",
        section=f"{A} 2.1",
    ),
    Quantity(
        symbol="n_intervals_in_phase",
        name="intervals in a phase",
        unit="intervals",
        definition="Intervals whose 95% interval of gamma_12 lies within one phase: tax below -0.1, transition from -0.1 to "
        "0.1, bonus above 0.1; undetermined when it covers more than one.",
        section=f"{A} A.1",
    ),
    Quantity(
        symbol="n_intervals_settled",
        name="settled intervals",
        unit="intervals",
        definition="Intervals that have a phase other than undetermined.",
        section=f"{A} A.1",
    ),
    Quantity(
        symbol="n_models_in_phase",
        name="model rows in a phase",
        unit="model rows",
        definition="Model rows by the phase of the interval they end; the first size takes the interval it starts.",
        section=f"{A} 2.3, A.1",
    ),
    Quantity(
        symbol="N_c",
        name="critical scale",
        unit="billion parameters",
        definition="Size at which gamma_12 turns from negative to positive, by a named estimator: sign bracket, zero of the "
        "weighted line, vertex of the quadratic, logistic P(gamma > 0) = 1/2, or fixed-effect quadratic.",
        section=f"{A} 2.1, Table 1, A.2",
    ),
    Quantity(
        symbol="N_c_ratio",
        name="spread of the critical scale",
        unit="x",
        definition="Largest over smallest N_c among the families that have one by the sign bracket.",
        section=f"{A} 2.1",
    ),
    Quantity(
        symbol="N_c_comparison",
        name="ratio of critical scales",
        unit="x",
        definition="N_c of one ladder or panel over N_c of another, by the same estimator.",
        section="compare",
    ),
    Quantity(
        symbol="B1_c",
        name="critical level",
        unit="%",
        definition="Level of the first benchmark at which P(gamma > 0) = 1/2.",
        section="population estimators",
    ),
    Quantity(
        symbol="D_c",
        name="critical amount of data",
        unit="trillion tokens",
        definition="Training tokens at which P(gamma > 0) = 1/2.",
        section="population estimators",
    ),
    Quantity(
        symbol="n_families_with_turn",
        name="families by turn",
        unit="families",
        definition="Families by what the signs of their gamma_12 say: bracketed, cooperative throughout, negative "
        "throughout, positive to negative only, outside the data or undefined.",
        section=f"{A} 2.1, Table 1",
    ),
    Quantity(
        symbol="n_families_spanning",
        name="families that a falsifier speaks of",
        unit="families",
        definition="Families with at least five sizes that span the stated range of sizes, by whether gamma_12 changes sign.",
        section=f"{A} 9",
    ),
    Quantity(
        symbol="r",
        name="Pearson correlation",
        unit="",
        definition="Correlation of the two scores over model rows.",
        section=f"{A} 1",
    ),
    Quantity(
        symbol="r_partial",
        name="partial correlation given size",
        unit="",
        definition="Correlation of the two scores with their linear trends in log10 N removed.",
        section="trend control",
    ),
    Quantity(
        symbol="r_differences",
        name="correlation of differences",
        unit="",
        definition="Correlation of the changes of the two scores between consecutive sizes.",
        section="trend control",
    ),
    Quantity(
        symbol="r_within",
        name="correlation within families",
        unit="",
        definition="Correlation of the two scores less their family means.",
        section="trend control",
    ),
    Quantity(
        symbol="r_between",
        name="correlation between families",
        unit="",
        definition="Correlation of the family means of the two scores.",
        section="trend control",
    ),
    Quantity(
        symbol="r_null",
        name="correlation of independent trends",
        unit="",
        definition="r of two simulated benchmarks that share nothing but a linear trend each in log10 N.",
        section="trend control",
    ),
    Quantity(
        symbol="p_permutation",
        name="permutation p of r",
        unit="",
        definition="Share of orderings of the second score with r at least as extreme; all orderings up to n = 8.",
        section="trend control",
    ),
    Quantity(
        symbol="p_freedman_lane",
        name="Freedman-Lane p of the partial r",
        unit="",
        definition="Share of orderings of the residuals given size with a partial r at least as extreme.",
        section="Freedman and Lane (1983)",
    ),
    Quantity(
        symbol="p_null",
        name="p against independent trends",
        unit="",
        definition="Share of simulations of independent trends whose r lies at least as far from their median.",
        section="trend control",
    ),
    Quantity(
        symbol="p_smallest",
        name="smallest attainable p",
        unit="",
        definition="The smallest p that all orderings of n rows can give.",
        section="trend control",
    ),
    Quantity(
        symbol="share_of_specifications",
        name="share of specifications",
        unit="share of specifications",
        definition="Specifications (source, panel, variant, pair, estimator) whose value lies on one side of a reference.",
        section="specification curve",
    ),
    Quantity(
        symbol="median_of_specifications",
        name="median specification",
        unit="as the quantity",
        definition="Median value over the specifications in which the quantity is defined.",
        section="specification curve",
    ),
    Quantity(
        symbol="score",
        name="score of a model",
        unit="%",
        definition="One benchmark score as its source prints it, with the standard error of the lake.",
        section="lake",
    ),
    Quantity(
        symbol="delta_score",
        name="change of a score",
        unit="pp",
        definition="Score of the larger model less score of the smaller one, one family and one protocol.",
        section="lake",
    ),
    Quantity(
        symbol="n_layers", name="layers", unit="", definition="Number of decoder layers of a model.", section="model registry"
    ),
    Quantity(symbol="n_rows", name="model rows", unit="", definition="Rows with both scores.", section="lake"),
    Quantity(symbol="n_models", name="models", unit="", definition="Distinct models.", section="lake"),
    Quantity(symbol="n_families", name="families", unit="", definition="Distinct families.", section="lake"),
    Quantity(
        symbol="n_near_chance",
        name="rows near chance",
        unit="",
        definition="Rows within two standard errors of the chance level of either benchmark.",
        section="lake",
    ),
    Quantity(symbol="n_scores", name="scores", unit="", definition="Scores delivered by all sources.", section="lake"),
    Quantity(symbol="n_sources", name="sources", unit="", definition="Sources with a source.toml.", section="lake"),
    Quantity(
        symbol="n_conflicts",
        name="conflicts",
        unit="",
        definition="Pairs of model and benchmark on which sources print different values.",
        section="lake",
    ),
    Quantity(
        symbol="conflict_spread",
        name="spread of a conflict",
        unit="pp",
        definition="Largest less smallest value of one model and benchmark over the sources.",
        section="lake",
    ),
    Quantity(symbol="n_claims", name="claims", unit="claims", definition="Rows of the ledger by verdict.", section="ledger"),
    Quantity(symbol="n_marts", name="marts", unit="", definition="Tables open to queries.", section="lake"),
    Quantity(symbol="n_symbols", name="symbols", unit="", definition="Rows of this glossary.", section="glossary"),
)

SYMBOLS = {quantity.symbol: quantity for quantity in QUANTITIES}
