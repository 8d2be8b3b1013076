"""Symbols of `cascade`."""

from __future__ import annotations

from cape.quantities import Quantity

RULE = "DEFINITIONS, saturation"
DASHBOARD = "Dashboard, benchmark survival"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="top_spread",
        name="spread of the best models",
        unit="pp",
        definition="Largest less smallest of the k best scores on one benchmark.",
        section=RULE,
    ),
    Quantity(
        symbol="top_spread_null",
        name="spread of equally good models",
        unit="pp",
        definition="Range that the errors of the k best scores alone give, median and central 95% of draws.",
        section="cascade",
    ),
    Quantity(
        symbol="sigma_saturation",
        name="saturation ratio",
        unit="",
        definition="sigma = spread of the best models on the old axis over that on the new axis; rotate when it is "
        "below the threshold.",
        section=RULE,
    ),
    Quantity(
        symbol="n_axes_to_rotate_to",
        name="axes to rotate to",
        unit="axes",
        definition="Axes over which the saturation ratio of the axis in use lies below the threshold.",
        section="cascade",
    ),
    Quantity(
        symbol="rotation_share",
        name="share of resamples that name an axis",
        unit="",
        definition="Share of resamples of whole labs in which this axis, or none, has the smallest saturation ratio "
        "below the threshold.",
        section="cascade",
    ),
    Quantity(
        symbol="score_range",
        name="discriminating range",
        unit="pp",
        definition="Largest less smallest score of the models of one size on one benchmark.",
        section=DASHBOARD,
    ),
    Quantity(
        symbol="score_deviation",
        name="standard deviation of scores",
        unit="pp",
        definition="Standard deviation of the scores of the models of one size on one benchmark.",
        section=DASHBOARD,
    ),
    Quantity(
        symbol="score_entropy",
        name="entropy of scores",
        unit="bits",
        definition="Shannon entropy of the scores of the models of one size in bins of 5 percentage points.",
        section=DASHBOARD,
    ),
    Quantity(
        symbol="discrimination",
        name="range over noise range",
        unit="",
        definition="Range of the scores over the 95% quantile of the range that equally good models show by error "
        "alone; at or below 1 the benchmark does not tell the models apart.",
        section="cascade",
    ),
    Quantity(
        symbol="inverse_lambda_2",
        name="inverse of the second eigenvalue",
        unit="",
        definition="1 / lambda_2 of the covariance or correlation matrix of the frontier benchmarks.",
        section="Dashboard, phase map",
    ),
    Quantity(
        symbol="N_c2",
        name="sizes of the internal fall",
        unit="billion parameters",
        definition="Sizes of one family between which its published internal coupling falls and that end at 30 to "
        "72 B; the value is their geometric middle, the ends are the sizes.",
        section="Paper A 6; dashboard OPT ladder",
    ),
    Quantity(
        symbol="n_families_weaker",
        name="families with weaker internal coupling",
        unit="families",
        definition="Families whose published internal coupling at 30 to 72 B is below that of their largest smaller "
        "model.",
        section="Paper A 6",
    ),
)
