"""Symbols of `layer_coupling`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="layer_cosine",
        name="coupling of layers",
        unit="cosine",
        definition="Cosine of the mean vectors of reasoning and of truthfulness prompts, at the layers that the label "
        "names, by the instrument that the method names.",
        section=f"{A} A.5",
    ),
    Quantity(
        symbol="depth_change",
        name="change of coupling with depth",
        unit="cosine",
        definition="Coupling of the last third of a model's layers less that of the first third.",
        section=f"{A} 6",
    ),
    Quantity(
        symbol="depth_slope",
        name="slope of coupling over depth",
        unit="cosine per depth",
        definition="Least-squares slope of coupling over relative depth, 0 at the first layer and 1 at the last.",
        section="layer_coupling",
    ),
    Quantity(
        symbol="d_rep",
        name="dimension of hidden states",
        unit="dimensions",
        definition="Participation ratio of the covariance spectrum of hidden states over prompts; not the d_eff of "
        "benchmarks.",
        section=f"{A} 7.3",
    ),
    Quantity(
        symbol="d_rep_range",
        name="range of d_rep over models",
        unit="dimensions",
        definition="Median of d_rep over the models of one instrument, with the lowest and the highest.",
        section=f"{A} 7.3",
    ),
    Quantity(
        symbol="ladder_r",
        name="r of coupling and size",
        unit="",
        definition="Pearson r of mean coupling and log10 N over the sizes of one family in one source.",
        section="layer_coupling",
    ),
    Quantity(
        symbol="p_ladder",
        name="p of the ladder's r",
        unit="",
        definition="Two-sided permutation p of the ladder's r, all orderings of up to 8 sizes.",
        section="layer_coupling",
    ),
    Quantity(
        symbol="ladder_fall",
        name="lowest change between consecutive sizes",
        unit="cosine",
        definition="Lowest of the changes of mean coupling between consecutive sizes of one family in one source.",
        section=f"{A} 6 and dashboard",
    ),
    Quantity(
        symbol="n_competing_heads",
        name="competing heads of a model",
        unit="heads",
        definition="Heads that a source counts as competing, which the dashboard calls units.",
        section="Dashboard, OPT ladder",
    ),
    Quantity(
        symbol="size_change",
        name="change of coupling with size",
        unit="cosine",
        definition="Mean coupling of a model in the band of the second transition less that of the next smaller one.",
        section=f"{A} 6",
    ),
    Quantity(
        symbol="generation_change",
        name="change of coupling between generations",
        unit="cosine",
        definition="Mean coupling of a model of the newer family less that of the older one nearest in size.",
        section=f"{A} 5.2",
    ),
    Quantity(
        symbol="post_training_change",
        name="change of coupling by post-training",
        unit="cosine",
        definition="Mean coupling of a post-trained model less that of its base model.",
        section=f"{A} 7.3",
    ),
    Quantity(
        symbol="sign_share",
        name="share of positive differences",
        unit="% of differences",
        definition="Differences above zero over differences that have a sign.",
        section="layer_coupling",
    ),
    Quantity(
        symbol="p_sign",
        name="p of the sign test",
        unit="",
        definition="Exact two-sided sign test of differences taken as independent.",
        section="layer_coupling",
    ),
    Quantity(
        symbol="q_sign",
        name="p of the sign test, adjusted",
        unit="",
        definition="p of the sign test adjusted by Benjamini and Hochberg for the sign tests of the page.",
        section="layer_coupling",
    ),
)
