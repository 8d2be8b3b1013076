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
)
