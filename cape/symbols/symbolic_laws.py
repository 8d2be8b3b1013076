"""Symbols of `symbolic_laws`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="law_error",
        name="held-out error of a law",
        unit="as the quantity",
        definition="Mean absolute error of a formula on families its constants were not fitted on; the mean over "
        "families of the mean over their models. Divided targets: percentage points per 512 of width.",
        section=f"{A} 4",
    ),
    Quantity(
        symbol="law_skill",
        name="skill of a law",
        unit="",
        definition="1 less the held-out error over that of one score for all models, divided by the same widths where "
        "the target is. Zero: no better than that; negative: worse.",
        section=f"{A} 4, 5.1, control",
    ),
    Quantity(
        symbol="law_r2",
        name="held-out R2 of a law",
        unit="",
        definition="1 less held-out squared errors over those of one score for all models, sums over all models.",
        section=f"{A} 4",
    ),
    Quantity(
        symbol="law_skill_shuffled",
        name="skill of a law on shuffled scores",
        unit="",
        definition="Median and central 95% of the skill when second scores are dealt to the models at random, divided "
        "by the same widths, and constants are fitted again.",
        section=f"{A} 5.1, control",
    ),
    Quantity(
        symbol="p_law_shuffled",
        name="p of a law against shuffled scores",
        unit="",
        definition="Share of deals of the second scores with as high a skill, the data counted among them.",
        section=f"{A} 5.1, control",
    ),
    Quantity(
        symbol="law_rank",
        name="rank of a law",
        unit="",
        definition="Place by held-out error among searched laws and forms written by hand; n is how many there are.",
        section=f"{A} 4",
    ),
    Quantity(
        symbol="law_exponent",
        name="free exponent",
        unit="",
        definition="Exponent of the first score or of log10 N in a product of their powers fitted to the logs; it does "
        "not depend on the base of the logarithm of N or on the unit of the scores.",
        section=f"{A} 4",
    ),
    Quantity(
        symbol="law_exponent_shuffled",
        name="free exponent on shuffled scores",
        unit="",
        definition="Median and central 95% of the free exponent when second scores are dealt to the models at random "
        "and divided by the same widths.",
        section=f"{A} 5.1, control",
    ),
    Quantity(
        symbol="law_constant",
        name="constant of the paper's form",
        unit="",
        definition="Factor of the paper's form for scores in percent and N counted in parameters.",
        section=f"{A} 4",
    ),
    Quantity(
        symbol="n_laws",
        name="laws in the hall of fame",
        unit="laws",
        definition="Searched formulas that no smaller one comes near, over all seeds, by what they are.",
        section=f"{A} 4",
    ),
    Quantity(
        symbol="n_law_rows_left_out",
        name="rows left out of the laws",
        unit="rows",
        definition="Rows with both scores whose width, size or chosen inputs are not known.",
        section="lake",
    ),
)
