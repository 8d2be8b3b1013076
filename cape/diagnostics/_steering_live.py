"""What the live page asks of a model and how it words what came back; nothing here imports torch."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from cape.diagnostics._diagnostic import Diagnostic, run_diagnostic
from cape.diagnostics._params import accept
from cape.diagnostics._steering_card import card_of
from cape.diagnostics._steering_recorded import tool_rule
from cape.diagnostics.steering import DIAGNOSTIC, SteeringParams, outcome_of
from cape.errors import BadParameterError
from cape.internals.live import Standing
from cape.internals.scorecard_records import ArmKind, scorecard_from_json
from cape.internals.steering import SCHEDULES
from cape.lake import Lake, LakePaths
from cape.lake.organism import shipped_checkpoints
from cape.organism.live_jobs import CHOSEN, CONSTANT, PAPER, PROMPT_CHARACTERS, QUIZ
from cape.quantities import Result

SHIPPED, FOLDER, HUB = "shipped organism", "local folder", "hub id"
HUB_SWITCH, ENDPOINT_SWITCH = "CAPE_ALLOW_HUB", "CAPE_ALLOW_ENDPOINT"  # set to 1 by whoever runs the server
ON = "1"
MODES = (CHOSEN, PAPER)
STRONGEST = 40.0
MOST_WORDS = 64
VECTOR_BYTES_MAX = 4_000_000
MOST_TEXTS = 50


def is_allowed(switch: str) -> bool:
    """Return whether the operator has switched something on in the environment of the server."""
    return os.environ.get(switch) == ON


def model_kinds() -> tuple[str, ...]:
    """Return the kinds of models that can be named here; hub ids only where the operator allows them."""
    return (SHIPPED, FOLDER, HUB) if is_allowed(HUB_SWITCH) else (SHIPPED, FOLDER)


def shipped_models(paths: LakePaths) -> dict[str, Path]:
    """Return the folders of the shipped checkpoints by recipe and shape, smallest first within a recipe."""
    return {f"{folder.parent.name}/{folder.name}": folder for folder in shipped_checkpoints(paths)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A text to be written without and with steering. layer : None for a quarter of the depth.

    vector : content of a safetensors file, or None to train one on calibration statements.
    """

    model: str
    prompt: str
    mode: str = CHOSEN
    schedule: str = CONSTANT
    layer: int | None = None
    strength: float = 0.0
    new_words: int = 1
    vector: bytes | None = None
    allow_hub: bool = False

    def request(self) -> dict[str, Any]:
        """Return the request as the live process reads it; raise BadParameterError for what cannot be asked."""
        if not self.model.strip():
            raise BadParameterError("No model is named. Write the folder that holds it, or its hub id.")
        if not self.prompt.strip() or len(self.prompt) > PROMPT_CHARACTERS:
            raise BadParameterError(
                f"The prompt has {len(self.prompt)} characters; 1 to {PROMPT_CHARACTERS} are taken. Change it."
            )
        if self.schedule not in SCHEDULES:
            raise BadParameterError(f"There is no schedule {self.schedule!r}. Known: {', '.join(SCHEDULES)}.")
        if self.vector is not None and len(self.vector) > VECTOR_BYTES_MAX:
            raise BadParameterError(
                f"The vector's file has {len(self.vector)} bytes; a steering vector has at most {VECTOR_BYTES_MAX}."
            )
        sent = None if self.vector is None else base64.b64encode(self.vector).decode()
        return {"kind": "write", **asdict(self), "vector": sent}


@dataclass(frozen=True, slots=True, kw_only=True)
class ScorecardAsked:
    """A scorecard to be computed of a model. n_random : random directions. seed : of all draws.

    context : how questions begin, of an organism only.
    """

    model: str
    n_random: int
    seed: int = 0
    context: str = QUIZ
    allow_hub: bool = False

    def request(self, paths: LakePaths) -> dict[str, Any]:
        """Return the request as the live process reads it; what is finished is kept below the lake's built files."""
        if not self.model.strip():
            raise BadParameterError("No model is named. Write the folder that holds it, or its hub id.")
        return {"kind": "scorecard", **asdict(self), "folder": str(paths.built / "steering")}


def vector_bytes(standing: Standing) -> bytes | None:
    """Return the safetensors file of the direction that a finished job used."""
    end = standing.last("end")
    return None if end is None or not end.get("vector") else base64.b64decode(end["vector"])


def text_row(request: Mapping[str, Any], standing: Standing) -> dict[str, Any] | None:
    """Return a finished text as a row of the session's table; None where the job did not finish."""
    end = standing.last("end")
    if end is None:
        return None
    word, _ = tool_rule(end["cosine"])
    return {
        "arm": ArmKind.PAPER if end["mode"] == PAPER else ArmKind.STEERED,
        "model": end["model_id"],
        "prompt": request["prompt"],
        "before": standing.text("before"),
        "after": standing.text("after"),
        "phase of the tool": word,
        "cos_truth": end["cosine"],
        "layer": end["layer"],
        "strength": end["strength"],
        "changed": end["changed"],
    }


def endpoint_row(model: str, prompt: str, before: str, after: str) -> dict[str, Any]:
    """Return two answers of an endpoint as a row of the session's table; it has no hidden states to read."""
    unread = dict.fromkeys(("phase of the tool", "cos_truth", "layer", "strength"))
    asked = {"arm": ArmKind.ENDPOINT, "model": model, "prompt": prompt, "before": before, "after": after}
    return {**asked, **unread, "changed": before != after}


TEXT_SCHEMA = {
    **dict.fromkeys(("arm", "model", "prompt", "before", "after", "phase of the tool"), pl.String),
    "cos_truth": pl.Float64,
    "layer": pl.Int64,
    "strength": pl.Float64,
    "changed": pl.Boolean,
}


def texts_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Return the texts of a session, newest first, as a table."""
    return pl.DataFrame(rows[::-1], schema=TEXT_SCHEMA)


def model_words(standing: Standing) -> str:
    """Return in one sentence what the model and the direction say of the prompt."""
    about = standing.last("model")
    if about is None:
        return ""
    word, by_rule = tool_rule(about["cosine"])
    place = f"{about['model_id']}, layer {about['layer']} of 0 to {about['n_layers'] - 1}"
    return (
        f"{place}, strength {about['strength']:.3g} beside a state of norm {about['norm']:.3g}: cos(truth) of the "
        f"prompt is {about['cosine']:.3f}, which the paper's tool calls {word} and answers with strength {by_rule:g}."
    )


def changed_words(standing: Standing) -> str:
    """Return in one sentence whether the text changed, and that this does not say that it was corrected."""
    end = standing.last("end")
    if end is None:
        return ""
    said = "The text changed" if end["changed"] else "The text did not change"
    return f"{said}. Whether it became truer is for the scorecard to say: changed is not corrected."


def own_result(card: str, params: Mapping[str, Any], lake: Lake) -> Result:
    """Return the page's result with a scorecard of this session, as JSON, in the place of the stored one.

    Raises IngestError for a text that is no scorecard.
    """
    held = card_of(scorecard_from_json(card))
    accepted = accept(SteeringParams, params, lake)
    shown = Diagnostic(
        slug=DIAGNOSTIC.slug,
        section=DIAGNOSTIC.section,
        title=DIAGNOSTIC.title,
        question=DIAGNOSTIC.question,
        source=DIAGNOSTIC.source,
        params=SteeringParams,
        compute=lambda given, read: outcome_of(given, read, held),
    )
    return run_diagnostic(shown, asdict(accepted), lake)


def card_model(card: str) -> str:
    """Return the name of the model of a scorecard in JSON."""
    return str(json.loads(card)["summary"]["model_id"])
