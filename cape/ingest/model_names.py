"""The written rule that reads family, size and kind from a model's name; the alias table overrides it.

1. The last part of a name is the model, the part before it its organisation; a path on a disk has no organisation,
   and a folder `checkpoint-500` or `step500` names a training step of the folder above it.
2. A row of `model_aliases.csv` whose organisation and name fit gives the family surely. The same name under another
   organisation is a derived model: it is its own family, and unsure.
3. Without an alias the size is the one number before a B, M or K (`7b`, `1.4B`, `7b1`, `350m`); two different ones
   leave it unknown, `8x7b` is a mixture whose total is unknown, `a3b` counts active parameters.
4. The family is what stands before the size, under its organisation: a guess, so unsure.
5. instruct, chat, it, sft, dpo and the like mark an instruction-tuned model; code and coder a code model.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path, PureWindowsPath

ALIASES = Path(__file__).with_name("model_aliases.csv")
UNIT_B = {"k": 1e-6, "m": 1e-3, "b": 1.0, "t": 1e3}
CACHED = 4096

_SIZE = re.compile(r"(?<![a-z0-9.])(\d{1,4}(?:[._]\d{1,3})?)([kmb])(\d{1,2})?(?![a-z0-9]|[-_ ]?tok)")
_MIXTURE = re.compile(r"(?<![a-z0-9])\d{1,3}x\d+(?:[._]\d+)?b|moe(?![a-z])")
_ACTIVE = re.compile(r"(?<![a-z0-9])a(\d{1,3}(?:[._]\d+)?)b(?![a-z0-9])")
_INSTRUCT = re.compile(
    r"(?<![a-z])(?:instruct|instruction|chat|it|sft|dpo|rlhf|ppo|orpo|kto|assistant|vicuna|alpaca|zephyr|hermes|tulu"
    r"|dolly|oasst|guanaco|wizardlm|orca|openchat|platypus|rl|aligned|tuned)(?![a-z])"
)
_CODE = re.compile(r"(?:code|coder|starcoder|codegen)(?![a-z]*embed)")
_CHECKPOINT = re.compile(r"(?:checkpoint|step|global_step|iter)[-_]?(\d{1,9})")
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.+-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedModel:
    """What a name says. params_b is None where it does not say one size; is_sure: family and size are both known."""

    model_id: str
    family: str
    params_b: float | None
    kind: str
    how: str
    is_sure: bool
    active_params_b: float | None = None
    quality_flags: tuple[str, ...] = ()
    step: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alias:
    orgs: tuple[str, ...]
    pattern: re.Pattern[str]
    family: str
    params_b: float | None
    kind: str
    flags: tuple[str, ...]


@lru_cache(maxsize=CACHED)
def named_model(name: str) -> NamedModel:
    """Return what the rule reads from a name as a file gives it."""
    org, model, step = split_name(name)
    low = model.lower()
    size, is_mixture = _size(low)
    active = _ACTIVE.search(low)
    flags = (*(["mixture_of_experts"] if is_mixture or active else []), *(["code"] if _CODE.search(low) else []))
    kind = "instruct" if _INSTRUCT.search(low) else "base"
    alias = next((each for each in _aliases() if each.pattern.fullmatch(low)), None)
    family, how, is_alias = _family(org, model, alias)
    if alias is not None and is_alias:
        flags, kind = tuple(dict.fromkeys((*flags, *alias.flags))), alias.kind
        size = alias.params_b if alias.params_b is not None else size
    sized = "size from the name" if size is not None else "size unknown"
    return NamedModel(
        model_id=f"{org}/{model}" if org else model,
        family=family,
        params_b=size,
        kind=kind,
        how=f"{how}; {sized}",
        is_sure=is_alias and size is not None,
        active_params_b=float(active.group(1).replace("_", ".")) if active else None,
        quality_flags=flags,
        step=step,
    )


def split_name(name: str) -> tuple[str, str, str | None]:
    """Return (organisation, model, training step) of a hub id, a plain name or a path; the first and last may lack."""
    text = re.sub(r"\s+", "-", name.strip())
    is_hub = bool(_HUB.fullmatch(text)) and not text.startswith(".")
    parts = [part for part in PureWindowsPath(text).parts if part.strip("/\\.:~") and not part.endswith((":\\", ":"))]
    parts = [part.replace("|", "-").lstrip("=@") for part in parts]
    parts = [part for part in parts if part] or ["unnamed"]
    found = _CHECKPOINT.fullmatch(parts[-1].lower()) if len(parts) > 1 else None
    if found:
        return "", parts[-2], f"step{int(found.group(1))}"
    return (parts[0], parts[1], None) if is_hub and len(parts) == 2 else ("", parts[-1], None)


@cache
def _aliases() -> tuple[_Alias, ...]:
    with ALIASES.open(encoding="utf-8", newline="") as stream:
        return tuple(
            _Alias(
                orgs=tuple(row["orgs"].split()),
                pattern=re.compile(row["name"]),
                family=row["family"],
                params_b=float(row["params_b"]) if row["params_b"] else None,
                kind=row["kind"],
                flags=tuple(row["quality_flags"].split(";")) if row["quality_flags"] else (),
            )
            for row in csv.DictReader(stream)
        )


def _size(low: str) -> tuple[float | None, bool]:
    """Return the size in 10^9 parameters, None where the name says none or several, and whether it is a mixture."""
    if _MIXTURE.search(low):
        return None, True
    found = {
        float(f"{number.replace('_', '.')}{'.' + rest if rest and '.' not in number else ''}") * UNIT_B[unit]
        for number, unit, rest in _SIZE.findall(low)
    }
    found.discard(0.0)
    return (round(found.pop(), 9), False) if len(found) == 1 else (None, False)


def _family(org: str, model: str, alias: _Alias | None) -> tuple[str, str, bool]:
    """Return the family, how it is known, and whether the alias table says so."""
    if alias is not None and (not org or org.lower() in alias.orgs):
        return alias.family, "family from the alias table", True
    place = _SIZE.search(model.lower())
    stem = model[: place.start()] if place else model
    stem = stem.strip("-_. ") or model
    guess = f"{org}/{stem}" if org else stem
    if alias is not None:
        return guess, f"named like {alias.family} but of another organisation; family guessed from the name", False
    return guess, "family guessed from the name", False
