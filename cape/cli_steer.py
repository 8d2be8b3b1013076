"""`cape steer MODEL --prompt ...` and `cape steer-eval MODEL`: write text with and without steering; score it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from cape.cli_options import taking
from cape.errors import BadParameterError
from cape.internals.directions import PAPER_PAIRS, SteeringVector, default_layer
from cape.internals.endpoint import Endpoint
from cape.internals.endpoint_arm import EndpointTexts, ask_endpoint
from cape.internals.generation import NEW_WORDS, Sampling, write
from cape.internals.hidden_states import last_states
from cape.internals.models import LoadedModel, load_model, require_torch
from cape.internals.scorecard import Run, run_scorecard
from cape.internals.scorecard_plan import RANDOM_MIN, SHARES, SteerConfig
from cape.internals.scorecard_records import Scorecard
from cape.internals.steering import SCHEDULES, Term, paper_strength
from cape.internals.steering_sets import SteeringSets, hash_of, read_sets
from cape.internals.vector_files import export_for_harness
from cape.lake import LakePaths
from cape.lake.steering import positions_on_ladder, shipped_ladder, write_steering
from cape.organism.steering_sets import CONTEXTS, organism_sets
from cape.organism.train import read_record

CANCELLED = 130
QUIZ = "quiz"
KEY_VARIABLE = "CAPE_ENDPOINT_KEY"
PLAIN_WIDTH = 150  # columns where the output is not a terminal
TERMS_MAX = 16  # vectors applied at once


@dataclass(frozen=True, slots=True, kw_only=True)
class SteerOptions:
    """The options of `cape steer`."""

    model: Annotated[str, typer.Argument(help="A folder with config.json and safetensors, or a hub id.")]
    prompt: Annotated[str, typer.Option(help="Text to continue.")]
    layer: Annotated[int | None, typer.Option(help="Layer of the direction; empty: a quarter of the depth.")] = None
    strength: Annotated[float | None, typer.Option(help="Strength; empty: by the paper's bands of the cosine.")] = None
    schedule: Annotated[str, typer.Option(help=f"Where strength acts: {', '.join(SCHEDULES)}.")] = "constant"
    vector: Annotated[list[Path] | None, typer.Option(help="Saved direction; may be repeated. Empty: trained now.")] = (
        None
    )
    sets: Annotated[Path | None, typer.Option(help="Folder of YAML sets; empty: the shipped ones.")] = None
    new_words: Annotated[int, typer.Option(help="Longest continuation, in tokens.", min=1, max=NEW_WORDS)] = 48
    temperature: Annotated[float, typer.Option(help="0: the likeliest word; above: drawn by seed.", min=0.0)] = 0.0
    seed: Annotated[int, typer.Option(help="Seed of drawn text, the same before and after.", min=0)] = 0
    save: Annotated[Path | None, typer.Option(help="Write the direction as safetensors.")] = None
    export: Annotated[Path | None, typer.Option(help="Write a .pt file for lm-evaluation-harness `steered`.")] = None
    revision: Annotated[str, typer.Option(help="Branch, tag or commit on the hub.")] = "main"
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32"
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:0, mps, or auto.")] = "cpu"
    allow_hub: Annotated[bool, typer.Option("--allow-hub", help="Fetch the model from the hub.")] = False
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run Python that comes with the model.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print stable JSON.")] = False


@taking(SteerOptions)
def steer(given: SteerOptions) -> None:
    """Continue a prompt without and with a truth direction, word by word."""
    if given.schedule not in SCHEDULES:
        raise BadParameterError(f"There is no schedule {given.schedule!r}. Known: {', '.join(SCHEDULES)}.")
    loaded = _loaded(given, given.model)
    vectors = _vectors(given, loaded)
    cosine = float(vectors[0].cosine(last_states(loaded, [given.prompt])[:, vectors[0].layer])[0])
    strength = paper_strength(cosine) if given.strength is None else given.strength
    terms = [Term(vector=each, strength=strength, schedule=SCHEDULES[given.schedule]) for each in vectors]
    if given.save is not None:
        vectors[0].save(given.save)
    if given.export is not None:
        export_for_harness(terms, loaded, given.export)
    before, after = _written(given, loaded, "before", []), _written(given, loaded, "after", terms)
    rule = "paper's bands" if given.strength is None else "given"
    if given.as_json:
        _print_steered(given, loaded, terms, cosine=cosine, rule=rule, texts=(before, after))
        return
    typer.echo(
        f"Layer {vectors[0].layer} of {loaded.n_layers}; cosine of prompt and direction {cosine:.3f}; strength "
        f"{strength:g} ({rule}), {given.schedule}. The text {'changed' if before != after else 'did not change'}; "
        "whether it became truer is what `cape steer-eval` measures."
    )


def _written(given: SteerOptions, loaded: LoadedModel, side: str, terms: list[Term]) -> str:
    """Return a continuation, printed as it is written unless JSON is wanted."""
    pieces = write(
        loaded,
        given.prompt,
        new_words=given.new_words,
        terms=terms,
        sampling=Sampling(temperature=given.temperature, seed=given.seed),
    )
    if given.as_json:
        return "".join(piece.text for piece in pieces)
    typer.echo(f"{side}: ", nl=False)
    held = []
    for piece in pieces:
        held.append(piece.text)
        typer.echo(piece.text, nl=False)
    typer.echo("")
    return "".join(held)


def _print_steered(
    given: SteerOptions, loaded: LoadedModel, terms: list[Term], *, cosine: float, rule: str, texts: tuple[str, str]
) -> None:
    found = {
        "model_id": loaded.model_id,
        "revision": loaded.revision,
        "prompt": given.prompt,
        "cosine": cosine,
        "strength": terms[0].strength,
        "strength_rule": rule,
        "schedule": given.schedule,
        "vectors": [
            {"layer": term.vector.layer, "data_hash": term.vector.data_hash, "sha256": term.vector.checksum}
            for term in terms
        ],
        "before": texts[0],
        "after": texts[1],
        "is_changed": texts[0] != texts[1],
    }
    typer.echo(json.dumps(found, indent=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalOptions:
    """The options of `cape steer-eval`."""

    model: Annotated[str, typer.Argument(help="A folder with config.json and safetensors, or a hub id.")] = ""
    shipped: Annotated[
        bool, typer.Option("--shipped", help="Score the shipped ladder of the organism and store it in the lake.")
    ] = False
    recipe: Annotated[str, typer.Option(help="Ladder of --shipped.")] = "web"
    context: Annotated[
        str, typer.Option(help=f"How the organism is asked: {', '.join(CONTEXTS)}; empty: {QUIZ}, --shipped: all.")
    ] = ""
    sets: Annotated[Path | None, typer.Option(help="Folder of YAML sets; empty: the shipped ones.")] = None
    out: Annotated[Path | None, typer.Option(help="Folder of results; finished arms in it are kept.")] = None
    layers: Annotated[str, typer.Option(help="Layers of the grid, by commas; empty: up to six.")] = ""
    strengths: Annotated[str, typer.Option(help="Strengths of the grid over the layer's norm, by commas.")] = ",".join(
        f"{share:g}" for share in SHARES
    )
    random: Annotated[int, typer.Option(help="Random directions.", min=RANDOM_MIN, max=10_000)] = RANDOM_MIN
    resamples: Annotated[int, typer.Option(help="Resamples of questions.", min=1, max=1_000_000)] = 10_000
    seed: Annotated[int, typer.Option(help="Seed of every draw.", min=0)] = 0
    endpoint: Annotated[
        str, typer.Option(help=f"Address of an OpenAI-compatible endpoint to compare; its key in {KEY_VARIABLE}.")
    ] = ""
    endpoint_model: Annotated[str, typer.Option(help="Name of the model at the endpoint.")] = ""
    revision: Annotated[str, typer.Option(help="Branch, tag or commit on the hub.")] = "main"
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32"
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:0, mps, or auto.")] = "cpu"
    allow_hub: Annotated[bool, typer.Option("--allow-hub", help="Fetch the model from the hub.")] = False
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run Python that comes with the model.")
    ] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print the scorecards as JSON.")] = False


@taking(EvalOptions)
def steer_eval(given: EvalOptions) -> None:
    """Score steering against its controls: random directions, shuffled labels, a prompt, at equal KL."""
    require_torch()
    cards = []
    try:
        for job in _jobs(given):
            cards.append(_card(given, job))
    except KeyboardInterrupt:
        typer.echo(f"Cancelled; {len(cards)} scorecards are whole. The same command goes on from there.", err=True)
        raise typer.Exit(CANCELLED) from None
    if given.shipped:
        command = f"cape steer-eval --shipped --recipe {given.recipe} --random {given.random} --seed {given.seed}"
        write_steering(cards, paths=LakePaths.from_environment(), command=command, seed=given.seed)
    if given.as_json:
        typer.echo(json.dumps([json.loads(card.as_json()) for card in cards], indent=1))
        return
    for card in cards:
        _show(card)
    if given.shipped:
        typer.echo(f"{len(cards)} scorecards are stored in the lake. Run `cape build`, or start the app.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """A model to score. model_id : "" keeps the model's own. context : how an organism is asked."""

    source: str
    context: str
    model_id: str = ""
    position: str = ""


def _jobs(given: EvalOptions) -> list[_Job]:
    """Return what is to be scored; a shipped model asked in other words than question text is named so."""
    if given.shipped == bool(given.model):
        raise BadParameterError("Name a model, a folder or a hub id; or use --shipped without one.")
    if given.model:
        return [_Job(source=given.model, context=given.context or QUIZ)]
    if given.sets is not None or given.endpoint:
        raise BadParameterError("--shipped asks what the shipped worlds ask. Leave --sets and --endpoint out.")
    ladder = shipped_ladder(LakePaths.from_environment(), given.recipe)
    places = positions_on_ladder(ladder)
    return [
        _Job(
            source=str(folder),
            context=context,
            model_id=record["model_id"] + ("" if context == QUIZ else f", asked as {context} text"),
            position=places[record["model_id"]],
        )
        for context in ([given.context] if given.context else CONTEXTS)
        for folder, record in ladder
    ]


def _card(given: EvalOptions, job: _Job) -> Scorecard:
    config = SteerConfig(
        seed=given.seed,
        n_random=given.random,
        layers=tuple(int(layer) for layer in _numbers(given.layers, "--layers")),
        shares=_numbers(given.strengths, "--strengths"),
        n_resamples=given.resamples,
    )
    loaded = _loaded(given, job.source)
    if job.model_id:
        loaded = replace(loaded, model_id=job.model_id)
    sets = sets_for(job.source, given.sets, context=job.context)
    name = hash_of([loaded.model_id, loaded.revision, loaded.dtype, sets.data_hash, asdict(config)])
    folder = given.out or LakePaths.from_environment().built / "steering"
    with _progress(loaded.model_id) as on_progress:
        run = Run(
            folder=folder / name,
            on_progress=on_progress,
            position=job.position,
            endpoint_texts=_endpoint_texts(given, sets),
        )
        return run_scorecard(loaded, sets, config, run)


def sets_for(source: str, folder: Path | None, *, context: str = "quiz") -> SteeringSets:
    """Return the sets of a folder, else those of an organism checkpoint's own world, else the shipped ones."""
    if folder is not None:
        return read_sets(folder)
    record = read_record(Path(source))
    if record is None:
        return read_sets()
    return organism_sets(record["job"]["seed"], record["job"]["recipe"], context=context)


def _loaded(given: SteerOptions | EvalOptions, source: str) -> LoadedModel:
    return load_model(
        source,
        revision=given.revision,
        dtype=given.dtype,
        device=given.device,
        allow_hub=given.allow_hub,
        trust_remote_code=given.trust_remote_code,
    )


def _vectors(given: SteerOptions, loaded: LoadedModel) -> list[SteeringVector]:
    """Return the saved directions, checked against the model, or one trained on the paper's number of statements."""
    if given.vector:
        if len(given.vector) > TERMS_MAX or given.layer is not None:
            raise BadParameterError(f"Give up to {TERMS_MAX} saved directions, and no --layer: each has its own.")
        return [SteeringVector.load(file, loaded) for file in given.vector]
    pairs = sets_for(given.model, given.sets).pairs
    layer = default_layer(loaded) if given.layer is None else given.layer
    return [SteeringVector.train(loaded, pairs=pairs[:PAPER_PAIRS] if given.strength is None else pairs, layer=layer)]


def _endpoint_texts(given: EvalOptions, sets: SteeringSets) -> EndpointTexts | None:
    if not given.endpoint:
        return None
    endpoint = Endpoint(url=given.endpoint, model=given.endpoint_model, key=os.environ.get(KEY_VARIABLE, ""))
    return ask_endpoint(endpoint, sets.prompts, instruction=sets.instruction)


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise BadParameterError(f"{option} takes numbers by commas, got {text!r}.") from error


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int, str], None]]:
    """Show a bar of arms on stderr."""
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TextColumn("{task.fields[arm]}"))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None, arm="")
        yield lambda done, total, arm: bar.update(task, completed=done, total=total, arm=arm)


def _show(card: Scorecard) -> None:
    summary = card.summary
    table = Table(box=None, pad_edge=False)
    for name in ("arm", "matching", "MC1 %", "MC2 %", "capability %", "nats", "KL", "changed %", "corrected %",
                 "broken %"):  # fmt: skip
        table.add_column(name)
    for row in card.arms:
        if row.split == "test" and row.replicate is None:
            numbers = (row.mc1_pct, row.mc2_pct, row.capability_pct, row.cross_entropy_nats, row.kl_nats,
                       row.changed_pct, row.corrected_pct, row.broken_pct)  # fmt: skip
            table.add_row(row.arm, row.matching, *("-" if value is None else f"{value:.3g}" for value in numbers))
    console = Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    where = f" ({summary.position} the transition)" if summary.position else ""
    console.print(f"{summary.model_id}{where}, {summary.questions}", markup=False, highlight=False)
    console.print(table, markup=False)
    for effect in card.effects:
        if (effect.arm, effect.metric) == ("steered", "mc2") and effect.value is not None:
            low, high = ("-" if limit is None else f"{limit:.2f}" for limit in (effect.low, effect.high))
            test = "" if effect.p_value is None else f", p = {effect.p_value:.3f} ({effect.p_test})"
            text = f"MC2 against {effect.against}: {effect.value:+.2f} pp [{low}, {high}], n = {effect.n}{test}"
            console.print(text, markup=False, highlight=False)
    console.print(
        f"Layer {summary.layer}, strength {summary.strength:.3g} ({summary.strength_share:g} of the layer's norm): "
        f"{summary.choice}. At equal KL: {summary.verdict} ({summary.reason}).",
        markup=False,
        highlight=False,
    )
