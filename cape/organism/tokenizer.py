"""A word-level tokenizer: one number per word of the world, and the files that other libraries load it from."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from cape.errors import BadParameterError
from cape.organism.world import INDEX, UNKNOWN, VOCABULARY, Ids, words

TOKENIZER_FILE, TOKENIZER_CONFIG_FILE = "tokenizer.json", "tokenizer_config.json"


def encode(text: str) -> Ids:
    """Return the word numbers of a text, (n_words,); raise BadParameterError for a word the world does not have."""
    found = text.split()
    unknown = [word for word in found if word not in INDEX]
    if unknown:
        raise BadParameterError(
            f"The organism's world has no word {unknown[0]!r}. See its words with `cape organism show`."
        )
    return np.array([INDEX[word] for word in found], dtype=np.int64)


def decode(ids: Ids) -> str:
    """Return the text of word numbers."""
    return words(ids)


def write_tokenizer(folder: Path) -> None:
    """Write the tokenizer as the two files that `AutoTokenizer.from_pretrained(folder)` reads."""
    whole = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{
            "id": 0, "content": UNKNOWN, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True,
        }],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {word: i for i, word in enumerate(VOCABULARY)}, "unk_token": UNKNOWN},
    }  # fmt: skip
    about = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": UNKNOWN,
        "pad_token": UNKNOWN,
        "eos_token": UNKNOWN,
        "clean_up_tokenization_spaces": False,
    }
    (folder / TOKENIZER_FILE).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    (folder / TOKENIZER_CONFIG_FILE).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
