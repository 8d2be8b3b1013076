"""The file of a sweep (YAML): models, revisions, probe configurations and limits, read with every fault named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cape.errors import MissingDependencyError, SweepFileError
from cape.sweep.jobs import Limits
from cape.sweep.queues import INSTALL

MOST_BYTES = 1_000_000  # of a file; a million models would not be read by hand either
DTYPES = ("float32", "float16", "bfloat16")

EXAMPLE = """\
# One job per model, revision and probe configuration.
defaults:                       # of every model below; each may say otherwise
  dtype: float32                # float32, bfloat16 or float16
  limits: {cpus: 2, memory_gib: 8, hours: 1}
probes:                         # named configurations; a model without `probes` gets all of them
  contrast: {prompts: contrast}
  domains: {prompts: domains, batch_size: 8, max_tokens: 128}
models:
  - model: EleutherAI/pythia-70m
    revisions: [step1000, main]
  - model: EleutherAI/pythia-12b
    probes: [contrast]
    dtype: bfloat16
    limits: {gpus: 2, gpu_memory_gib: 24, cpus: 8, memory_gib: 64, hours: 2, partition: gpu}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeSpec:
    """A named probe configuration. prompts : name or YAML file of a prompt set. max_tokens : of the longest prompt."""

    name: str
    prompts: str = "contrast"
    backend: str = "hooks"
    seed: int = 0
    resamples: int = 1000
    batch_size: int = 16
    max_tokens: int = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One model at one revision. gpu_memory_gib : of each GPU; 0 where the job uses none."""

    model: str
    revision: str
    dtype: str
    limits: Limits
    gpu_memory_gib: float
    probes: tuple[ProbeSpec, ...]
    place: str  # key in the file, for messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Speeds that hours are estimated from; the file may state others under `assume`.

    cpu_gflops : of one core in float32. gpu_tflops : of one GPU in its dtype. disk_mib_s : of reading weights.
    """

    cpu_gflops: float = 10.0
    gpu_tflops: float = 40.0
    disk_mib_s: float = 200.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsFile:
    """A whole file, checked."""

    file: str
    models: tuple[ModelSpec, ...]
    assume: Assumptions


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in the file: makes every error say where it is."""

    file: str
    key: str = ""

    def at(self, key: object) -> _Place:
        joined = f"{self.key}[{key}]" if isinstance(key, int) else f"{self.key}.{key}".lstrip(".")
        return _Place(self.file, joined)

    def error(self, found: str, action: str) -> SweepFileError:
        where = f"{self.file}, key {self.key!r}" if self.key else self.file
        return SweepFileError(f"{where}: {found} {action}")

    def mapping(self, value: Any, known: Sequence[str]) -> Mapping[str, Any]:
        """Return a mapping whose keys are all known."""
        if not isinstance(value, dict):
            raise self.error(f"A mapping is needed, got {value!r}.", f"Known keys: {', '.join(known)}.")
        for key in value:
            if key not in known:
                near = get_close_matches(str(key), known, n=1)
                hint = f"Did you mean {near[0]!r}?" if near else f"Known keys: {', '.join(known)}."
                raise self.at(key).error("This key is not known.", hint)
        return value

    def text(self, value: Any) -> str:
        """Return a text that is not empty."""
        if not isinstance(value, str) or not value.strip():
            raise self.error(
                f"A text is needed, got {value!r}.", "Write a name, in quotes where it looks like a number."
            )
        return value.strip()

    def number(self, value: Any, *, low: float, is_whole: bool = False) -> float:
        """Return a number of at least `low`."""
        is_number = isinstance(value, int if is_whole else int | float) and not isinstance(value, bool)
        if not is_number or not low <= value < float("inf"):
            kind = "whole number" if is_whole else "number"
            raise self.error(f"A {kind} of {low:g} or more is needed, got {value!r}.", "Correct it.")
        return value

    def list_of(self, value: Any) -> list[Any]:
        """Return a list that is not empty."""
        if not isinstance(value, list) or not value:
            raise self.error(f"A list with at least one entry is needed, got {value!r}.", "Add one.")
        return value


LIMIT_LOWS = {"gpus": 0, "cpus": 1, "memory_gib": 0.1, "hours": 0.01, "gpu_memory_gib": 0.1}
LIMIT_TEXTS = ("partition", "account", "qos")
MODEL_KEYS = ("model", "revision", "revisions", "probes", "dtype", "limits")


def read_models_file(file: Path) -> ModelsFile:
    """Return the checked content of a sweep's file; raise SweepFileError that names file and key otherwise.

    Refused besides wrong types: unknown and repeated keys, a model repeated with the same revision and probe
    configuration, and two probe configurations that are the same but for their name.
    """
    place = _Place(file.name)
    known = ("defaults", "probes", "models", "assume")
    content = place.mapping(_loaded(file, place), known)
    probes = _probes(content.get("probes", {"contrast": {}}), place.at("probes"))
    defaults = place.at("defaults").mapping(content.get("defaults", {}), MODEL_KEYS[1:])
    listed = place.at("models").list_of(content.get("models"))
    models = tuple(
        spec
        for number, entry in enumerate(listed)
        for spec in _models(entry, defaults, probes, place.at("models").at(number))
    )
    _refuse_repeated(models, place)
    return ModelsFile(file=file.name, models=models, assume=_assumptions(content.get("assume", {}), place.at("assume")))


def _loaded(file: Path, place: _Place) -> Any:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"Reading {file.name} needs pyyaml, which is not installed: `{INSTALL}`."
        ) from error

    class Loader(yaml.SafeLoader):
        """Plain YAML values only, no aliases (a small file can grow without end by them), no key written twice."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise yaml.YAMLError("aliases are not accepted")
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> dict:
            keys = [self.construct_object(key, deep=True) for key, _ in node.value]
            twice = next((key for number, key in enumerate(keys) if key in keys[:number]), None)
            if twice is not None:
                line = node.start_mark.line + 1
                raise place.at(twice).error(f"It is written twice in the mapping of line {line}.", "Keep one.")
            return super().construct_mapping(node, deep=deep)

    try:
        text = file.read_bytes()[: MOST_BYTES + 1]
        if len(text) > MOST_BYTES:
            raise place.error(f"It is longer than {MOST_BYTES:,} bytes.", "Split it.")
        return yaml.load(text.decode("utf-8"), Loader)  # the loader above makes plain values only
    except OSError as error:
        raise place.error(f"It cannot be read ({error.strerror}).", "Name a YAML file of models.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise place.error(f"It is no YAML: {said}.", "`cape sweep example` prints a file to start from.") from error


def _probes(value: Any, place: _Place) -> dict[str, ProbeSpec]:
    if not isinstance(value, dict) or not value:
        raise place.error(f"A mapping of names to configurations is needed, got {value!r}.", "Add one.")
    found = {str(name): _probe(str(name), given or {}, place.at(name)) for name, given in value.items()}
    seen: dict[tuple, str] = {}
    for name, spec in found.items():
        same = seen.setdefault((spec.prompts, spec.backend, spec.seed, spec.resamples), name)
        if same != name:
            raise place.at(name).error(f"It is the same configuration as {same!r}.", "Remove one.")
    return found


def _probe(name: str, value: Any, place: _Place) -> ProbeSpec:
    defaults = {item.name: item.default for item in fields(ProbeSpec) if item.name != "name"}
    given = place.mapping(value, tuple(defaults))
    texts = {key: place.at(key).text(given.get(key, defaults[key])) for key in ("prompts", "backend")}
    lows = {"seed": 0, "resamples": 20, "batch_size": 1, "max_tokens": 1}
    numbers = {
        key: int(place.at(key).number(given.get(key, defaults[key]), low=low, is_whole=True))
        for key, low in lows.items()
    }
    if texts["backend"] not in ("hooks", "transformerlens"):
        raise place.at("backend").error(f"There is no backend {texts['backend']!r}.", "Use hooks or transformerlens.")
    return ProbeSpec(
        name=name, prompts=texts["prompts"], backend=texts["backend"], seed=numbers["seed"],
        resamples=numbers["resamples"], batch_size=numbers["batch_size"], max_tokens=numbers["max_tokens"],
    )  # fmt: skip


def _models(entry: Any, defaults: Mapping[str, Any], probes: dict[str, ProbeSpec], place: _Place) -> list[ModelSpec]:
    given = place.mapping(entry, MODEL_KEYS)
    if "model" not in given:
        raise place.error("The key 'model' is missing.", "Name a hub id or a folder.")
    if "revision" in given and "revisions" in given:
        raise place.at("revisions").error("There is a 'revision' too.", "Keep one of the two.")
    revisions = _revisions(given, place) or _revisions(defaults, _Place(place.file, "defaults")) or ["main"]
    dtype = given.get("dtype", defaults.get("dtype", "float32"))
    if dtype not in DTYPES:
        raise place.at("dtype").error(f"There is no dtype {dtype!r}.", f"Use one of: {', '.join(DTYPES)}.")
    limits, gpu_memory = _limits(given.get("limits", {}), defaults.get("limits", {}), place)
    chosen = _chosen(given.get("probes", defaults.get("probes")), probes, place.at("probes"))
    return [
        ModelSpec(
            model=place.at("model").text(given["model"]), revision=revision, dtype=dtype, limits=limits,
            gpu_memory_gib=gpu_memory, probes=chosen, place=place.key,
        )
        for revision in revisions
    ]  # fmt: skip


def _revisions(given: Mapping[str, Any], place: _Place) -> list[str]:
    if "revisions" in given:
        at = place.at("revisions")
        found = [at.at(number).text(value) for number, value in enumerate(at.list_of(given["revisions"]))]
        twice = next((name for number, name in enumerate(found) if name in found[:number]), None)
        if twice is not None:
            raise at.error(f"{twice!r} is there twice.", "Remove one.")
        return found
    return [place.at("revision").text(given["revision"])] if "revision" in given else []


def _limits(value: Any, defaults: Any, place: _Place) -> tuple[Limits, float]:
    known = (*LIMIT_LOWS, *LIMIT_TEXTS)
    base = _Place(place.file, "defaults.limits").mapping(defaults, known)
    here = place.at("limits")
    given = {**base, **here.mapping(value, known)}
    numbers = {
        key: here.at(key).number(given[key], low=low, is_whole=key in ("gpus", "cpus"))
        for key, low in LIMIT_LOWS.items()
        if key in given
    }
    texts = {key: here.at(key).text(given[key]) for key in LIMIT_TEXTS if key in given}
    gpu_memory = float(numbers.pop("gpu_memory_gib", 0.0))
    if numbers.get("gpus") and not gpu_memory:
        raise here.error("A job with gpus needs gpu_memory_gib, or nobody can say whether it fits.", "Add it.")
    return Limits(**numbers, **texts), gpu_memory  # type: ignore[arg-type]


def _chosen(names: Any, probes: dict[str, ProbeSpec], place: _Place) -> tuple[ProbeSpec, ...]:
    if names is None:
        return tuple(probes.values())
    for number, name in enumerate(place.list_of(names)):
        if name not in probes:
            raise place.at(number).error(
                f"There is no probe configuration {name!r}.", f"There are: {', '.join(probes)}."
            )
    return tuple(probes[name] for name in dict.fromkeys(names))


def _assumptions(value: Any, place: _Place) -> Assumptions:
    given = place.mapping(value, tuple(item.name for item in fields(Assumptions)))
    return Assumptions(**{key: float(place.at(key).number(number, low=1e-6)) for key, number in given.items()})


def _refuse_repeated(models: Sequence[ModelSpec], place: _Place) -> None:
    seen: dict[tuple[str, str, str, str], str] = {}
    for spec in models:
        for probe in spec.probes:
            key = (spec.model, spec.revision, spec.dtype, probe.name)
            if key in seen:
                raise _Place(place.file, spec.place).error(
                    f"{spec.model} at {spec.revision} with probes {probe.name!r} is there twice, first at {seen[key]}.",
                    "Remove one.",
                )
            seen[key] = spec.place
