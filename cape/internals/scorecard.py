"""The steering scorecard of one model: learn, choose on validation, control, compare at equal KL, write down."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cape.errors import StoppedError
from cape.internals.arms import Arm, Bench, Scores
from cape.internals.damage import HeldOutTexts
from cape.internals.directions import split_half_cosine
from cape.internals.endpoint_arm import EndpointTexts
from cape.internals.models import LoadedModel, require_torch
from cape.internals.scorecard_plan import (
    BASE_ARMS,
    Choice,
    Directions,
    SteerConfig,
    choose,
    control_arms,
    grid_arms,
    grid_layers,
    learn,
    matched_arms,
)
from cape.internals.scorecard_records import CARD_FILE, TABLES, ArmKind, Scorecard, Split, SummaryRow
from cape.internals.scorecard_tables import Measured, Tables, verdict
from cape.internals.steering_sets import SteeringSets, hash_of

ARMS_FOLDER = "arms"
VERSIONED = ("torch", "transformers", "safetensors", "numpy")
HALVINGS, HALVES = 100, 3  # random halvings of the pairs; stream of the seed
WRITERS = (ArmKind.BASE, ArmKind.STEERED, ArmKind.NEGATIVE, ArmKind.SHUFFLED, ArmKind.PROMPT, ArmKind.PAPER)

Progress = Callable[[int, int, str], None]  # arms done, arms in all, name of the arm


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How a scorecard is run. folder : finished arms are kept there and the scorecard written; None: neither.

    cancel : stops between batches. position : of the model on its ladder, for the summary. endpoint_texts : of the
    endpoint arm, where one was asked for.
    """

    folder: Path | None = None
    cancel: threading.Event | None = None
    on_progress: Progress | None = None
    position: str = ""
    endpoint_texts: EndpointTexts | None = None


def run_scorecard(loaded: LoadedModel, sets: SteeringSets, config: SteerConfig, run: Run) -> Scorecard:
    """Return the scorecard of a model; arms that an earlier run of the same model and sets finished are not repeated.

    Raises StoppedError when cancelled, with what was finished kept in the folder.
    """
    require_torch()
    started = time.perf_counter()
    weights = weights_hash(loaded)
    identity = [loaded.model_id, loaded.revision, loaded.dtype, weights, sets.data_hash]
    layers = grid_layers(config, loaded.n_layers)
    counter = _Counter(total=n_arms(config, len(layers)), run=run)
    bench = Bench(
        loaded=loaded,
        sets=sets,
        texts=HeldOutTexts.of(loaded, sets.texts),
        run_hash=hash_of(identity),
        folder=None if run.folder is None else run.folder / ARMS_FOLDER,
        check=counter.check,
        on_arm=counter.count,
    )
    directions = learn(loaded, sets, seed=config.seed)
    measured, choice = _measured(bench, directions, config)
    tables = Tables(
        loaded=loaded,
        sets=sets,
        config=config,
        measured=measured,
        config_hash=hash_of([*identity, asdict(config)]),
        endpoint_texts=run.endpoint_texts,
    )
    found = _card(tables, directions, choice, weights=weights, position=run.position, started=started)
    if run.folder is not None:
        write_scorecard(found, run.folder)
    return found


def n_arms(config: SteerConfig, n_layers: int) -> int:
    """Return how many arms a scorecard has at most: base, grid, curve, controls of equal norm and of equal KL."""
    grid, curve, controls = n_layers * len(config.shares), len(config.shares) - 1, 2 + config.n_random + n_layers - 1
    return 2 + grid + 1 + curve + controls + 2 + controls + 1


@dataclass(slots=True)
class _Counter:
    """Counts arms, and stops when the caller wants to."""

    total: int
    run: Run
    done: int = 0

    def count(self, name: str) -> None:
        self.done += 1
        if self.run.on_progress is not None:
            self.run.on_progress(self.done, self.total, name)

    def check(self) -> None:
        if self.run.cancel is not None and self.run.cancel.is_set():
            raise StoppedError(
                f"Stopped after {self.done} of {self.total} arms. The same command goes on from there."
                if self.run.folder is not None
                else f"Stopped after {self.done} of {self.total} arms."
            )


def _measured(bench: Bench, directions: Directions, config: SteerConfig) -> tuple[Measured, Choice]:
    """Return every arm with its scores, and the choice that validation made."""
    base = {split: bench.score(arm, writes=split is Split.TEST) for split, arm in BASE_ARMS.items()}
    grid = {arm: bench.score(arm) for arm in grid_arms(config, directions)}
    choice = choose(config, base[Split.VALIDATION], grid)
    named = control_arms(config, directions, choice, bench.sets.instruction)
    controls = {arm: bench.score(arm, writes=_writes(arm)) for arm in named}
    matched = {arm: bench.score(arm) for arm in matched_arms(bench, directions, controls)}
    bases = {BASE_ARMS[split]: scores for split, scores in base.items()}
    scores: dict[Arm, Scores] = {**bases, **grid, **controls, **matched}
    return Measured(base=base, scores=scores, directions=directions), choice


def _writes(arm: Arm) -> bool:
    """Return whether an arm continues the prompts too: the named ones do, not every strength and random direction."""
    return arm.name == "steered" or (arm.kind in WRITERS and arm.kind is not ArmKind.STEERED)


def _card(
    tables: Tables, directions: Directions, choice: Choice, *, weights: str, position: str, started: float
) -> Scorecard:
    loaded, sets, config = tables.loaded, tables.sets, tables.config
    vector = directions.vectors[choice.layer]
    rng = np.random.default_rng([config.seed, HALVES])
    effects = tables.effects()
    found, reason, floor, n_matched = verdict(tables)
    summary = SummaryRow(
        model_id=loaded.model_id,
        revision=loaded.revision,
        position=position,
        n_params=sum(held.numel() for held in loaded.model.parameters()),
        n_layers=loaded.n_layers,
        d_model=loaded.d_model,
        layer=choice.layer,
        strength=directions.term(vector, choice.share).strength,
        strength_share=choice.share,
        choice=choice.words,
        n_pairs=len(sets.pairs),
        n_validation=len(sets.validation),
        n_test=len(sets.test),
        n_random=config.n_random,
        n_random_matched=n_matched,
        split_half_cosine=split_half_cosine(
            directions.states[:, choice.layer], directions.is_true, n_splits=HALVINGS, rng=rng
        ),
        verdict=found,
        reason=reason,
        rank_floor=floor,
        questions=sets.name,
        questions_hash=sets.data_hash,
        vector_hash=vector.checksum[:16],
        weights_hash=weights,
        config_hash=tables.config_hash,
        seed=config.seed,
        versions=json.dumps(versions(), sort_keys=True),
        seconds=round(time.perf_counter() - started, 1),
    )
    return Scorecard(
        summary=summary,
        arms=tables.arms(),
        effects=effects,
        histogram=tables.histogram(),
        generations=tables.generations(),
    )


def weights_hash(loaded: LoadedModel) -> str:
    """Return a hash of the model's weights: names, shapes and two sums of each, so that other weights are seen."""
    digest = hashlib.sha256()
    for name, parameter in loaded.model.named_parameters():
        held = parameter.detach().double()
        digest.update(f"{name} {tuple(held.shape)} {float(held.sum())!r} {float(held.abs().sum())!r}\n".encode())
    return digest.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Return the versions that the numbers depend on."""
    found = {name: importlib.metadata.version(name) for name in VERSIONED}
    return {"python": platform.python_version(), **found}


def write_scorecard(card: Scorecard, folder: Path) -> None:
    """Write a scorecard into a folder: JSON, and one Parquet file per table, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        draft = folder / f".{name}.{os.getpid()}.parquet"
        card.frame(name).write_parquet(draft, compression="zstd", statistics=False)
        os.replace(draft, folder / f"{name}.parquet")
    draft = folder / f".{CARD_FILE}.{os.getpid()}"
    draft.write_text(card.as_json(), encoding="utf-8")
    os.replace(draft, folder / CARD_FILE)
