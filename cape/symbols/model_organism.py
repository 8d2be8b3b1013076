"""Symbols of `model_organism`."""

from __future__ import annotations

from cape.quantities import Quantity

SECTION = "model organism"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="organism_truth",
        name="truth told by the organism",
        unit="%",
        definition="Questions whose likeliest answer of four is the truth, or the mean probability of the truth among "
        "the four, of one recipe and size; mean over seeds.",
        section=SECTION,
    ),
    Quantity(
        symbol="N_organism",
        name="critical scale of the organism",
        unit="parameters",
        definition="N_c of the organism's ladders by the estimators of the critical scale page: the size where gamma "
        "of truth against reasoning turns from negative to positive.",
        section=SECTION,
    ),
    Quantity(
        symbol="N_overcome",
        name="size at which the myth is overcome",
        unit="parameters",
        definition="Size from which on the truth is answered more often than the myth, by linear interpolation of "
        "their difference in log10 N within each seed.",
        section=SECTION,
    ),
    Quantity(
        symbol="n_seeds_overcome",
        name="seeds in which the myth is overcome",
        unit="seeds",
        definition="Seeds by what happens to the myth along their ladder.",
        section=SECTION,
    ),
    Quantity(
        symbol="N_c_over_overcome",
        name="N_c over the size at which the myth is overcome",
        unit="x",
        definition="Ratio of N_c to the size at which the myth is overcome, formed within each seed.",
        section=SECTION,
    ),
    Quantity(
        symbol="lever_truth",
        name="effect of a lever on truth",
        unit="pp",
        definition="Change of the truth score that one lever makes with everything else held, formed within each seed.",
        section=SECTION,
    ),
    Quantity(
        symbol="lever_reasoning",
        name="effect of a lever on reasoning",
        unit="pp",
        definition="Change of the reasoning score that one lever makes with everything else held, formed within each "
        "seed.",
        section=SECTION,
    ),
    Quantity(
        symbol="organism_competing",
        name="competing heads inside the organism",
        unit="%",
        definition="Heads whose outputs for sums and for questions have a cosine below -0.5 in more than half of the "
        "pairs of prompts, of all heads of a model; mean over the sizes named, within a seed, then over seeds.",
        section=SECTION,
    ),
    Quantity(
        symbol="organism_net_heads",
        name="net coupling of the organism's heads",
        unit="cosine",
        definition="Mean over heads of the cosine of a head's mean output for sums and for questions.",
        section=SECTION,
    ),
    Quantity(
        symbol="organism_depth_change",
        name="coupling with depth inside the organism",
        unit="cosine",
        definition="Cosine of the mean hidden states for sums and for questions after the last layer less that after "
        "the first.",
        section=SECTION,
    ),
    Quantity(
        symbol="organism_output_change",
        name="coupling through the organism's output",
        unit="cosine",
        definition="Cosine of the means for sums and for questions after the output projection less that of the state "
        "it is given.",
        section=SECTION,
    ),
    Quantity(
        symbol="organism_steering",
        name="steering effect on the organism's truth",
        unit="pp",
        definition="MC1 on test questions with a direction added at the layer and strength chosen on other questions, "
        "less MC1 without it, of one model.",
        section=SECTION,
    ),
    Quantity(
        symbol="organism_changed",
        name="answers of the organism that steering changes",
        unit="%",
        definition="Test questions whose answer differs with the direction added, of one model; changed is not "
        "corrected.",
        section=SECTION,
    ),
)
