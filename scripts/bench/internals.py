"""Benchmark of looking inside models: probing against a plain forward pass, and memory against the number of prompts.

Run as `python -m scripts.bench.internals N` it streams N prompts and prints its peak memory.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.bench.common import Row, in_child, peak_rss_mib

PART = "Internals"
LEAST_RATIO = 0.9
MOST_GROWTH = 1.05  # peaks of one program differ by a percent or two from run to run
PYTHIA_70M = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 6,
    "num_attention_heads": 8,
    "vocab_size": 50304,
}
MANY_LAYERS = {**PYTHIA_70M, "intermediate_size": 64, "num_hidden_layers": 24, "vocab_size": 2048}
FEW, MANY = 100, 3000
WORDS_OF_ONE = 4  # prompts of the memory run are short: their number is what matters
REPEATS, QUICK_REPEATS = 7, 3
BATCH = 32


def measure(folder: Path, *, is_quick: bool) -> list[Row]:
    """Return the rows of throughput and memory, or one that says why there are none."""
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        note = "torch is not installed: pip install -r requirements-heavy.txt"
        return [Row(part=PART, what="probing against a plain forward pass", measured="skipped", note=note)]
    return [_throughput(QUICK_REPEATS if is_quick else REPEATS), _memory(folder)]


def random_model(shape: dict[str, int], words: list[str]) -> Any:
    """Return a GPT-NeoX of this shape with random weights and a tokenizer of these words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM, PreTrainedTokenizerFast

    from cape.internals.models import adapt

    torch.set_num_threads(1)
    torch.manual_seed(0)
    names = ["<unk>", *sorted(set(words))]
    held = Tokenizer(models.WordLevel({word: i for i, word in enumerate(names)}, unk_token="<unk>"))
    held.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=held, unk_token="<unk>", eos_token="<unk>")
    return adapt(GPTNeoXForCausalLM(GPTNeoXConfig(**shape)), tokenizer, model_id="random")


def _throughput(repeats: int) -> Row:
    """Compare processor time of probing with that of the forward passes over the same batches, alternating."""
    import torch

    from cape.internals.activations import HEADS, LAYERS, body_of
    from cape.internals.gather import hooks, keep_vectors, running_sums, windows
    from cape.internals.prompts import shipped_set
    from cape.internals.tokens import forward_arguments

    contrast, background = shipped_set("contrast"), shipped_set("domains")
    prompts = [*contrast.prompts, *background.prompts]
    loaded = random_model(PYTHIA_70M, " ".join(prompts).split())
    body = body_of(loaded)

    def plain() -> None:
        for group in (contrast.prompts, *(group for _, group in background.groups)):
            for batch in windows(loaded, group, size=BATCH):
                with torch.no_grad():
                    body(**forward_arguments(body, batch))

    def probed() -> None:
        recorder = hooks(loaded)
        keep_vectors(loaded, contrast.prompts, (LAYERS, HEADS), recorder=recorder, size=BATCH)
        running_sums(loaded, background, recorder=recorder, size=BATCH)

    plain()
    times = [(processor_time(plain), processor_time(probed)) for _ in range(repeats)]
    bare, hooked = (min(each) for each in zip(*times, strict=True))
    return Row(
        part=PART,
        what=f"probing layers and heads, {len(prompts)} prompts, shape of Pythia-70M",
        measured=f"{bare / hooked:.3f} x a plain forward pass",
        target=f">= {LEAST_RATIO:g} x",
        is_met=bare / hooked >= LEAST_RATIO,
        note=f"{len(prompts) / hooked:.0f} prompts a second of one core; without the unembedding in both",
    )


def processor_time(call: Callable[[], None]) -> float:
    """Return the processor seconds of a call, which other work on the machine does not stretch."""
    started = time.process_time()
    call()
    return time.process_time() - started


def _memory(folder: Path) -> Row:
    few, many = (in_child("scripts.bench.internals", str(n), lake=folder)["peak_mib"] for n in (FEW, MANY))
    return Row(
        part=PART,
        what=f"peak memory of {MANY} prompts of free text over that of {FEW}",
        measured=f"{many / few:.3f} x ({few:.0f} MiB, then {many:.0f} MiB)",
        target=f"<= {MOST_GROWTH:g} x",
        is_met=many / few <= MOST_GROWTH,
        note=f"keeping every vector would add {_kept_mib(MANY):.0f} MiB",
    )


def _kept_mib(n_prompts: int) -> float:
    return n_prompts * MANY_LAYERS["num_hidden_layers"] * MANY_LAYERS["hidden_size"] * 4 / 2**20


def stream(n_prompts: int) -> dict[str, float]:
    """Probe this many prompts of free text and return the peak memory in MiB."""
    from cape.internals.gather import hooks, running_sums
    from cape.internals.prompts import PromptSet

    words = [f"w{i}" for i in range(1000)]
    texts = tuple(" ".join(words[(i * 7 + k * 131) % 1000] for k in range(WORDS_OF_ONE)) for i in range(n_prompts))
    loaded = random_model(MANY_LAYERS, words)
    running_sums(loaded, PromptSet(name="w", version=1, groups=(("w", texts),)), recorder=hooks(loaded), size=BATCH)
    return {"peak_mib": peak_rss_mib()}


if __name__ == "__main__":
    print(json.dumps(stream(int(sys.argv[1]))))
