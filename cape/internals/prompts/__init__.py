"""Prompt sets: groups of named prompts in YAML, checked on reading, with a hash of their text.

A set of contrast prompts has two groups; a background set has any number. Write your own in the same form and name
the file with `cape probe --prompts FILE`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from cape.errors import BadParameterError

CONTRAST, DOMAINS = "contrast", "domains"
SHIPPED = (CONTRAST, DOMAINS)
MOST_CONTRAST = 200  # prompts whose vectors are kept
MOST_PROMPTS = 100_000  # of a background set, of which only running sums are kept
MOST_CHARACTERS = 2_000  # of one prompt
MOST_BYTES = 64 * 2**20  # of one file
FEWEST = 3  # prompts of a contrast group
N_CONTRAST_GROUPS = 2
HASH_LENGTH = 16
KEYS = {"name", "version", "groups"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptSet:
    """Named groups of prompts. groups : (name, prompts) in order; two for a contrast."""

    name: str
    version: int
    groups: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def prompts(self) -> tuple[str, ...]:
        """Return all prompts, group after group."""
        return tuple(prompt for _, group in self.groups for prompt in group)

    @property
    def prompt_ids(self) -> tuple[str, ...]:
        """Return the id of every prompt, as reasoning-03, in the order of `prompts`."""
        return tuple(f"{name}-{place:02d}" for name, group in self.groups for place in range(len(group)))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return the number of prompts of every group."""
        return tuple(len(group) for _, group in self.groups)

    @property
    def hash(self) -> str:
        """Return the hash of the groups' names and texts; the set's own name and version are not part of it."""
        text = json.dumps([[name, *group] for name, group in self.groups], ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def shipped_set(name: str) -> PromptSet:
    """Return a set that ships with the package; raise BadParameterError for another name."""
    if name not in SHIPPED:
        raise BadParameterError(f"There is no prompt set {name!r}. Shipped: {', '.join(SHIPPED)}; or name a file.")
    text = (resources.files("cape.internals.prompts") / f"{name}.yaml").read_text(encoding="utf-8")
    return parse_set(text, file=f"{name}.yaml", is_contrast=name == CONTRAST)


def read_set(file: Path, *, is_contrast: bool) -> PromptSet:
    """Return the set of a YAML file; raise BadParameterError for a file that is none, with what is wrong in it."""
    try:
        if file.stat().st_size > MOST_BYTES:
            raise _fault(file.name, f"it is larger than {MOST_BYTES // 2**20} MiB")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _fault(file.name, f"it cannot be read: {error}") from error
    return parse_set(text, file=file.name, is_contrast=is_contrast)


def parse_set(text: str, *, file: str, is_contrast: bool) -> PromptSet:
    """Return the set of a YAML text, checked: names, texts, doubles, lengths and numbers of prompts."""
    try:
        held = yaml.load(text, Loader=_Loader)  # a SafeLoader: it makes no objects
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _fault(file, f"it is no YAML: {' '.join(str(error).split())[:200]}") from error
    if not isinstance(held, dict) or not set(held) <= KEYS or not isinstance(held.get("groups"), dict):
        raise _fault(file, "it needs name, version and groups, and groups maps names to lists of prompts")
    groups = tuple((_text(file, name), _group(file, name, prompts)) for name, prompts in held["groups"].items())
    found = PromptSet(name=_text(file, held.get("name", Path(file).stem)), version=_version(file, held), groups=groups)
    for fault in _set_faults(found, is_contrast=is_contrast):
        raise _fault(file, fault)
    return found


class _Loader(yaml.SafeLoader):
    """Reads plain YAML without anchors, by which a small file can grow without end, and without double keys."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("aliases are not accepted")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if len(set(map(str, keys))) != len(keys):
            raise yaml.YAMLError(f"a key occurs twice among {', '.join(map(str, keys))}")
        return super().construct_mapping(node, deep)


def _group(file: str, name: Any, prompts: Any) -> tuple[str, ...]:
    if not isinstance(prompts, list):
        raise _fault(file, f"group {name!r} is no list of prompts")
    return tuple(_text(file, prompt) for prompt in prompts)


def _text(file: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _fault(file, f"{value!r} is no text; put quotes around it, or fill it in")
    if len(value) > MOST_CHARACTERS:
        raise _fault(file, f"{value[:40]!r}... has {len(value)} characters; at most {MOST_CHARACTERS} are taken")
    if not "".join(value.split()).isprintable():
        raise _fault(file, f"{value[:40]!r} holds a control character")
    return value


def _version(file: str, held: dict[str, Any]) -> int:
    version = held.get("version", 1)
    if not isinstance(version, int) or isinstance(version, bool):
        raise _fault(file, f"its version {version!r} is no whole number")
    return version


def _set_faults(found: PromptSet, *, is_contrast: bool) -> Iterator[str]:
    normal = [" ".join(prompt.split()).casefold() for prompt in found.prompts]
    double = next((prompt for prompt, n in Counter(normal).items() if n > 1), None)
    if double is not None:
        yield f"the prompt {double[:60]!r} occurs twice"
    if not found.prompts or not all(found.sizes):
        yield "a group without prompts"
    most = MOST_CONTRAST if is_contrast else MOST_PROMPTS
    if len(found.prompts) > most:
        yield f"it has {len(found.prompts)} prompts; at most {most} are taken"
    if is_contrast and len(found.groups) != N_CONTRAST_GROUPS:
        yield f"a contrast has {N_CONTRAST_GROUPS} groups, this has {len(found.groups)}"
    if is_contrast and min(found.sizes) < FEWEST:
        yield f"a contrast group needs at least {FEWEST} prompts"


def _fault(file: str, found: str) -> BadParameterError:
    return BadParameterError(
        f"The prompt set {file} cannot be used: {found}. See cape/internals/prompts/contrast.yaml."
    )
