"""Choose a model, write a text without and with steering, watch it come, cancel it, take the vector along."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from cape.diagnostics._steering_live import (
    FOLDER,
    HUB,
    MODES,
    MOST_TEXTS,
    MOST_WORDS,
    SHIPPED,
    STRONGEST,
    VECTOR_BYTES_MAX,
    Asked,
    changed_words,
    model_kinds,
    model_words,
    shipped_models,
    text_row,
    texts_frame,
    vector_bytes,
)
from cape.errors import CapeError
from cape.internals.live import BENCH, CANCELLED, Standing
from cape.internals.steering import SCHEDULES
from cape.lake import LakePaths
from cape.organism.live_jobs import CHOSEN, PROMPT_CHARACTERS, example_prompts
from cape.ui import state

FOLLOW_EVERY = "0.4s"
FIRST_STRENGTH, FIRST_WORDS, STEP = 4.0, 12, 0.5
MEGABYTE = 1_000_000
MODEL_WIDTHS, CONTROL_WIDTHS = (1, 2), (1.7, 1, 1.2, 1)
OWN = "my own prompt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A model by folder or hub id, empty where none is named yet."""

    model: str
    is_hub: bool = False


def choose_model() -> Named:
    """Draw the choice of a model and return it."""
    kind_place, place = st.columns(MODEL_WIDTHS)
    kind = kind_place.segmented_control("Model", model_kinds(), default=SHIPPED, required=True, key="steer_kind")
    if kind == FOLDER:
        folder = place.text_input("Folder with config.json and safetensors", key="steer_folder")
        return Named(model=(folder or "").strip())
    if kind == HUB:
        name = place.text_input("Hub id, as organisation/name", key="steer_hub")
        return Named(model=(name or "").strip(), is_hub=True)
    held = shipped_models(LakePaths.from_environment())
    if not held:
        place.info("The lake ships no checkpoint. Name a folder, or train one with `cape organism train --ship`.")
        return Named(model="")
    names = list(held)
    largest = max(place for place, name in enumerate(names) if name.startswith(names[0].partition("/")[0]))
    name = place.selectbox("Checkpoint", names, index=largest, key="steer_shipped", help="Recipe and shape.")
    return Named(model=str(held[name]))


def write_box(named: Named) -> None:
    """Draw the controls of a text and, once there is a job, its progress or its result."""
    prompt = _prompt(named.model)
    mode_place, layer_place, strength_place, words_place = st.columns(CONTROL_WIDTHS)
    mode = mode_place.segmented_control("Strength by", MODES, default=CHOSEN, required=True, key="steer_mode")
    layer = layer_place.number_input(
        "Layer", min_value=0, value=None, step=1, key="steer_layer", placeholder="quarter depth",
        help="Layer to whose output the direction is added, from 0; empty: a quarter of the depth, as the paper.",
    )  # fmt: skip
    strength = strength_place.slider(
        "Strength", -STRONGEST, STRONGEST, FIRST_STRENGTH, STEP, key="steer_strength", disabled=mode != CHOSEN,
        help="Multiplies the direction of norm 1. In paper mode it follows from cos(truth) of the prompt.",
    )  # fmt: skip
    words = words_place.number_input(
        "New words", min_value=1, max_value=MOST_WORDS, value=min(FIRST_WORDS, MOST_WORDS), key="steer_words"
    )
    uploaded, scheduled = st.columns([3, 1])
    schedule = scheduled.selectbox(
        "Strength acts", list(SCHEDULES), key="steer_schedule", help="At every word, on the prompt or on new words."
    )
    file = uploaded.file_uploader(
        "A vector of my own (safetensors; empty: trained on calibration statements)",
        type=["safetensors"],
        max_upload_size=VECTOR_BYTES_MAX // MEGABYTE,
        key="steer_vector",
    )
    if st.button("Write without and with steering", type="primary", key="steer_write"):
        asked = Asked(
            model=named.model,
            prompt=prompt,
            mode=mode,
            schedule=schedule,
            layer=layer,
            strength=strength,
            new_words=words,
            vector=None if file is None else file.getvalue(),
            allow_hub=named.is_hub,
        )
        _start(asked)
    _job()


def _prompt(model: str) -> str:
    """Draw the examples and the prompt, which an example fills."""
    try:
        examples = example_prompts(model)
    except CapeError as error:
        st.warning(str(error))
        examples = ()
    chosen = st.selectbox("Prompt", [*examples, OWN], key=f"steer_example_{Path(model).name}")
    if chosen != OWN:
        return chosen
    return st.text_area("My prompt", max_chars=PROMPT_CHARACTERS, key="steer_prompt") or ""


def _start(asked: Asked) -> None:
    try:
        request = asked.request()
        last = state.steering("text")
        if last is not None:
            last.cancel()
        state.keep_steering("text", BENCH.submit(request))
    except CapeError as error:
        st.error(str(error))


def _job() -> None:
    """Draw the job of this session: how far it is, or what it wrote."""
    job = state.steering("text")
    if job is None:
        return
    standing = job.poll()
    if not standing.is_over:
        _follow()
        return
    if standing.problem:
        st.error(standing.problem)
        return
    if standing.stopped == CANCELLED:
        st.warning("Cancelled; what was written until then stands here.")
    _texts(standing)
    _keep(standing)
    content = vector_bytes(standing)
    if content is not None:
        st.markdown(changed_words(standing))
        st.download_button(
            "The direction as safetensors", data=content, file_name="steering_vector.safetensors", key="steer_save",
            on_click="ignore",
        )  # fmt: skip


@st.fragment(run_every=FOLLOW_EVERY)
def _follow() -> None:
    """Show what has been written so far and offer to end it; draw the page again when it is over."""
    job = state.steering("text")
    standing = None if job is None else job.poll()
    if standing is None or standing.is_over:
        st.rerun()
    if standing.n_before:
        st.caption(f"Waiting: {standing.n_before} before this one.")
    elif standing.last("model") is None:
        st.caption(f"Loading the model, {standing.seconds:.0f} s.")
    _texts(standing)
    if st.button("Cancel", key="steer_cancel"):
        job.cancel()
        st.rerun()


def _texts(standing: Standing) -> None:
    """Show both texts side by side, as text that is not read as Markdown."""
    if words := model_words(standing):
        st.markdown(words)
    for place, side, title in zip(
        st.columns(2), ("before", "after"), ("Without steering", "With steering"), strict=True
    ):
        with place.container(border=True):
            st.caption(title)
            st.text(standing.text(side) or " ")


def _keep(standing: Standing) -> None:
    """Add a finished text to the session's table, once."""
    job = state.steering("text")
    row = text_row(job.request, standing)
    if row is not None and state.steering("kept") is not job:
        state.keep_steering("kept", job)
        add_text(row)


def add_text(row: dict[str, object]) -> None:
    """Add a row to the session's table of texts."""
    held = state.steering("texts") or []
    state.keep_steering("texts", [*held, row][-MOST_TEXTS:])


def session_texts() -> None:
    """Show the texts of this session, steered and prompted alike, in one table."""
    rows = state.steering("texts")
    if rows:
        st.caption("Texts of this session, newest first. Changed is not corrected.")
        st.dataframe(texts_frame(rows), hide_index=True, key="steer_texts", alt="Texts of this session")
