"""Symbols of `analyze_model`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="phase_chance",
        name="chance of a phase",
        unit="",
        definition="Chance that an interval at the model's size (or score level, or tokens) has gamma_12 above "
        "0, or is tax, transition or bonus, by logistic regressions over the population; or a share of resamples.",
        section=f"{A} A.1",
    ),
    Quantity(
        symbol="gamma_at_size",
        name="local coupling expected at a size",
        unit="pp/pp",
        definition="gamma_12 that the population has at one size: by a local line through its intervals, or as the "
        "ratio of the slopes of two quadratics in log10 N with family intercepts.",
        section=f"{A} 2.1",
    ),
    Quantity(
        symbol="score_rate",
        name="growth of a score with size",
        unit="pp per decade",
        definition="Slope of a score in log10 N at one size, by a quadratic with family intercepts.",
        section="dashboard, analyze",
    ),
    Quantity(
        symbol="ode_slope",
        name="slope of a score by the coupled equations",
        unit="pp per decade",
        definition="d score / d log10 N at the scores of a model by degree 1 equations of these scores, fitted on "
        "the steps of other families.",
        section=f"{A} 4",
    ),
    Quantity(
        symbol="size_over_N_c",
        name="size over critical scale",
        unit="x",
        definition="Parameters of the model over N_c in paper mode.",
        section="dashboard, analyze",
    ),
    Quantity(
        symbol="expected_score",
        name="score expected of a model",
        unit="%",
        definition="U(N), the quadratic of the second benchmark in log10 N through other models, or GPQA Diamond by "
        "the frontier line, at the model's place.",
        section=f"{A} 5.2, A.6",
    ),
    Quantity(
        symbol="h_frontier",
        name="frontier h",
        unit="pp",
        definition="GPQA Diamond less the line of GPQA Diamond on SWE-bench Verified: refitted on the other frontier "
        "models, or as the paper prints it. Not the h(D) of base models.",
        section=f"{A} 2.3, A.6",
    ),
    Quantity(
        symbol="isocline_distance",
        name="distance from the isocline",
        unit="pp",
        definition="Second score less sqrt(k B1), k = B2^2 / B1 of a reference model, scores as fractions.",
        section=f"{A} A.7",
    ),
    Quantity(
        symbol="score_percentile",
        name="percentile of a score",
        unit="%",
        definition="Share of models of similar size that score lower (or have fewer tokens), ties counted half.",
        section="dashboard, analyze",
    ),
    Quantity(
        symbol="score_residual",
        name="standardised residual of a score",
        unit="standard deviations",
        definition="Score less the line of models of similar size in log10 N, over their spread about it.",
        section="dashboard, analyze",
    ),
    Quantity(
        symbol="n_pairs_at_size",
        name="pairs that compete or cooperate",
        unit="pairs",
        definition="Pairs of given scores whose correlation given log10 N among models of similar size has an interval "
        "below or above 0.",
        section="dashboard, analyze",
    ),
    Quantity(
        symbol="eigenvalue_at_size",
        name="eigenvalue of the matrix at a size",
        unit="",
        definition="Eigenvalue of the matrix of r given log10 N of the given scores, models of similar size.",
        section="dashboard, analyze",
    ),
    Quantity(
        symbol="d_eff_at_size",
        name="effective dimension at a size",
        unit="",
        definition="Participation ratio (sum l)^2 / sum l^2 of the eigenvalues of the matrix at a size.",
        section=f"{A} 2.3, A.2",
    ),
    Quantity(
        symbol="model_distance",
        name="distance to the nearest model",
        unit="",
        definition="Decades of size, or root mean square difference of scores in units of each benchmark's spread.",
        section="dashboard, analyze",
    ),
    Quantity(
        symbol="score_change",
        name="expected change of a score",
        unit="pp",
        definition="Change of a score expected after a change of size, width or curation, each by its stated rule.",
        section="what if",
    ),
    Quantity(
        symbol="chance_of_fall",
        name="chance that a score falls",
        unit="",
        definition="Share of draws of the expected change with size that lie below 0.",
        section="what if",
    ),
    Quantity(
        symbol="width_slope",
        name="slope of a score on width",
        unit="pp per decade",
        definition="Coefficient of log10 width in a fit of the score on log10 N, its square and log10 width over "
        "models; an association, not a measured effect.",
        section="what if",
    ),
    Quantity(
        symbol="curated_gap",
        name="curated less web-trained models",
        unit="pp",
        definition="Coefficient of being curated or distilled in a fit of the score on log10 N and its square over "
        "models; an association, not a measured effect.",
        section="what if",
    ),
    Quantity(
        symbol="width_ratio",
        name="width over typical width",
        unit="x",
        definition="Width of the model over the line of log10 width in log10 N through other models.",
        section="what if",
    ),
    Quantity(
        symbol="n_actions",
        name="supported actions",
        unit="actions",
        definition="Actions whose stated rule the numbers of the model meet.",
        section="dashboard, analyze",
    ),
    Quantity(
        symbol="top_five_spread",
        name="spread of the top five",
        unit="pp",
        definition="Best less fifth best score of the panel on one benchmark.",
        section="dashboard, cascade",
    ),
    Quantity(
        symbol="resolvable_change",
        name="change a benchmark resolves",
        unit="pp",
        definition="1.96 sqrt(2) binomial standard errors of the score: closer scores are not told apart.",
        section="dashboard, cascade",
    ),
)
