"""Scores that a visitor brings: a pasted table gives gamma at once, on every page of this session and no other."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from streamlit.testing.v1 import AppTest

from cape import diagnostics
from cape.diagnostics import options_of
from cape.diagnostics._axis_words import KEPT_TABLES
from cape.errors import BadParameterError
from cape.ingest.confirm import own_reading
from cape.ingest.pasted import read_pasted
from cape.lake import Lake, own_scores, read_upload, with_own
from cape.report import report_slugs
from cape.stats.coupling import gamma_interval
from cape.ui.bring_page import NEXT, benchmarks_of
from tests.ingest.generators import lm_eval
from tests.surface._app import as_shown, estimates_on, go_to, open_page, selection_in, table_with

PRINTED = re.compile("printed|paper|derived_constant")
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


def results(model: str, params: float, first: float, second: float, **changes: Any) -> bytes:
    """A results file of lm-evaluation-harness with two scores."""
    held = lm_eval(model)
    held["results"] = {
        "hellaswag": {"acc_norm,none": first / 100, "acc_norm_stderr,none": 0.005},
        "truthfulqa_mc2": {"acc,none": second / 100, "acc_stderr,none": 0.012},
    }
    held["config"] |= {"model_num_parameters": int(params * 1e9)}
    return json.dumps(held | changes).encode()


LADDER = [(f"lab/heron-{size}b", size, first, second) for size, first, second in zip(SIZES, FIRST, SECOND, strict=True)]


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader[0].set_value([(name, content, "application/json") for name, content in files]).run()
    return app.button(key="own_read").click().run()


def zipped(*files: tuple[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    return packed.getvalue()


@pytest.mark.parametrize("as_zip", [False, True], ids=["files", "zip"])
def test_uploaded_results_become_the_panel_with_their_own_standard_errors(as_zip: bool, lake: Lake) -> None:
    files = [(f"results_{number}.json", results(*row)) for number, row in enumerate(LADDER)]
    if as_zip:
        files = [("run.zip", zipped(*((f"{row[0].replace('/', '__')}/results.json", results(*row)) for row in LADDER)))]
    app = upload(open_page("bring_your_scores"), *files)
    assert not app.exception and not app.error, [e.value for e in app.error]
    assert selection_in(app)["panel"] == "mine"
    expected = gamma_interval(np.diff(FIRST), np.diff(SECOND), variance_x=2 * 0.5**2, variance_y=2 * 1.2**2)
    shown = [row for row in estimates_on(app) if row["symbol"] == "gamma_12"]
    assert [row["value"] for row in shown] == pytest.approx(expected.gamma.tolist())
    assert [row["low"] for row in shown] == pytest.approx(expected.fieller_low.tolist())
    findings = table_with(app, "severity", "file")
    assert findings and all(row["severity"] != "refused" for row in findings)
    assert lake.read("mart_panels", panel="mine").is_empty()


def test_what_cannot_be_read_is_refused_by_name_and_the_rest_is_taken(lake: Lake) -> None:
    good = [(f"results_{number}.json", results(*row)) for number, row in enumerate(LADDER)]
    bad = ("../../broken.json", b'{"results": {"hellaswag": ')
    app = upload(open_page("bring_your_scores"), *good, bad)
    assert not app.exception and not app.error
    refused = [row for row in table_with(app, "severity", "file") if row["severity"] == "refused"]
    assert [row["file"] for row in refused] == ["broken.json"] and refused[0]["found"] and refused[0]["what to do"]
    assert sum(row["symbol"] == "gamma_12" for row in estimates_on(app)) == 2


def test_an_upload_beyond_the_cap_is_refused_before_it_is_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cape.lake.upload.UPLOAD_BYTES", 1_000)
    app = upload(open_page("bring_your_scores"), ("results.json", results(*LADDER[0])))
    assert not app.exception and len(app.error) == 1
    assert "cape ingest" in table_with(app, "severity", "what to do")[0]["what to do"]
    assert "mine" not in app.sidebar.selectbox(key="panel").options


def test_a_zip_that_unpacks_beyond_the_cap_is_refused(lake: Lake) -> None:
    found = read_upload([("bomb.zip", zipped(("a.json", b" " * 3_000_000)))], lake)
    assert found.reading.scores.is_empty()  # whitespace is no result, whatever its size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cape.lake.upload.UNPACKED_BYTES", 1_000_000)
        found = read_upload([("bomb.zip", zipped(("a.json", b" " * 3_000_000)))], lake)
    assert [(each.file, str(each.severity)) for each in found.reading.findings] == [("bomb.zip", "refused")]


def test_the_sample_says_everywhere_that_it_is_one(lake: Lake) -> None:
    app = open_page("bring_your_scores")
    app.button(key="own_sample").click().run()
    assert not app.exception and not app.error
    assert any("SAMPLE" in text.value for text in app.warning)
    assert any("gamma is" in text.value for text in app.markdown)
    go_to(app, "critical_scale").run()
    assert not app.exception and not app.error
    assert any("SAMPLE" in text.value for text in app.sidebar.caption)


def test_families_and_places_that_are_confirmed_part_the_ladders(lake: Lake) -> None:
    files = [(f"results_{number}.json", results(*row)) for number, row in enumerate(LADDER)]
    reading = read_upload(files, lake).reading
    held = own_reading(reading)
    assert held.order_by == "params" and held.table["size_b"].to_list() == pytest.approx(list(SIZES))
    two = held.table.with_columns(pl.Series("family", ["a", "a", "b"]))
    own = own_scores(replace(held, table=two).placed)
    with_own_lake = with_own(lake, own)
    steps = with_own_lake.read("mart_gamma", panel="mine", x="hellaswag", y="truthfulqa_mc2")
    assert steps["family"].to_list() == ["a"]
    with_own_lake.close()
    by_step = held.table.with_columns(pl.Series("step", [100.0, 200.0, 400.0]), family=pl.lit("run"))
    placed = replace(held, table=by_step, order_by="step").placed
    assert placed.scores["axis"].unique().to_list() == ["step"]
    assert sorted(set(placed.scores["position"])) == [100.0, 200.0, 400.0]
    with pytest.raises(BadParameterError, match="Row 2, column size_b"):
        _ = replace(held, table=held.table.with_columns(pl.Series("size_b", [1.0, -1.0, 2.0]))).placed


def test_what_is_exported_reads_back_as_the_same_scores(lake: Lake, tmp_path: Path) -> None:
    files = [(f"results_{number}.json", results(*row)) for number, row in enumerate(LADDER)]
    own = own_scores(own_reading(read_upload(files, lake).reading).placed)
    table = read_upload([("my_scores.csv", own.table.write_csv().encode())], lake).reading
    assert table.scores.height == own.scores.height and table.scores["position"].null_count() == 0
    again = read_upload([("mine.zip", own.exchanged())], lake).reading
    key = ["model_id", "benchmark", "variant", "score", "stderr", "n_items", "n_shot", "position"]
    exported = own.scores.with_columns(pl.col("score", "stderr").cast(pl.Float64), pl.col("position").cast(pl.Float64))
    got = again.scores.select(key).cast(pl.String).sort("model_id", "benchmark")
    assert got.rows() == exported.select(key).cast(pl.String).sort("model_id", "benchmark").rows()


def test_a_shipped_panel_of_tokens_speaks_of_tokens(lake: Lake) -> None:
    for slug in ("critical_scale", "ode_explorer", "flow_geometry", "effective_dimension"):
        given = {"panel": "organism-tokens", "resamples": 200, "curve": "no curve"}
        given = {name: value for name, value in given.items() if name in options_of(diagnostics.get(slug).params)}
        result = diagnostics.run(slug, given, lake)
        texts = [t for e in result.estimates if not PRINTED.search(e.symbol + e.label) for t in (e.label, e.unit)]
        assert not [t for t in texts if re.search(r"log10 N|billion parameters|\d B\b", t)], slug
        assert any("training tokens" in t for t in texts), slug


def test_a_panel_of_checkpoints_speaks_of_steps_on_every_coupling_and_dynamics_page(lake: Lake) -> None:
    rng = np.random.default_rng(3)
    rows = ["model\tfamily\tstep\tsize\thellaswag\ttruthfulqa_mc2\tmmlu\tarc_challenge"]
    for family in ("one", "two", "three"):
        for i in range(6):
            scores = (30 + 6 * i, 44 - 4 * i + 0.9 * i * i, 26 + 3 * i, 22 + 4 * i)
            words = "\t".join(f"{score + rng.normal():.2f}" for score in scores)
            rows.append(f"{family}-{i}\t{family}\t{1000 * 2**i}\t1.4\t{words}")
    known = benchmarks_of(lake)
    own = own_scores(read_pasted("\n".join(rows), benchmarks=known, pair=("hellaswag", "truthfulqa_mc2")))
    held = with_own(lake, own)
    refused = {"width_normalization", "loss_blindness", "symbolic_laws", "analyze_model"}
    for slug in (*report_slugs(), "overview", "analyze_model"):
        given = {"panel": "mine", "resamples": 200, "curve": "no curve"}
        given = {name: value for name, value in given.items() if name in options_of(diagnostics.get(slug).params)}
        if slug in refused:
            with pytest.raises(BadParameterError, match="training steps"):
                diagnostics.run(slug, given, held)
            continue
        result = diagnostics.run(slug, given, held)
        texts = [
            t for e in result.estimates if not PRINTED.search(e.symbol + e.label) for t in (e.label, e.unit, e.method)
        ]
        texts += [t for t in result.sentences if "rinted" not in t]
        assert not [t for t in texts if re.search(r"log10 N|billion|\d B\b", t)], slug
        units = {unit for table in result.tables if table.name not in KEPT_TABLES for unit in table.units.values()}
        assert not {"parameters", "billion parameters"} & units, slug
    held.close()


def test_a_comparison_with_another_protocol_is_flagged_on_the_page(lake: Lake) -> None:
    app = upload(open_page("bring_your_scores"), *[(f"{row[0][-5:]}.json", results(*row)) for row in LADDER])
    assert any("flagged" in text.value and "independent" in text.value for text in app.markdown)
    go_to(app, "local_coupling").run()
    app.selectbox(key="compare_panel").set_value("independent").run()
    assert not app.exception and not app.error
    said = [text.value for text in app.markdown if text.value.startswith("Compared with independent")]
    assert said and "hellaswag is not measured alike" in said[0] and "10-shot" in said[0] and "0-shot" in said[0]


@pytest.mark.parametrize("slug", NEXT)
def test_the_buttons_lead_to_a_page_with_the_panel_of_the_session(slug: str, lake: Lake) -> None:
    app = brought()
    app.button(key=f"to_{slug}").click().run()
    assert not app.exception and app.title[0].value == diagnostics.get(slug).title
    assert selection_in(app)["panel"] == "mine"
