"""Symbols of `head_coupling`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="head_free_share",
        name="share of models that meet the criterion",
        unit="% of models",
        definition="Models without competing heads, or with cooperative heads only, over models measured; one "
        "instrument unless the label says otherwise.",
        section=f"{A} 6",
    ),
    Quantity(
        symbol="n_head_free",
        name="models that meet the criterion",
        unit="models",
        definition="Models without competing heads, or with cooperative heads only.",
        section=f"{A} 6",
    ),
    Quantity(
        symbol="n_head_measured",
        name="models whose heads are measured",
        unit="models",
        definition="Models with a share or count of heads that the criterion can be tried on.",
        section=f"{A} 6",
    ),
    Quantity(
        symbol="n_head_families",
        name="families whose heads are measured",
        unit="families",
        definition="Families with at least one model that the criterion can be tried on.",
        section=f"{A} 6",
    ),
    Quantity(
        symbol="head_not_cooperative",
        name="share of heads that are not cooperative",
        unit="% of heads",
        definition="All heads less the cooperative ones; paper Fig. 5 calls the rest competing.",
        section=f"{A} Fig. 5",
    ),
    Quantity(
        symbol="head_net_step",
        name="change of net coupling between sizes",
        unit="cosine",
        definition="Net coupling of a model less that of the next smaller one of its family, in one source.",
        section=f"{A} 5.2",
    ),
    Quantity(
        symbol="head_free_families",
        name="share of families that meet the criterion",
        unit="% of families",
        definition="Families of which every measured model meets the criterion, over families measured.",
        section="head_coupling",
    ),
    Quantity(
        symbol="head_cooperative",
        name="share of cooperative heads",
        unit="% of heads",
        definition="Heads whose reasoning and truthfulness vectors have a cosine above the threshold of the source, "
        "over all heads.",
        section=f"{A} 5.2 and Fig. 5",
    ),
    Quantity(
        symbol="head_competing",
        name="share of competing heads",
        unit="% of heads",
        definition="Heads whose cosine is below -0.5, over all heads; A.5 says the same of layers, on more than half "
        "of the prompt pairs.",
        section=f"{A} A.5",
    ),
    Quantity(
        symbol="head_net",
        name="net coupling",
        unit="cosine",
        definition="Mean over heads, or over layers where the source has no heads, of the cosine of reasoning and "
        "truthfulness vectors.",
        section=f"{A} 5.2",
    ),
    Quantity(
        symbol="head_cosine_median",
        name="median cosine of heads",
        unit="cosine",
        definition="Median over heads of the cosine of reasoning and truthfulness vectors.",
        section=f"{A} 6",
    ),
    Quantity(
        symbol="head_share_beyond",
        name="share of heads beyond a threshold",
        unit="% of heads",
        definition="Heads whose cosine lies above or below the threshold that the label names, over all heads.",
        section="head_coupling",
    ),
    Quantity(
        symbol="n_alarmed_models",
        name="models struck by an alarm",
        unit="models",
        definition="Measured models with a value that is constant across layers, equal to another model's, or at the "
        "end of its scale.",
        section="head_coupling",
    ),
)
