"""The live page with torch: a shipped checkpoint is steered, a scorecard cancelled, a wrong folder said in words."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cape.internals.live import BENCH
from cape.lake import Lake
from tests.conftest import require
from tests.surface._app import open_page

pytestmark = pytest.mark.heavy
require("torch")

SLUG = "steering"
SMALL = "web/d4-l2"
PATIENCE_S = 120


@pytest.fixture(autouse=True, scope="module")
def _no_process_left() -> Iterator[None]:
    """One process serves all tests, as it does on a server; the last of them cancels."""
    yield
    BENCH.stop()


def page(**params: Any) -> AppTest:
    app = open_page(SLUG, resamples=200, **params)
    return app.selectbox(key="steer_shipped").select(SMALL).run()


def until(app: AppTest, done: Callable[[AppTest], bool]) -> AppTest:
    deadline = time.monotonic() + PATIENCE_S
    while not done(app):
        assert time.monotonic() < deadline, [element.value for element in (*app.error, *app.caption)]
        assert not app.exception, app.exception[0].message
        time.sleep(0.3)
        app.run()
    return app


def held(app: AppTest, name: str) -> Any:
    return app.session_state["cape_steering"].get(name)


def is_kept(app: AppTest) -> bool:
    return "cape_steering" in app.session_state and bool(held(app, "texts"))


def test_a_shipped_checkpoint_writes_before_and_after_with_its_cosine_and_vector(lake: Lake) -> None:
    app = page()
    app.slider(key="steer_strength").set_value(30.0)
    app.button(key="steer_write").click().run()
    app = until(app, is_kept)
    row = held(app, "texts")[0]
    assert row["before"] and row["after"]
    assert row["changed"] is (row["before"] != row["after"])
    assert -1 <= row["cos_truth"] <= 1 and row["strength"] == 30.0
    assert any("cos(truth)" in text.value for text in app.markdown)
    assert any("changed is not corrected" in text.value for text in app.markdown)

    zero = app.slider(key="steer_strength").set_value(0.0)
    zero.run()
    app.button(key="steer_write").click().run()
    app = until(app, lambda now: len(held(now, "texts")) == 2)
    assert held(app, "texts")[-1]["changed"] is False

    app.segmented_control(key="steer_mode").set_value("paper mode").run()
    app.button(key="steer_write").click().run()
    app = until(app, lambda now: len(held(now, "texts")) == 3)
    assert held(app, "texts")[-1]["arm"] == "paper mode"
    assert held(app, "texts")[-1]["strength"] in (0.0, 0.5, 1.5, 3.0)


def test_a_wrong_folder_is_an_error_in_words(lake: Lake, tmp_path: Path) -> None:
    app = open_page(SLUG, resamples=200)
    app.segmented_control(key="steer_kind").set_value("local folder").run()
    app.text_input(key="steer_folder").set_value(str(tmp_path / "nothing")).run()
    app.selectbox(key="steer_example_nothing").select("my own prompt").run()
    app.text_area(key="steer_prompt").set_value("The sky is").run()
    app.button(key="steer_write").click().run()
    app = until(app, lambda now: bool(now.error))
    assert "no folder" in app.error[0].value and "Traceback" not in app.error[0].value


def test_a_scorecard_shows_its_progress_and_is_cancelled(lake: Lake) -> None:
    app = page()
    app.button(key="steer_score").click().run()
    job = held(app, "score")
    deadline = time.monotonic() + PATIENCE_S
    while (now := job.poll().last("progress")) is None:
        assert time.monotonic() < deadline and not job.poll().problem, job.poll()
        time.sleep(0.1)
    assert 0 < now["done"] <= now["of"]
    app.run()
    app.button(key="steer_score_cancel").click().run()
    app.run()
    assert any("Cancelled" in warning.value for warning in app.warning)
    assert job.poll().stopped == "cancelled" and app.button(key="steer_score")
