"""Symbols of `frontier_coupling`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(symbol="n_labs", name="labs", unit="", definition="Distinct labs among the rows.", section=f"{A} A.6"),
    Quantity(
        symbol="n_releases",
        name="releases",
        unit="",
        definition="Distinct releases among the rows: compute tiers of one release count once, and so do rows of one "
        "lab with the same two scores.",
        section="DEFINITIONS 2",
    ),
    Quantity(
        symbol="frontier_slope",
        name="slope among frontier models",
        unit="pp/pp",
        definition="Least-squares slope of the second benchmark on the first over frontier models: pooled, within labs "
        "(scores less lab means), between labs (lab means) or of one lab.",
        section=f"{A} A.6",
    ),
    Quantity(
        symbol="frontier_intercept",
        name="intercept among frontier models",
        unit="%",
        definition="Height of the pooled least-squares line where the first benchmark is 0.",
        section=f"{A} A.6",
    ),
    Quantity(
        symbol="p_labs",
        name="p by shuffles that keep labs",
        unit="",
        definition="Twice the smaller tail of pooled r when scores are shuffled within labs, lab means are handed to "
        "other labs, or both; the interval is that of the number of shuffles.",
        section="frontier_coupling",
    ),
    Quantity(
        symbol="lolo_error",
        name="leave-one-lab-out error of the line",
        unit="pp",
        definition="Mean absolute error of the second score of a lab's models under the line of the other labs; over "
        "several labs, the mean of their errors.",
        section=f"{A} A.6",
    ),
    Quantity(
        symbol="lolo_error_mean",
        name="leave-one-lab-out error of the mean",
        unit="pp",
        definition="The same error when the other labs' mean of the second score is the prediction.",
        section="frontier_coupling",
    ),
    Quantity(
        symbol="lolo_gain",
        name="gain of the line over the mean",
        unit="pp",
        definition="Leave-one-lab-out error of the mean less that of the line, mean over labs.",
        section="frontier_coupling",
    ),
    Quantity(
        symbol="lolo_spread",
        name="spread of the leave-one-lab-out error",
        unit="pp",
        definition="Standard deviation over labs of the leave-one-lab-out error of the line, divided by n as the paper "
        "does, or by n - 1.",
        section=f"{A} A.6",
    ),
    Quantity(
        symbol="later_error",
        name="error on later rows",
        unit="pp",
        definition="Mean absolute error of the second score on rows that are not among the frozen ones.",
        section="frontier_coupling",
    ),
)
