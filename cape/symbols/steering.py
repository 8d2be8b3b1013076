"""Symbols of `steering`."""

from __future__ import annotations

from cape.quantities import Quantity

A = "Paper A"

QUANTITIES: tuple[Quantity, ...] = (
    Quantity(
        symbol="steering_changed",
        name="share of outputs changed",
        unit="% of prompts",
        definition="Prompts whose text with steering differs from the text without, whichever is right.",
        section=f"{A} 7.4",
    ),
    Quantity(
        symbol="changed_by_random",
        name="share of outputs changed by a random direction",
        unit="% of prompts",
        definition="Prompts whose text changes when a random direction of equal norm is added.",
        section="steering",
    ),
    Quantity(
        symbol="steering_corrected",
        name="share corrected",
        unit="% of questions",
        definition="Questions answered wrongly without steering that are answered rightly with it.",
        section=f"{A} 7.4",
    ),
    Quantity(
        symbol="steering_kept_right",
        name="share kept right",
        unit="% of questions",
        definition="Questions answered rightly without steering that are answered rightly with it.",
        section=f"{A} 7.4",
    ),
    Quantity(
        symbol="capability_change",
        name="change of capability by steering",
        unit="percentage points",
        definition="Score on the capability control set with steering less without, question by question.",
        section="steering",
    ),
    Quantity(
        symbol="p_steering_trend",
        name="p of the trend of outputs changed",
        unit="",
        definition="Exact two-sided test that the share changed moves with the order of model size.",
        section=f"{A} 7.4",
    ),
    Quantity(
        symbol="cos_truth",
        name="cosine with the truth direction",
        unit="",
        definition="Cosine of the hidden state of a prompt's last token, at the probe layer, with the truth direction.",
        section="dashboard, self-steering",
    ),
    Quantity(
        symbol="tool_rule",
        name="rows that follow the tool's rule",
        unit="% of prompts",
        definition="Recorded prompts whose word or strength is the one that the steps of cos(truth) give.",
        section="dashboard, self-steering",
    ),
    Quantity(
        symbol="probe_layer",
        name="probe layer",
        unit="",
        definition="Layer at a quarter of the depth, L // 4.",
        section=f"{A} 7.4",
    ),
    Quantity(
        symbol="steering_effect",
        name="effect of steering",
        unit="as the quantity",
        definition="Mean over test questions of a score under one arm less the score under another, paired.",
        section="steering",
    ),
    Quantity(
        symbol="p_steering",
        name="p of the effect of steering",
        unit="",
        definition="Exact McNemar p, or rank of the effect among those of random directions, as the method says.",
        section="steering",
    ),
    Quantity(
        symbol="steering_mean_effect",
        name="mean effect of steering",
        unit="percentage points",
        definition="Mean over the stored models of the steered arm's effect against no steering.",
        section="steering",
    ),
    Quantity(
        symbol="steering_mean_beyond",
        name="mean effect beyond random directions",
        unit="percentage points",
        definition="Mean over the stored models of the steered arm's effect less the mean effect of random directions.",
        section="steering",
    ),
    Quantity(
        symbol="steering_verdicts",
        name="models with a verdict",
        unit="% of models",
        definition="Stored models whose steered arm gets this verdict by the rule of the scorecard.",
        section="steering",
    ),
    Quantity(
        symbol="answers_changed",
        name="share of answers changed",
        unit="% of questions",
        definition="Test questions whose likeliest choice differs from the one without steering, right or wrong.",
        section="steering",
    ),
    Quantity(
        symbol="moved_wrong_way",
        name="share moved the wrong way",
        unit="% of questions",
        definition="Test questions whose MC2 is lower with steering than without.",
        section="steering",
    ),
    Quantity(
        symbol="steering_kl",
        name="KL of the steered model",
        unit="nats per word",
        definition="KL divergence of the next word's distribution with steering from the one without, held-out text.",
        section="steering",
    ),
    Quantity(
        symbol="steering_layer",
        name="steered layer",
        unit="",
        definition="Layer to whose output the direction is added, counted from 0.",
        section="steering",
    ),
    Quantity(
        symbol="steering_strength",
        name="strength",
        unit="",
        definition="Number that multiplies the direction of norm 1 before it is added.",
        section="steering",
    ),
    Quantity(
        symbol="split_half_cosine",
        name="agreement of two halves",
        unit="",
        definition="Mean cosine of the truth directions of two halves of the calibration pairs.",
        section="steering",
    ),
)
