"""What head_coupling says on screen, by stated rules from its estimates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from cape.diagnostics._head_shares import LEFT_OUT, NINE_FAMILIES, PRINTED
from cape.figures._text import counted
from cape.quantities import Estimate
from cape.stats.degenerate import Alarm


def sentences(
    shares: Sequence[dict[str, Any]],
    alarms: pl.DataFrame,
    models: pl.DataFrame,
    estimates: Sequence[Estimate],
    *,
    coverage: pl.DataFrame,
    criterion: str,
) -> tuple[str, ...]:
    """Return what the rows give beside the printed count, by instrument, what is alarmed, and what a threshold does."""
    by_label = {row["label"]: row for row in shares}
    lacking = coverage.filter(pl.col("n_models") == 0)["family"].to_list()
    return tuple(
        filter(
            None,
            (
                _beside_printed(by_label, criterion),
                f"No head is recorded of {', '.join(lacking)}, families of the printed count." if lacking else "",
                _by_instrument(shares, criterion),
                _alarmed(alarms, models),
                _opposed(models),
                _thresholds(estimates),
            ),
        )
    )


def _beside_printed(rows: dict[str, dict[str, Any]], criterion: str) -> str:
    printed, ours, kept = (rows[name] for name in (PRINTED, NINE_FAMILIES, NINE_FAMILIES + LEFT_OUT))
    head = (
        f"The print counts {printed['k']} of {printed['n']} models of {printed['n_families']} families; the recorded "
        f"rows hold {counted(ours['n'], 'model')} of {ours['n_families']} families among them"
    )
    if not ours["n"]:
        return f"{head}."
    meet = "has" if ours["k"] == 1 else "have"
    found = f"{head}, of which {ours['k']} {meet} {criterion} ({_share(ours)})"
    left = f"; with alarmed rows left out {kept['k']} of {kept['n']} do" if kept["n"] else "; every one is alarmed"
    return f"{found}{left}."


def _by_instrument(shares: Sequence[dict[str, Any]], criterion: str) -> str:
    held = [row for row in shares if row["kind"] == "one instrument" and row["n"]]
    told = "; ".join(f"{row['label']}: {row['k']} of {row['n']} ({_share(row)})" for row in held)
    return f"Models with {criterion}, by instrument: {told}." if told else ""


def _share(row: dict[str, Any]) -> str:
    return f"{row['value']:.0f}%, Wilson {row['low']:.0f} to {row['high']:.0f}%"


def _alarmed(alarms: pl.DataFrame, models: pl.DataFrame) -> str:
    told = []
    for alarm in Alarm:
        struck = alarms.filter(pl.col("alarm") == str(alarm))
        n = models.join(struck, on=["measured_by", "source_id", "model_id"], how="semi").height
        told.append(f"{alarm} {n}")
    return f"Of {counted(models.height, 'measured row')} of models, an alarm strikes: {', '.join(told)}."


def _opposed(models: pl.DataFrame) -> str:
    """Models whose heads are mostly not cooperative although none is counted as competing."""
    odd = models.filter((pl.col("cooperative") < 0.5) & (pl.col("competing") == 0))
    told = "; ".join(
        f"{row['label']}: {row['cooperative_pct']:.3g}% cooperative, 0% competing, the rest neither"
        for row in odd.iter_rows(named=True)
    )
    return f"Fewer than half of the heads cooperate and none competes at {told}." if told else ""


def _thresholds(estimates: Sequence[Estimate]) -> str:
    """What the threshold of cooperative changes, where a histogram of heads allows both."""
    found = {e.label: e for e in estimates if e.symbol == "head_share_beyond" and e.value is not None}
    for label, zero in found.items():
        if not label.endswith(", cosine above 0") or "shuffled" in label:
            continue
        name = label.removesuffix(", cosine above 0")
        other = next(e for key, e in found.items() if key.startswith(f"{name}, cosine above 0."))
        recorded = next((e for e in estimates if (e.symbol, e.label) == ("head_cooperative", name)), None)
        if recorded is None or recorded.value is None:
            continue
        return (
            f"The recorded share of cooperative heads of {name} is {recorded.value:.1f}%; its histogram gives "
            f"{zero.value:.1f}% above a cosine of 0 and {other.value:.1f}% above {other.label.rsplit(' ', 1)[1]}."
        )
    return ""
