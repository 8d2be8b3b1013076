"""Symbols of `calibration`."""

from __future__ import annotations

from cape.quantities import Quantity

HERE = "cape/calibration"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="interval_coverage",
        name="coverage of the 95% interval",
        unit="share of intervals",
        definition="Share of the intervals given in simulated panels that hold the planted truth.",
        section=HERE,
    ),
    Quantity(
        symbol="estimator_bias",
        name="bias",
        unit="as the quantity",
        definition="Mean of estimate less planted truth over the simulated panels that have both.",
        section=HERE,
    ),
    Quantity(
        symbol="share_undefined",
        name="share undefined",
        unit="share of panels",
        definition="Share of the simulated panels in which the quantity exists but the estimator gives no value.",
        section=HERE,
    ),
    Quantity(
        symbol="false_alarm",
        name="false-alarm rate",
        unit="share of panels",
        definition="Share of the simulated panels without a turn, or without coupling, in which one is reported: a "
        "value of N_c, an interval that leaves out zero, or p of at most 0.05.",
        section=HERE,
    ),
    Quantity(
        symbol="power",
        name="power",
        unit="share of panels",
        definition="The same share over the simulated panels in which there is something to report.",
        section=HERE,
    ),
)
