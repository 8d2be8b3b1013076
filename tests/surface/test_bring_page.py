"""Scores that a visitor brings: a pasted table gives gamma at once, on every page of this session and no other."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cape import diagnostics
from cape.lake import Lake
from cape.stats.coupling import gamma_interval
from tests.surface._app import as_shown, estimates_on, go_to, open_page, selection_in, table_with

SIZES, FIRST, SECOND = (0.41, 1.4, 6.9), (40.9, 52.0, 64.1), (41.2, 38.7, 33.0)
ITEMS = {"hellaswag": 10042, "truthfulqa_mc2": 817}
THREE_ROWS = "\n".join(f"m{size:g}\t{size:g}\t{x:g}\t{y:g}" for size, x, y in zip(SIZES, FIRST, SECOND, strict=True))


def paste(app: AppTest, text: str, order: str = "params") -> AppTest:
    app.segmented_control(key="paste_how").set_value("Text").run()
    app.selectbox(key="paste_order").set_value(order)
    app.text_area[0].set_value(text)
    return app.button(key="paste_read").click().run()


def brought(text: str = THREE_ROWS, order: str = "params") -> AppTest:
    app = paste(open_page("bring_your_scores"), text, order)
    assert not app.exception and not app.error, [e.value for e in app.error]
    return app


def variances(scores: tuple[float, ...], n_items: int) -> np.ndarray:
    p = np.array(scores) / 100
    return 1e4 * (p * (1 - p) / n_items)


def test_three_pasted_rows_give_gamma_and_its_interval_as_formed_by_hand(lake: Lake) -> None:
    app = brought()
    assert selection_in(app)["panel"] == "mine"
    assert (selection_in(app)["x"], selection_in(app)["y"]) == tuple(ITEMS)
    first, second = variances(FIRST, ITEMS["hellaswag"]), variances(SECOND, ITEMS["truthfulqa_mc2"])
    expected = gamma_interval(
        np.diff(FIRST), np.diff(SECOND), variance_x=first[1:] + first[:-1], variance_y=second[1:] + second[:-1]
    )
    shown = [row for row in estimates_on(app) if row["symbol"] == "gamma_12"]
    assert [row["value"] for row in shown] == pytest.approx(expected.gamma.tolist())
    assert [row["low"] for row in shown] == pytest.approx(expected.fieller_low.tolist())
    assert [row["high"] for row in shown] == pytest.approx(expected.fieller_high.tolist())
    told = [text.value for text in app.markdown if "gamma is" in text.value]
    assert len(told) == 2 and f"{expected.gamma[1]:.3g}" in told[1] and "95% interval" in told[1]


def test_the_panel_follows_to_other_pages_and_is_gone_once_removed(lake: Lake) -> None:
    app = brought()
    go_to(app, "local_coupling").run()
    assert not app.exception and not app.error
    assert selection_in(app)["panel"] == "mine"
    assert sum(row["symbol"] == "gamma_12" for row in estimates_on(app)) == 2
    go_to(app, "bring_your_scores").run()
    app.button(key="remove_own").click().run()
    assert not app.exception and not app.error and not app.warning
    assert selection_in(app)["panel"] == "author"
    assert "mine" not in app.sidebar.selectbox(key="panel").options
    assert estimates_on(app) == as_shown(diagnostics.run("bring_your_scores", {}, lake))


def test_two_sessions_do_not_see_each_other_s_scores_nor_does_the_lake(lake: Lake) -> None:
    mine, theirs = brought(), brought("a\t1\t40\t30\nb\t2\t50\t20")
    for app, n in ((mine, 2), (theirs, 1)):
        app.run()
        assert sum(row["symbol"] == "gamma_12" for row in estimates_on(app)) == n
    stranger = open_page("bring_your_scores")
    assert "mine" not in stranger.sidebar.selectbox(key="panel").options
    assert lake.read("mart_panels", panel="mine").is_empty()
    asked = open_page("local_coupling", panel="mine")
    assert any("mine" in text.value for text in asked.warning)


HOSTILE: dict[str, tuple[str, str, str]] = {
    "formula": ("=HYPERLINK(1)\t1\t40\t30\nb\t2\t50\t20", "row 1", "model"),
    "not a number": ("a\t1\tforty\t30\nb\t2\t50\t20", "row 1", "hellaswag"),
    "not finite": ("a\t1\tnan\t30\nb\t2\t50\t20", "row 1", "hellaswag"),
    "above the range": ("a\t1\t40\t30\nb\t2\t170\t20", "row 2", "hellaswag"),
    "below the range": ("a\t1\t40\t-3\nb\t2\t50\t20", "row 1", "truthfulqa_mc2"),
    "fraction among percentages": ("a\t1\t0.4\t30\nb\t2\t50\t20", "row 1", "hellaswag"),
    "no size": ("a\t\t40\t30\nb\t2\t50\t20", "row 1", "size"),
    "size of nothing": ("a\t0\t40\t30\nb\t2\t50\t20", "row 1", "size"),
    "one state twice": ("a\t1\t40\t30\na\t1\t50\t20", "row 2", "model"),
    "unknown column": ("model\tsize\tcolour\na\t1\t40", "row 1", "colour"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_table_that_cannot_stand_is_refused_whole_with_row_and_column(case: str, lake: Lake) -> None:
    text, place, column = HOSTILE[case]
    app = paste(open_page("bring_your_scores"), text)
    assert not app.exception and len(app.error) == 1
    faults = table_with(app, "severity", "place", "column")
    assert any((row["severity"], row["place"], row["column"]) == ("refused", place, column) for row in faults), faults
    assert "mine" not in app.sidebar.selectbox(key="panel").options


@pytest.mark.parametrize("text", ["", "x" * 200_001, "a\t1\t2\t3\n" * 2_001], ids=["empty", "long", "many rows"])
def test_a_table_without_rows_or_beyond_the_cap_is_refused(text: str, lake: Lake) -> None:
    app = paste(open_page("bring_your_scores"), text)
    assert not app.exception and len(app.error) == 1
    assert table_with(app, "severity", "found")[0]["severity"] == "refused"


def test_a_fault_leaves_the_scores_of_the_session_as_they_were(lake: Lake) -> None:
    app = brought()
    before = estimates_on(app)
    paste(app, "a\t1\tnan\t30")
    assert len(app.error) == 1 and not app.exception
    app.run()
    assert estimates_on(app) == before
