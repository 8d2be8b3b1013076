"""What the live process does, called in this process: texts, vectors sent along, scorecards that go on, refusals."""

from __future__ import annotations

import base64
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from cape.organism import live_jobs
from cape.organism.live_jobs import PROMPT_CHARACTERS, Bearer, example_prompts, is_organism, sets_of
from tests.conftest import REPOSITORY, require

MODEL = str(REPOSITORY / "lake" / "organism" / "web" / "d4-l2")
OTHER = str(REPOSITORY / "lake" / "organism" / "web" / "d6-l2")


def worked(bearer_events: tuple[Bearer, list[dict[str, Any]]], **request: Any) -> list[dict[str, Any]]:
    bearer, events = bearer_events
    events.clear()
    bearer.work(request)
    return list(events)


@pytest.fixture
def bearer() -> tuple[Bearer, list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []
    return Bearer(events.append), events


def written(bearer: Any, **given: Any) -> list[dict[str, Any]]:
    asked = {"kind": "write", "model": MODEL, "prompt": example_prompts(MODEL)[0], "strength": 0.0, "new_words": 4}
    return worked(bearer, **{**asked, **given})


def checksum(vector: str) -> str:
    """Return the checksum in the header of a safetensors file; the order of its fields is not fixed."""
    content = base64.b64decode(vector)
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length])["__metadata__"]["checksum"]


def test_the_examples_of_an_organism_are_in_its_language_and_need_no_torch() -> None:
    prompts = example_prompts(MODEL)
    assert is_organism(MODEL) and not is_organism("") and not is_organism("no/such/folder")
    assert {prompt.split()[0] for prompt in prompts} == {"quiz", "web"}
    assert example_prompts("") == ()
    said = {text for pair in sets_of(MODEL).pairs for text in (pair.true, pair.false)}
    assert not [prompt for prompt in prompts if any(text.startswith(prompt) for text in said)]


def test_an_unknown_job_and_a_prompt_of_no_use_are_refused_in_words(bearer: Any) -> None:
    assert "no job 'sing'" in worked(bearer, kind="sing")[0]["message"]
    for prompt in ("", "x" * (PROMPT_CHARACTERS + 1)):
        (refused,) = written(bearer, prompt=prompt)
        assert (refused["event"], refused["kind"]) == ("error", "BadParameterError")


@pytest.mark.heavy
def test_a_vector_that_was_cut_off_is_refused(bearer: Any) -> None:
    require("torch")
    assert "cut off" in written(bearer, vector="%%%")[-1]["message"]


@pytest.mark.heavy
def test_strength_0_changes_nothing_and_a_large_one_does(bearer: Any) -> None:
    require("torch")
    still, pushed = written(bearer)[-1], written(bearer, strength=200.0)[-1]
    assert still["event"] == "end" and still["changed"] is False
    assert pushed["changed"] is True
    assert checksum(still["vector"]) == checksum(pushed["vector"])


@pytest.mark.heavy
def test_a_vector_sent_back_is_used_and_one_of_another_model_is_refused(bearer: Any) -> None:
    require("torch")
    first = written(bearer, strength=200.0, layer=1)
    again = written(bearer, strength=200.0, vector=first[-1]["vector"])
    assert [e for e in again if e["event"] == "text"] == [e for e in first if e["event"] == "text"]
    assert again[-1]["layer"] == 1
    refused = written(bearer, model=OTHER, vector=first[-1]["vector"])[-1]
    assert refused["kind"] == "SteeringVectorError"
    pickled = base64.b64encode(b"\x80\x04cos\nsystem\n").decode()
    assert written(bearer, vector=pickled)[-1]["kind"] == "SteeringVectorError"


@pytest.mark.heavy
def test_paper_mode_takes_its_strength_from_the_cosine(bearer: Any) -> None:
    require("torch")
    end = written(bearer, mode="paper mode")[-1]
    bands = ((-0.1, 3.0), (0.1, 1.5), (0.3, 0.5), (1.1, 0.0))
    assert end["strength"] == next(strength for below, strength in bands if end["cosine"] < below)


@pytest.mark.heavy
def test_a_layer_that_is_not_there_is_refused(bearer: Any) -> None:
    require("torch")
    assert "layers 0 to 1" in written(bearer, layer=9)[-1]["message"]


@pytest.mark.heavy
def test_a_scorecard_counts_its_arms_and_goes_on_from_what_is_finished(
    bearer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    require("torch")
    whole = sets_of(MODEL)
    few = dataclasses.replace(
        whole,
        validation=whole.validation[:6],
        test=whole.test[:8],
        capability_validation=whole.capability_validation[:4],
        capability_test=whole.capability_test[:4],
        texts=whole.texts[:4],
        prompts=whole.prompts[:2],
    )
    monkeypatch.setattr(live_jobs, "sets_of", lambda model, context="quiz": few)
    asked = {"kind": "scorecard", "model": MODEL, "seed": 0, "n_random": 20, "context": "quiz"}
    events = worked(bearer, **asked, folder=str(tmp_path))
    counted = [event for event in events if event["event"] == "progress"]
    assert [event["done"] for event in counted] == list(range(1, len(counted) + 1))
    card = json.loads(events[-1]["card"])
    assert card["summary"]["n_test"] == 8 and card["summary"]["n_random"] == 20
    finished = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("arms/*")}
    assert finished
    worked(bearer, **asked, folder=str(tmp_path))
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("arms/*")} == finished
