"""Planted steering scorecards: every effect, share and verdict is known."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from cape.internals.scorecard_records import (
    LAKE_TABLES,
    ArmRow,
    EffectRow,
    GenerationRow,
    HistogramRow,
    Scorecard,
    SummaryRow,
)
from cape.lake import Lake, LakePaths, build_lake
from cape.lake.computed import write_computed

N, N_WRONG, N_CORRECTED, N_BROKEN, N_CHANGED = 100, 60, 12, 4, 20
EFFECT, BEYOND = 8.0, 6.0
MOVED_WRONG = 23.0
STRENGTH = 1.5
MODELS = (("organism-small", 1_000, "before"), ("organism-middle", 8_000, "at"), ("organism-large", 60_000, "after"))
VERDICTS = ("too wide to say", "no effect beyond random directions", "truer beyond random directions")


def arm(model: str, name: str, kind: str, matching: str, **given: Any) -> ArmRow:
    held: dict[str, Any] = {
        "model_id": model, "revision": "", "arm": name, "kind": kind, "matching": matching, "split": "test",
        "layer": 1, "strength": STRENGTH, "strength_share": 0.5, "replicate": None, "n_questions": N,
        "mc1_pct": 40.0, "mc1_low": 31.0, "mc1_high": 50.0, "mc2_pct": 45.0, "mc2_low": 38.0, "mc2_high": 52.0,
        "n_capability": 50, "capability_pct": 30.0, "capability_low": 20.0, "capability_high": 40.0, "n_tokens": 500,
        "cross_entropy_nats": 2.0, "kl_nats": 0.1, "n_generations": 4, "repetition_pct": 10.0,
        "generation_changed_pct": 50.0, "changed_pct": float(N_CHANGED), "corrected_pct": float(N_CORRECTED),
        "broken_pct": float(N_BROKEN), "seed": 0, "config_hash": "c", "caveats": "",
    }  # fmt: skip
    return ArmRow(**{**held, **given})


def arms(model: str) -> tuple[ArmRow, ...]:
    none: dict[str, Any] = {"layer": None, "strength": None, "strength_share": None}
    still = {"changed_pct": None, "corrected_pct": None, "broken_pct": None, "kl_nats": 0.0}
    grid = [
        arm(model, f"layer {layer} x {strength}", "steered", "grid", split="validation", layer=layer,
            strength=strength, strength_share=strength / 3, mc2_pct=40.0 + layer + strength, n_questions=40)
        for layer in (0, 1) for strength in (0.75, STRENGTH, 3.0)
    ]  # fmt: skip
    drawn = [
        arm(model, f"random {number} {matching}", "random direction", matching, replicate=number,
            mc2_pct=44.0 + number / 10, mc1_pct=40.0 + number / 5, kl_nats=0.09 + 0.05 * (matching == "equal norm"))
        for number in range(20) for matching in ("equal KL", "equal norm")
    ]  # fmt: skip
    others = [
        arm(model, f"{kind}, {matching}", kind, matching, mc2_pct=value, mc1_pct=value - 5, kl_nats=kl)
        for kind, value in (("negative direction", 37.0), ("shuffled labels", 44.0))
        for matching, kl in (("equal KL", 0.1), ("equal norm", 0.3))
    ]
    return (
        arm(model, "base", "base", "no strength", **none, **still),
        arm(model, "base", "base", "no strength", split="validation", n_questions=40, **none, **still),
        arm(model, "steered", "steered", "equal norm", mc2_pct=53.0, mc1_pct=48.0),
        arm(model, "steered at KL of prompt only", "steered", "KL of prompt only", mc2_pct=50.0, mc1_pct=46.0),
        arm(model, "prompt only", "prompt only", "no strength", mc2_pct=47.0, kl_nats=0.05, **none),
        arm(model, "layer 0", "other layer", "equal KL", layer=0, mc2_pct=46.0),
        arm(model, "layer 0, norm", "other layer", "equal norm", layer=0, mc2_pct=45.5),
        arm(model, "paper mode", "paper mode", "no strength", mc2_pct=44.5, strength=None, capability_pct=None),
        *others, *grid, *drawn,
    )  # fmt: skip


def effect(model: str, name: str, kind: str, against: str, metric: str, value: float, **given: Any) -> EffectRow:
    held: dict[str, Any] = {
        "model_id": model, "revision": "", "arm": name, "kind": kind, "matching": "equal norm", "against": against,
        "metric": metric, "value": value, "low": value - 4, "high": value + 4, "unit": "pp", "n": N, "p_value": None,
        "p_test": "", "n_changed": None, "n_corrected": None, "n_broken": None, "moved_wrong_pct": None,
        "moved_right_pct": None, "method": "mean difference, planted", "caveats": "",
    }  # fmt: skip
    return EffectRow(**{**held, **given})


def effects(model: str, shift: float) -> tuple[EffectRow, ...]:
    counts = {"n_changed": N_CHANGED, "n_corrected": N_CORRECTED, "n_broken": N_BROKEN}
    moved = {"moved_wrong_pct": MOVED_WRONG, "moved_right_pct": 70.0}
    drawn = "mean of random directions"
    return (
        effect(model, "steered", "steered", "base", "mc1", EFFECT, p_value=0.03, p_test="McNemar", **counts),
        effect(model, "steered", "steered", "base", "mc2", EFFECT + shift, **moved),
        effect(model, "steered", "steered", drawn, "mc1", BEYOND, p_value=0.05, p_test="rank"),
        effect(model, "steered", "steered", drawn, "mc2", BEYOND + shift, p_value=0.05, p_test="rank"),
        effect(model, "steered", "steered", "base", "capability", -1.0, n=50),
        effect(model, "steered", "steered", "base", "cross_entropy", 0.05, unit="nats", low=0.04, high=0.06),
        effect(model, "negative direction, equal KL", "negative direction", "base", "mc2", -8.0, **moved),
        effect(model, "random 3 equal KL", "random direction", "base", "mc2", 0.5),
    )


def scorecard(model: str, n_params: int, position: str, *, shift: float = 0.0, verdict: str = VERDICTS[2]) -> Scorecard:
    summary = SummaryRow(
        model_id=model, revision="", position=position, n_params=n_params, n_layers=2, d_model=16, layer=1,
        strength=STRENGTH, strength_share=0.5, choice="largest MC2 at a bound of KL", n_pairs=40, n_validation=40,
        n_test=N, n_random=20, n_random_matched=20, split_half_cosine=0.8, verdict=verdict, reason="it was planted",
        rank_floor=1 / 21, questions="planted", questions_hash="q", vector_hash="v", weights_hash="w",
        config_hash="c", seed=0, versions="{}", seconds=1.0,
    )  # fmt: skip
    bins = [(-20.0, -10.0, 5), (-10.0, 0.0, 18), (0.0, 10.0, 50), (10.0, 20.0, 27)]
    return Scorecard(
        summary=summary,
        arms=arms(model),
        effects=effects(model, shift),
        histogram=tuple(
            HistogramRow(model_id=model, revision="", arm=name, low=low, high=high, n_questions=n)
            for name in ("steered", "negative direction, equal KL")
            for low, high, n in bins
        ),
        generations=(
            GenerationRow(model_id=model, revision="", arm="steered", prompt_id="p1", prompt="Lilac is",
                          before=" red", after=" blue", is_changed=True, is_true=None),
        ),
    )  # fmt: skip


def cards() -> list[Scorecard]:
    return [
        scorecard(*model, shift=place, verdict=verdict)
        for place, (model, verdict) in enumerate(zip(MODELS, VERDICTS, strict=True))
    ]


def steering_lake(folder: Path, delivered: Path) -> Lake:
    """Build a lake whose stored scorecards are the planted ones."""
    shutil.copytree(delivered, folder, ignore=shutil.ignore_patterns("built", "cape.duckdb", ".cape-*"))
    paths = LakePaths(folder)
    held = cards()
    tables: dict[str, list[dict]] = {
        "organism_steering": [row for card in held for row in card.frame("arms").to_dicts()],
        "organism_steering_effects": [row for card in held for row in card.frame("effects").to_dicts()],
        "organism_steering_histogram": [row for card in held for row in card.frame("histogram").to_dicts()],
        "organism_steering_generations": [row for card in held for row in card.frame("generations").to_dicts()],
        "organism_steering_summary": [
            {name: getattr(card.summary, name) for name in SummaryRow.__dataclass_fields__} for card in held
        ],
    }
    assert set(tables) == set(LAKE_TABLES)
    for name, rows in tables.items():
        write_computed(name, rows, paths=paths, from_lake_version="none: planted", command="planted", seed=0)
    build_lake(paths)
    return Lake.ensure(paths)
