"""Symbols of `predictions`."""

from __future__ import annotations

from cape.quantities import Quantity

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="n_predictions",
        name="predictions by status",
        unit="predictions",
        definition="Rows of the predictions table by kind (dated, past, open) and by status on the day of scoring.",
        section="Paper A 7.2, 7.5, 9",
    ),
    Quantity(
        symbol="h_next_release",
        name="h of a coming release",
        unit="pp",
        definition="h = GPQA - (slope SWE + intercept) of the frozen line, of the release that decides the clause.",
        section="Paper A.6",
    ),
    Quantity(
        symbol="criterion_distance",
        name="distance to the criterion",
        unit="as the quantity",
        definition="Distance of the value from the bound of the pass clause that binds; positive where it holds.",
        section="predictions",
    ),
    Quantity(
        symbol="days_left",
        name="days left",
        unit="days",
        definition="Deadline less the day on which the predictions are scored; negative when it has passed.",
        section="predictions",
    ),
    Quantity(
        symbol="statement_value",
        name="value of a statement without a date",
        unit="as the quantity",
        definition="What the text of a past confirmation or an open falsifier is judged by; the label says what it is.",
        section="Paper A 7.5, 9",
    ),
    Quantity(
        symbol="n_competing_at_n_c",
        name="models at N_c with competing heads",
        unit="models",
        definition="Models with a published internal measurement that lie at N_c, by either reading of that, and "
        "have a competing head or unit.",
        section="Paper A 9 (iii)",
    ),
)
