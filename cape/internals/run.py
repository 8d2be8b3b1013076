"""One run of the probes: load a model, probe it, store the shard. What `cape probe` and `cape sweep` both call."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cape.internals.gather import OnPrompts, not_watched
from cape.internals.models import Access, load_with, name_of
from cape.internals.probes import BATCH, PARTS, Prompts, probe_rows
from cape.internals.prompts import CONTRAST, DOMAINS, PromptSet, read_set, shipped_set
from cape.internals.results import HASH_LENGTH, ProbeConfig, shard_file, write_shard

SAMPLE = 2**20  # bytes of each end of a file of weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run happens, which does not decide its numbers. source : what is loaded, a folder or a hub id.
    folder : of shards. model_id : written into the rows; "" for the name of what is loaded."""

    source: str
    folder: Path
    device: str = "cpu"
    batch: int = BATCH
    access: Access = Access()
    model_id: str = ""


def prompts_of(contrast: str = "", background: str = "") -> Prompts:
    """Return the prompt sets: a shipped name or a YAML file each; "" for the shipped ones, "none" for no background.

    Raises BadParameterError for a name that is neither.
    """
    return Prompts(
        contrast=_set(contrast or CONTRAST, is_contrast=True),
        background=None if background == "none" else _set(background or DOMAINS, is_contrast=False),
    )


def _set(name: str, *, is_contrast: bool) -> PromptSet:
    file = Path(name)
    return read_set(file, is_contrast=is_contrast) if file.suffix in (".yaml", ".yml") else shipped_set(name)


def config_of(config: ProbeConfig, prompts: Prompts, parts: Sequence[str] = PARTS) -> ProbeConfig:
    """Return the configuration with everything else that decides the numbers: prompts, parts, a folder's files.

    A folder is named by its last two parts and by what is in it, so that its hash is the same on every machine.
    """
    folder = Path(config.model)
    options = (*config.options, ("parts", ",".join(parts)))
    if folder.is_dir():
        options += (("files", fingerprint(folder)),)
    return replace(
        config, model=name_of(config.model), prompts_set=prompts.name, prompts_hash=prompts.hash, options=options
    )


def fingerprint(folder: Path) -> str:
    """Return a hash of a checkpoint's configuration and weights; of a large file, of its size, start and end."""
    found = hashlib.sha256()
    for file in sorted([*folder.glob("config.json"), *folder.glob("*.safetensors"), *folder.glob("*.bin")]):
        size = file.stat().st_size
        found.update(f"{file.name}:{size};".encode())
        with file.open("rb") as held:
            found.update(held.read(SAMPLE))
            if size > SAMPLE:
                held.seek(max(SAMPLE, size - SAMPLE))
                found.update(held.read(SAMPLE))
    return found.hexdigest()[:HASH_LENGTH]


def run_probe(
    config: ProbeConfig,
    prompts: Prompts,
    place: Place,
    *,
    parts: Sequence[str] = PARTS,
    force: bool = False,
    on_prompts: OnPrompts = not_watched,
) -> Path:
    """Return the shard of a configuration that `config_of` made; probe the model unless it is stored or forced.

    The shard is written at the end, so a run that is stopped leaves none. Raises what loading and probing raise.
    """
    file = shard_file(config.config_hash, place.folder)
    if file.is_file() and not force:
        on_prompts(len(prompts))
        return file
    loaded = load_with(
        place.source, revision=config.revision, dtype=config.dtype, device=place.device, access=place.access
    )
    if place.model_id:
        loaded = replace(loaded, model_id=place.model_id)
    rows = probe_rows(loaded, config, prompts, parts=parts, batch=place.batch, on_prompts=on_prompts)
    return write_shard(rows, place.folder)
