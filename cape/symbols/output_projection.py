"""Symbols of `output_projection`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="proj_cosine",
        name="coupling under a map",
        unit="cosine",
        definition="Cosine of reasoning and truthfulness vectors of the final hidden state under the map that the "
        "label names: of group means, or the mean over matched prompts.",
        section=f"{A} 6 and Fig. 6",
    ),
    Quantity(
        symbol="proj_change",
        name="change of coupling by a map",
        unit="cosine",
        definition="Coupling under the map less that of the hidden state itself.",
        section=f"{A} 6",
    ),
    Quantity(
        symbol="proj_loss",
        name="loss of coupling by a map",
        unit="% of the hidden cosine",
        definition="Hidden coupling less mapped coupling, over the hidden one.",
        section=f"{A} 6",
    ),
    Quantity(
        symbol="proj_rank_limit",
        name="directions that the prompts allow",
        unit="directions",
        definition="Number of prompts less one: centred vectors of n prompts span no more directions.",
        section="output_projection",
    ),
    Quantity(
        symbol="proj_flat_from",
        name="k from which the sweep is flat",
        unit="directions",
        definition="Smallest number of principal directions in the sweep from which the cosine no longer changes.",
        section="output_projection",
    ),
    Quantity(
        symbol="proj_sweep_end",
        name="coupling at the end of the sweep",
        unit="cosine",
        definition="Cosine within all principal directions of the sweep.",
        section="output_projection",
    ),
)
