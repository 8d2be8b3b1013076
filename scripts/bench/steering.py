"""Steering of a model of the shape of Pythia-70M with random weights: tokens per second, and shared prompts."""

from __future__ import annotations

import importlib.util
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cape.internals.directions import SteeringVector
from cape.internals.models import LoadedModel, adapt
from cape.internals.scoring import Item, choice_by_choice, score_choices
from scripts.bench.common import Row

PART = "Steering"
WIDTH, LAYERS, HEADS, ALPHABET = 512, 6, 8, 50304
PREFIX, CHOICES, CHOICE, QUESTIONS = 128, 4, 8, 4
NEW_TOKENS, REPEATS, QUICK_REPEATS = 32, 9, 3
HOOK_LEAST, SHARED_LEAST = 0.97, 2.0


def measure(folder: Path, *, is_quick: bool) -> list[Row]:
    """Return the rate of steered over unsteered tokens, and of shared prompts over choice by choice."""
    what = f"one thread, {WIDTH} wide, {LAYERS} layers, random weights"
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        return [Row(part=PART, what=what, measured="not measured", note="torch is not installed")]
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        repeats = QUICK_REPEATS if is_quick else REPEATS
        loaded = _model()
        return [_hook_row(loaded, repeats, what), *_shared_rows(loaded, repeats, what)]
    finally:
        torch.set_num_threads(threads)


def _model() -> LoadedModel:
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    torch.manual_seed(0)
    config = GPTNeoXConfig(
        vocab_size=ALPHABET,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * WIDTH,
        max_position_embeddings=2048,
        initializer_range=0.1,  # large enough that what stands before matters
    )
    return adapt(GPTNeoXForCausalLM(config), None, model_id="random 70M", revision="")


def _hook_row(loaded: LoadedModel, repeats: int, what: str) -> Row:
    direction = np.full(WIDTH, 1 / np.sqrt(WIDTH), dtype=np.float32)
    vector = SteeringVector(direction=direction, layer=LAYERS // 4, model_id="random 70M", revision="", data_hash="")

    def steered() -> None:
        with vector.apply(loaded, 3.0):
            _generate(loaded)

    ratio, spread = _ratio(lambda: _generate(loaded), steered, repeats)
    return Row(
        part=PART,
        what=f"tokens per second, steered over unsteered; {what}",
        measured=f"{ratio:.3f}",
        target=f">= {HOOK_LEAST:g}",
        is_met=ratio >= HOOK_LEAST,
        note=f"median of {repeats} pairs of {NEW_TOKENS} tokens, {spread}",
    )


def _generate(loaded: LoadedModel) -> None:
    import torch

    ids = torch.arange(PREFIX)[None]
    loaded.model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS,
        do_sample=False, pad_token_id=0,
    )  # fmt: skip


def _shared_rows(loaded: LoadedModel, repeats: int, what: str) -> list[Row]:
    rng = np.random.default_rng(0)

    def words(n: int) -> tuple[int, ...]:
        return tuple(int(i) for i in rng.integers(0, ALPHABET, size=n))

    items = [Item(prompt=words(PREFIX), choices=tuple(words(CHOICE) for _ in range(CHOICES))) for _ in range(QUESTIONS)]
    gap = max(
        float(np.abs(a - b).max())
        for a, b in zip(score_choices(loaded, items), choice_by_choice(loaded, items), strict=True)
    )
    ratio, spread = _ratio(
        lambda: choice_by_choice(loaded, items), lambda: score_choices(loaded, items), max(2, repeats // 3)
    )
    shape = f"prompts of {PREFIX} tokens, {CHOICES} choices of {CHOICE}; {what}"
    return [
        Row(
            part=PART,
            what=f"shared prompt over choice by choice; {shape}",
            measured=f"{ratio:.2f}",
            target=f">= {SHARED_LEAST:g}",
            is_met=ratio >= SHARED_LEAST,
            note=spread,
        ),
        Row(
            part=PART,
            what="largest difference of log-probabilities between the two",
            measured=f"{gap:.1e} nats",
            target="< 1e-4 nats",
            is_met=gap < 1e-4,
        ),
    ]


def _ratio(slow: Callable[[], Any], fast: Callable[[], Any], repeats: int) -> tuple[float, str]:
    """Return the median ratio of the times of two calls made one after the other, in turns, and its range."""
    slow(), fast()
    ratios = []
    for place in range(repeats):
        first, second = (slow, fast) if place % 2 == 0 else (fast, slow)
        times = {call: _time(call) for call in (first, second)}
        ratios.append(times[slow] / times[fast])
    return statistics.median(ratios), f"range {min(ratios):.3f} to {max(ratios):.3f}"


def _time(call: Callable[[], Any]) -> float:
    started = time.process_time()  # of one thread, so that other processes do not count
    call()
    return time.process_time() - started
