"""Scores added in the app stay in their browser session; `cape add-score` lands them for everybody, or refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cape import diagnostics
from cape.lake import Lake, LakePaths, ScoreEntry, with_entries
from tests.surface._app import REPOSITORY, as_shown, estimates_on, go_to, open_page, table_with

YESTERDAY = (date.today() - timedelta(days=1)).isoformat()
FIELDS = {
    "added_model": "gemini-9-pro",
    "added_score": "96.5",
    "added_url": "https://example.org/card",
    "added_date": YESTERDAY,
    "added_lab": "Google",
    "added_release": "2026-06",
}
ENTRY = ScoreEntry(
    model_id="gemini-9-pro",
    benchmark="gpqa_diamond",
    score="96.5",
    source_url="https://example.org/card",
    date=YESTERDAY,
    lab="Google",
    release_date="2026-06",
)


def send(app: AppTest, benchmark: str = "gpqa_diamond", **changed: str) -> AppTest:
    for key, value in {**FIELDS, **changed}.items():
        app.text_input(key=key).set_value(value)
    app.selectbox(key="added_benchmark").set_value(benchmark)
    next(button for button in app.button if button.label == "Add to this session").click()
    return app.run()


def test_a_score_added_in_the_form_counts_in_this_session_on_every_page_and_for_nobody_else(lake: Lake) -> None:
    app = send(open_page("predictions", resamples=200))
    assert not app.error and not app.exception
    expected = diagnostics.run("predictions", {"resamples": 200}, with_entries(lake, [ENTRY]))
    assert estimates_on(app) == as_shown(expected)
    assert any(f"Scored on {YESTERDAY}" in text.value for text in app.markdown)
    assert any(block.value.startswith("cape add-score gemini-9-pro gpqa_diamond 96.5") for block in app.code)
    go_to(app, "cascade").run()
    rows = table_with(app, "axis", "best")
    assert any("gemini-9-pro" in str(row["best"]) for row in rows)
    assert estimates_on(open_page("predictions", resamples=200)) == as_shown(
        diagnostics.run("predictions", {"resamples": 200}, lake)
    )


def test_a_second_score_of_a_session_model_needs_no_description_and_rows_can_be_dropped(lake: Lake) -> None:
    app = send(open_page("predictions", resamples=200))
    app = send(app, "swe_bench_verified", added_score="90", added_lab="", added_release="")
    assert not app.error and not app.exception
    assert sum(line.startswith("cape add-score") for block in app.code for line in block.value.split("\n")) == 2
    status = {row["prediction"]: row for row in table_with(app, "prediction", "status", "needs")}
    assert status["P4"]["rests_on"].startswith("1 of 2 releases of Google")
    app.button(key="drop_rows").click().run()
    assert estimates_on(app) == as_shown(diagnostics.run("predictions", {"resamples": 200}, lake))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"added_score": "196"}, "between 0 and 100"),
        ({"added_score": "0.9"}, "looks like a fraction"),
        ({"added_url": ""}, "source_url"),
        ({"added_date": "2999-01-01"}, "after today"),
        ({"added_lab": ""}, "--lab"),
    ],
)
def test_a_bad_score_is_refused_in_words_and_nothing_is_added(changed: dict[str, str], said: str, lake: Lake) -> None:
    app = send(open_page("predictions", resamples=200), **changed)
    assert len(app.error) == 1 and said in app.error[0].value
    assert estimates_on(app) == as_shown(diagnostics.run("predictions", {"resamples": 200}, lake))


def test_the_same_score_twice_is_refused(lake: Lake) -> None:
    app = send(send(open_page("predictions", resamples=200)))
    assert len(app.error) == 1 and "already stands" in app.error[0].value


def test_todays_date_is_asked_for_by_a_button_and_never_by_itself(lake: Lake) -> None:
    app = open_page("predictions", resamples=200)
    assert f"Scored on {date.today()}" not in " ".join(text.value for text in app.markdown)
    app.button(key="score_today").click().run()
    assert any(f"Scored on {date.today()}, as asked" in text.value for text in app.markdown)


def command(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cape", *words], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )


def test_the_command_lands_a_score_and_refuses_it_the_second_time(own_lake: LakePaths) -> None:
    words = ["add-score", "gemini-9-pro", "gpqa_diamond", "96.5", "--source-url", "https://example.org/card"]
    words += ["--date", YESTERDAY, "--lab", "Google", "--release-date", "2026-06"]
    done = command(*words)
    assert (done.returncode, done.stderr) == (0, "")
    lake = Lake.open(own_lake)
    assert lake.version in done.stdout
    again = command(*words)
    assert again.returncode == 2 and again.stdout == "" and "already stands" in again.stderr
    shown: dict[str, Any] = json.loads(command("predictions", "--json", "--resamples", "200").stdout)
    assert shown == diagnostics.run("predictions", {"resamples": 200}, lake).as_dict()
    bad = command(*words[:3], "1.7", *words[4:], "--unit", "fraction")
    assert bad.returncode == 2 and "between 0 and 1" in bad.stderr and "Traceback" not in bad.stderr


def test_a_local_source_with_one_benchmark_can_be_selected(own_lake: LakePaths) -> None:
    command("add-score", "gpt-5", "hle", "30", "--source-url", "internal", "--date", YESTERDAY)
    app = open_page("overview", panel="added-scores")
    assert not app.exception
