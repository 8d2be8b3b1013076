"""Suggest a known name for an unknown one."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return a sentence that suggests near names, or lists the known ones when none is near."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.5)
    if near:
        return f"Did you mean {', '.join(near)}?"
    return f"Known: {', '.join(sorted(known))}."
