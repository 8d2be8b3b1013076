"""What the live process does with a model: write a text without and with steering, or compute a scorecard.

Events, each with its name under "event": "loading"; "model" (model_id, n_layers, d_model, layer, strength; cosine and
norm: of the state of the prompt's last word, the former with the direction); "text" (side "before" or "after", text);
"progress" (done, of, what); "end"; "error" (kind, message). A job ends with "end" or "error". What is written is
greedy, so that a difference is steering's.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cape.errors import BadParameterError, CapeError
from cape.internals.directions import SteeringVector, check_layer, default_layer
from cape.internals.generation import write
from cape.internals.hidden_states import last_states
from cape.internals.models import LoadedModel, load_model
from cape.internals.scorecard import Run, run_scorecard
from cape.internals.scorecard_plan import SteerConfig
from cape.internals.steering import SCHEDULES, Term, paper_strength
from cape.internals.steering_sets import SteeringSets, hash_of, read_sets
from cape.internals.vector_files import SUFFIX
from cape.organism.steering_sets import CONTEXTS, organism_sets
from cape.organism.train import read_record

Tell = Callable[[dict[str, Any]], None]
CHOSEN, PAPER = "chosen strength", "paper mode"
CONSTANT = "constant"
PROMPT_CHARACTERS = 4_000
BEFORE, AFTER = "before", "after"
QUIZ = "quiz"
EXAMPLES = 4  # prompts of each context


class Bearer:
    """Holds the last model, and works through requests one after another."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._held: tuple[tuple[str, bool], LoadedModel] | None = None
        self._vectors: dict[int, SteeringVector] = {}

    def work(self, request: dict[str, Any]) -> None:
        """Do what a request asks; a deliberate error becomes an event, and so does running out of memory."""
        jobs = {"write": self._write, "scorecard": self._scorecard}
        try:
            kind = str(request.get("kind"))
            if kind not in jobs:
                raise BadParameterError(f"There is no job {kind!r}. Known: {', '.join(jobs)}.")
            self._tell({"event": "end", **jobs[kind](request)})
        except CapeError as error:
            self._tell({"event": "error", "kind": type(error).__name__, "message": str(error)})
        except MemoryError:
            said = "The machine ran out of memory. Take a smaller model or a shorter prompt."
            self._tell({"event": "error", "kind": "MemoryError", "message": said})

    def _model(self, request: dict[str, Any]) -> LoadedModel:
        """Return the model of a request: the one at hand, or another in its place."""
        key = (str(request["model"]), bool(request.get("allow_hub")))
        if self._held is None or self._held[0] != key:
            self._held, self._vectors = None, {}  # the old one goes first, or both would be in memory
            self._tell({"event": "loading"})
            self._held = (key, load_model(key[0], allow_hub=key[1]))
        return self._held[1]

    def _vector(self, loaded: LoadedModel, request: dict[str, Any]) -> SteeringVector:
        """Return the vector that was sent along, or one trained on the calibration statements of the model's sets."""
        if request.get("vector"):
            return _sent_vector(str(request["vector"]), loaded)
        asked = request.get("layer")
        layer = check_layer(loaded, default_layer(loaded) if asked is None else int(asked))
        if layer not in self._vectors:
            pairs = sets_of(str(request["model"])).pairs
            self._vectors[layer] = SteeringVector.train(loaded, pairs=pairs, layer=layer)
        return self._vectors[layer]

    def _write(self, request: dict[str, Any]) -> dict[str, Any]:
        """Write the continuation of a prompt without and with steering; return what changed and the vector."""
        prompt, mode = str(request["prompt"]), str(request.get("mode", CHOSEN))
        if not prompt.strip() or len(prompt) > PROMPT_CHARACTERS:
            raise BadParameterError(
                f"The prompt has {len(prompt)} characters; 1 to {PROMPT_CHARACTERS} are taken. Change it."
            )
        loaded = self._model(request)
        vector = self._vector(loaded, request)
        state = last_states(loaded, [prompt])[:, vector.layer]
        cosine, norm = float(vector.cosine(state)[0]), float((state**2).sum() ** 0.5)
        strength = paper_strength(cosine) if mode == PAPER else float(request["strength"])
        about = {"model_id": loaded.model_id, "n_layers": loaded.n_layers, "d_model": loaded.d_model}
        place = {"layer": vector.layer, "strength": strength, "cosine": cosine, "norm": norm, "mode": mode}
        self._tell({"event": "model", **about, **place})
        new_words = int(request["new_words"])
        before = self._side(loaded, prompt, BEFORE, new_words, [])
        schedule = SCHEDULES[str(request.get("schedule", CONSTANT))]
        term = Term(vector=vector, strength=strength, schedule=schedule)
        after = self._side(loaded, prompt, AFTER, new_words, [term])
        return {**about, **place, "changed": before != after, "vector": _as_text(vector)}

    def _scorecard(self, request: dict[str, Any]) -> dict[str, Any]:
        """Compute the scorecard of a model; arms that an earlier run finished are taken from its folder."""
        loaded = self._model(request)
        sets = sets_of(str(request["model"]), str(request["context"]))
        config = SteerConfig(seed=int(request["seed"]), n_random=int(request["n_random"]))

        def count(done: int, of: int, name: str) -> None:
            self._tell({"event": "progress", "done": done, "of": of, "what": name})

        name = hash_of([loaded.model_id, loaded.revision, loaded.dtype, sets.data_hash, asdict(config)])
        card = run_scorecard(loaded, sets, config, Run(folder=Path(request["folder"]) / name, on_progress=count))
        return {"card": card.as_json()}

    def _side(self, loaded: LoadedModel, prompt: str, side: str, new_words: int, terms: list[Term]) -> str:
        whole = ""
        for piece in write(loaded, prompt, new_words=new_words, terms=terms):
            whole += piece.text
            self._tell({"event": "text", "side": side, "text": piece.text})
        return whole


def sets_of(model: str, context: str = QUIZ) -> SteeringSets:
    """Return the calibration statements and questions in the language of a model: an organism's world, or English.

    context : how questions begin, of an organism only.
    """
    record = read_record(Path(model)) if Path(model).is_dir() else None
    if record is None:
        return read_sets()
    return organism_sets(record["job"]["seed"], record["job"]["recipe"], context=context)


def is_organism(model: str) -> bool:
    """Return whether a folder holds a model of the organism."""
    return bool(model) and read_record(Path(model)) is not None


def example_prompts(model: str) -> tuple[str, ...]:
    """Return prompts in the language of a model that its calibration statements do not touch; needs no torch."""
    if not model:
        return ()
    contexts = CONTEXTS if is_organism(model) else (QUIZ,)
    held = [sets_of(model, context).prompts for context in contexts]
    return tuple(question.prompt for prompts in held for question in prompts[:: max(1, len(prompts) // EXAMPLES)])


def _sent_vector(text: str, loaded: LoadedModel) -> SteeringVector:
    """Return the vector of an uploaded safetensors file, checked against the model; nothing is unpickled."""
    try:
        content = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise BadParameterError("The uploaded vector was cut off on its way. Upload it again.") from error
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"upload{SUFFIX}"
        file.write_bytes(content)
        return SteeringVector.load(file, loaded)


def _as_text(vector: SteeringVector) -> str:
    """Return the safetensors file of a vector as base64 text."""
    with tempfile.TemporaryDirectory() as folder:
        file = vector.save(Path(folder) / f"vector{SUFFIX}")
        return base64.b64encode(file.read_bytes()).decode()
