"""Symbols of `loss_blindness`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="loss_exponent",
        name="exponent of the loss law",
        unit="",
        definition="alpha of L = E + A N^-alpha by least squares with E at or above zero.",
        section=f"{A} 3",
    ),
    Quantity(
        symbol="loss_floor",
        name="floor of the loss law",
        unit="nats/token",
        definition="E of L = E + A N^-alpha, held at or above zero.",
        section=f"{A} 3",
    ),
    Quantity(
        symbol="loss_amplitude",
        name="amplitude of the loss law",
        unit="",
        definition="Mean over the sizes of N^alpha (L - E), N in parameters; its unit depends on alpha.",
        section=f"{A} 3, Fig. 2",
    ),
    Quantity(
        symbol="loss_amplitude_sd",
        name="spread of the amplitude",
        unit="",
        definition="Standard deviation over the sizes of N^alpha (L - E), number of sizes in the denominator.",
        section=f"{A} 3, Fig. 2",
    ),
    Quantity(
        symbol="loss_cv",
        name="relative spread of the amplitude",
        unit="%",
        definition="Standard deviation over mean of N^alpha (L - E) over the sizes.",
        section=f"{A} 1, 3",
    ),
    Quantity(
        symbol="loss_r2",
        name="variance of the loss explained",
        unit="",
        definition="One less the squared residuals of the law over the squared deviations of the loss from its mean.",
        section=f"{A} 3",
    ),
    Quantity(
        symbol="loss_row_gap",
        name="distance of one loss from the law",
        unit="nats/token",
        definition="Loss of a row that its source notes as a probable misprint, less the law of the other rows there.",
        section="losses",
    ),
    Quantity(
        symbol="size_span",
        name="span of sizes",
        unit="decades",
        definition="log10 of the largest size of a ladder over the smallest.",
        section=f"{A} 1",
    ),
    Quantity(
        symbol="loss_shift",
        name="shift of the loss",
        unit="nats/token",
        definition="Coefficient of a step in L = E + A N^-alpha + delta step: above the size of the turn, or at sizes "
        "with a positive gamma.",
        section=f"{A} 3",
    ),
    Quantity(
        symbol="p_place",
        name="share of places with as clear a shift",
        unit="",
        definition="Share of the gaps between sizes where a shift of the loss lies at least as many standard errors "
        "from zero as in the gap of the stated turn.",
        section=f"{A} 3, control",
    ),
    Quantity(
        symbol="r_loss_gamma",
        name="correlation of loss residual and gamma",
        unit="",
        definition="Correlation over sizes of the loss less its law with gamma of the interval that leads there.",
        section=f"{A} 3",
    ),
    Quantity(
        symbol="p_loss_gamma",
        name="permutation p of that correlation",
        unit="",
        definition="Twice the smaller share of orderings of gamma with a correlation at least as extreme.",
        section=f"{A} 3",
    ),
    Quantity(
        symbol="prediction_error",
        name="error of a level of the prediction chain",
        unit="%",
        definition="Mean absolute relative error: L0 of the loss by its law, L1 of the gradient norm by a fixed power "
        "of N, L2 by a power of the loss, L3 of a score by a running gamma, L4 by a field h of the family.",
        section=f"{A} 3, Fig. 2, dashboard",
    ),
    Quantity(
        symbol="prediction_error_ratio",
        name="ratio of two errors of the chain",
        unit="x",
        definition="Error of the gradient norm by a fixed power of N over error of the loss by its law.",
        section=f"{A} 3, Fig. 2",
    ),
    Quantity(
        symbol="gradient_exponent",
        name="gradient exponent in the loss",
        unit="",
        definition="Slope of the logarithm of the gradient norm on the logarithm of the loss.",
        section=f"{A} A.8",
    ),
    Quantity(
        symbol="gradient_beta",
        name="gradient exponent in size",
        unit="",
        definition="Minus the slope of the logarithm of the gradient norm on the logarithm of N.",
        section=f"{A} A.8, dashboard",
    ),
    Quantity(
        symbol="gradient_beta_se",
        name="standard error of that exponent",
        unit="",
        definition="Least-squares standard error of the slope of log gradient norm on log N.",
        section=f"{A} A.8, dashboard",
    ),
    Quantity(
        symbol="gradient_r",
        name="correlation of the gradient line",
        unit="",
        definition="Correlation of the logarithms of gradient norm and of loss or size.",
        section=f"{A} A.8",
    ),
    Quantity(
        symbol="gradient_dip",
        name="dip of the gradient norm",
        unit="%",
        definition="Gradient norm of Pythia-1B relative to the power law of all models, or of the others.",
        section=f"{A} A.8",
    ),
    Quantity(
        symbol="p_dip",
        name="p of the dip",
        unit="",
        definition="Two-sided t probability of that distance from the line of the others, times the number of models.",
        section=f"{A} A.8",
    ),
    Quantity(
        symbol="form_error_ratio",
        name="error of exp(-C/L) over L^k",
        unit="x",
        definition="Root mean square of left-out log residuals of the gradient norm by exp(-C/L) over that by L^k.",
        section=f"{A} A.8",
    ),
    Quantity(
        symbol="arrhenius_c",
        name="Arrhenius constant",
        unit="as the quantity",
        definition="C of log(rate) = A - C / S within a phase: in percent for a score S, in nats per token for a loss.",
        section=f"{A} A.8, dashboard",
    ),
    Quantity(
        symbol="arrhenius_r2",
        name="variance explained by the Arrhenius form",
        unit="",
        definition="Share of the variance of log(rate) that the line in 1 / S explains.",
        section=f"{A} A.8, dashboard",
    ),
    Quantity(
        symbol="arrhenius_ratio",
        name="ratio of Arrhenius constants",
        unit="x",
        definition="C of the transition over C of the tax phase.",
        section=f"{A} A.8, dashboard",
    ),
)
