"""The page of steering without torch: recorded results, the install line, what the operator has to switch on."""

from __future__ import annotations

from typing import Any

import pytest

from cape.diagnostics._steering_live import (
    ENDPOINT_SWITCH,
    HUB,
    HUB_SWITCH,
    VECTOR_BYTES_MAX,
    Asked,
    ScorecardAsked,
    model_kinds,
)
from cape.errors import BadParameterError
from cape.internals import live
from cape.internals.endpoint import Endpoint
from cape.internals.models import INSTALL_LINE
from cape.lake import Lake, LakePaths
from cape.organism.live_jobs import PROMPT_CHARACTERS
from cape.ui import steering_page
from tests.diagnostics.planted_steering import scorecard
from tests.surface._app import estimates_on, open_page

SLUG, SECRET = "steering", "sk-a-secret-of-the-reader"


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The light environment has no torch; where the tests run with it, the page is told that there is none."""
    monkeypatch.setattr(steering_page, "can_run", lambda: False)


def test_without_torch_the_page_shows_recorded_results_and_the_install_line(lake: Lake, without_torch: None) -> None:
    app = open_page(SLUG, resamples=200)
    assert any(code.value == INSTALL_LINE for code in app.code)
    assert any("torch" in info.value for info in app.info)
    assert not [button for button in app.button if button.key == "steer_write"]
    changed = [row for row in estimates_on(app) if row["symbol"] == "steering_changed"]
    assert len(changed) == 10
    assert any("changed is not corrected" in text.value for text in app.markdown)


def test_nothing_is_imported_to_know_whether_torch_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.importlib.util, "find_spec", lambda name: None if name == "torch" else object())
    assert not live.can_run()
    monkeypatch.setattr(live.importlib.util, "find_spec", lambda name: object())
    assert live.can_run()


@pytest.mark.parametrize(("value", "is_offered"), [("", False), ("0", False), ("1", True)])
def test_hub_ids_are_offered_only_where_the_operator_allows_them(
    monkeypatch: pytest.MonkeyPatch, value: str, is_offered: bool
) -> None:
    monkeypatch.setenv(HUB_SWITCH, value)
    assert (HUB in model_kinds()) is is_offered


def test_the_endpoint_is_off_until_it_is_switched_on(lake: Lake, without_torch: None) -> None:
    app = open_page(SLUG, resamples=200)
    assert any(ENDPOINT_SWITCH in info.value for info in app.info)
    assert not [field for field in app.text_input if field.key == "steer_key"]


def test_a_scorecard_of_this_session_takes_the_place_of_the_stored_one(lake: Lake, without_torch: None) -> None:
    app = open_page(SLUG, resamples=200)
    app.session_state["cape_steering"] = {"card": scorecard("mine", 1_000, "").as_json()}
    app.run()
    assert app.segmented_control(key="steer_shown").value == "my scorecard"
    assert "mine" in {row["label"] for row in estimates_on(app) if row["symbol"] == "answers_changed"}
    app.segmented_control(key="steer_shown").set_value("stored scorecard").run()
    assert not app.exception
    assert "mine" not in {row["label"] for row in estimates_on(app) if row["symbol"] == "answers_changed"}


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> list[Endpoint]:
    """An endpoint that is switched on and answers with what it was told to do."""
    asked: list[Endpoint] = []

    def complete(endpoint: Endpoint, prompt: str, *, instruction: str = "", new_words: int = 64) -> str:
        asked.append(endpoint)
        return f"{instruction or 'plain'}: {prompt}"

    monkeypatch.setenv(ENDPOINT_SWITCH, "1")
    monkeypatch.setattr(Endpoint, "complete", complete)
    return asked


def test_an_endpoint_is_asked_without_and_with_the_instruction(
    lake: Lake, without_torch: None, answering: list[Endpoint]
) -> None:
    app = open_page(SLUG, resamples=200)
    app.text_input(key="steer_url").set_value("https://models.example/v1")
    app.text_input(key="steer_endpoint_model").set_value("some-model")
    app.text_input(key="steer_key").set_value(SECRET)
    app.text_area(key="steer_endpoint_prompt").set_value("The sky is")
    app.button(key="steer_ask").click().run()
    assert not app.exception and not app.error
    row = app.session_state["cape_steering"]["texts"][0]
    assert (row["arm"], row["model"], row["changed"]) == ("endpoint, prompt only", "some-model", True)
    assert (row["before"], row["after"]) == ("plain: The sky is", "Answer truthfully.: The sky is")
    assert [endpoint.key for endpoint in answering] == [SECRET, SECRET]


def test_the_key_is_a_password_and_stands_in_no_address_table_or_text(
    lake: Lake, without_torch: None, answering: list[Endpoint]
) -> None:
    app = open_page(SLUG, resamples=200)
    app.text_input(key="steer_url").set_value("http://models.example/v1")
    app.text_input(key="steer_endpoint_model").set_value("some-model")
    field = app.text_input(key="steer_key").set_value(SECRET)
    app.text_area(key="steer_endpoint_prompt").set_value("The sky is")
    app.button(key="steer_ask").click().run()
    assert "not encrypted" in app.error[0].value and not answering
    assert field.proto.type == field.proto.PASSWORD
    assert SECRET not in str(dict(app.query_params))
    shown = [element.value for kind in (app.markdown, app.caption, app.code, app.error, app.info) for element in kind]
    assert not [text for text in shown if SECRET in str(text)]
    assert SECRET not in str(app.session_state["cape_steering"] if "cape_steering" in app.session_state else "")


def test_a_request_that_cannot_be_asked_is_refused_before_any_process_starts() -> None:
    good: dict[str, Any] = {"model": "folder", "prompt": "The sky is", "strength": 1.0, "new_words": 3}
    assert Asked(**good).request()["kind"] == "write"
    for wrong, words in (
        ({"model": " "}, "No model is named"),
        ({"prompt": "  "}, "characters"),
        ({"prompt": "x" * (PROMPT_CHARACTERS + 1)}, "characters"),
        ({"vector": b"x" * (VECTOR_BYTES_MAX + 1)}, "bytes"),
    ):
        with pytest.raises(BadParameterError, match=words):
            Asked(**{**good, **wrong}).request()
    with pytest.raises(BadParameterError, match="No model is named"):
        ScorecardAsked(model="", n_random=20).request(LakePaths.from_environment())
