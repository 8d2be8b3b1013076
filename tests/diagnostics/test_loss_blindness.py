"""loss_blindness on planted ladders: a planted law, shift, misprint and gradient power are found, with their doubt."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import scipy.optimize

from cape import ledger
from cape.claims import parse_parts
from cape.diagnostics._diagnostic import run_diagnostic
from cape.diagnostics._loss_ladders import ABOVE_TURN, GAMMA_SIGN
from cape.diagnostics.loss_blindness import DIAGNOSTIC
from cape.errors import NotEnoughDataError
from cape.figures.theme import THEMES
from cape.lake import Lake, LakePaths, build_lake
from cape.quantities import Result
from tests.diagnostics.planted import PANEL_COLUMNS, X, Y, _write

SIZES = np.array([0.07, 0.16, 0.41, 1.0, 1.4, 2.8, 6.9, 12.0])
NOISE = np.array([0.004, -0.006, 0.002, 0.003, -0.004, 0.005, -0.003, -0.001])
TURN_B = 2.0
PYTHIA = ("70m", "160m", "410m", "1b", "1.4b", "2.8b", "6.9b", "12b")
SMOOTH, SHIFTED, MISPRINT = "Smooth: pile_test_xent", "Shifted: pile_test_xent", "Misprint: pile_test_xent"


def law(sizes_b: np.ndarray) -> np.ndarray:
    return 1.4 + 0.45 * sizes_b**-0.25


def gammas(family: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores that rise by 10 on the first benchmark; gamma turns at TURN_B in family Shifted, else it stays below 0."""
    steps = np.where(SIZES[1:] > TURN_B, 0.5, -0.5) if family == "Shifted" else np.full(7, -0.4)
    return 10 + 10.0 * np.arange(8), 50 + np.concatenate([[0], np.cumsum(10 * steps)])


def planted_rows() -> dict[str, list[tuple]]:
    losses = {"Smooth": law(SIZES) + NOISE, "Shifted": law(SIZES) + NOISE - 0.2 * (SIZES > TURN_B)}
    losses["Misprint"] = law(SIZES) + NOISE + 0.1 * (np.arange(8) == 4)
    rows: dict[str, list[tuple]] = {"scores": [], "models": [], "losses": [], "gradients": []}
    for family, column in losses.items():
        x, y = gammas(family)
        for i, size in enumerate(SIZES):
            model = f"{family.lower()}-{i}"
            rows["models"].append((model, family, size))
            rows["scores"] += [(model, "hellaswag", "", x[i], 0.2), (model, "truthfulqa", "mc2", y[i], 0.2)]
            note = "probable typo" if family == "Misprint" and i == 4 else ""
            rows["losses"].append((model, "pile_test_xent", round(float(column[i]), 6), "nats/token", note))
    for name, size in zip(PYTHIA[:6], SIZES[:6], strict=True):
        model, loss = f"pythia-{name}", float(law(np.array(size)))
        rows["models"].append((model, "Pythia", size))
        rows["losses"].append((model, "pile_test_xent", loss, "nats/token", ""))
        dip = 0.6 if name == "1b" else 1.0
        rows["gradients"].append((model, "grad_norm_mean", dip * 5 * loss**3, f"device={name[-1]}"))
    return rows


@pytest.fixture(scope="module")
def losses(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    root = tmp_path_factory.mktemp("losses") / "lake"
    (root / "raw").mkdir(parents=True)
    for name in ("benchmarks", "claims"):
        (root / f"{name}.csv").write_bytes((lake_paths.root / f"{name}.csv").read_bytes())
    (root / "panels.csv").write_text(f"{PANEL_COLUMNS}\nauthor,planted,Planted,,{X},{Y},0,0\n", encoding="utf-8")
    rows = planted_rows()
    columns = {
        "scores": ("model_id", "benchmark", "variant", "score", "stderr"),
        "models": ("model_id", "family", "params_b"),
        "losses": ("model_id", "quantity", "value", "unit", "notes"),
        "gradients": ("model_id", "quantity", "value", "notes"),
    }
    tables = {name: (columns[name], rows[name]) for name in columns}
    _write(root / "raw" / "planted", tables, is_printed=False)
    build_lake(LakePaths(root))
    lake = Lake.open(LakePaths(root))
    yield lake
    lake.close()


def run(lake: Lake, **params: object) -> Result:
    return run_diagnostic(DIAGNOSTIC, {"turn_b": TURN_B, "resamples": 400, **params}, lake)


@pytest.fixture(scope="module")
def result(losses: Lake) -> Result:
    return run(losses)


# planted answers


def test_a_planted_law_is_recovered_within_its_interval(result: Result) -> None:
    alpha = result.estimate("loss_exponent", SMOOTH)
    assert alpha.low < 0.25 < alpha.high
    assert result.estimate("loss_floor", SMOOTH).value == pytest.approx(1.4, abs=0.05)
    assert result.estimate("loss_r2", SMOOTH).value > 0.999
    assert result.estimate("size_span", SMOOTH).value == pytest.approx(np.log10(12 / 0.07))


def test_a_shift_at_the_turn_is_seen_and_its_absence_too(result: Result) -> None:
    shifted = result.estimate("loss_shift", f"{SHIFTED}: {ABOVE_TURN}")
    assert shifted.low < -0.2 < shifted.high < 0
    smooth = result.estimate("loss_shift", f"{SMOOTH}: {ABOVE_TURN}")
    assert smooth.low < 0 < smooth.high
    assert result.estimate("p_place", SHIFTED).value == pytest.approx(1 / 7)
    words = " ".join(result.sentences)
    assert f"loss of {SHIFTED} lies {shifted.value:+.3f} nats/token" in words and "excludes zero" in words


def test_where_gamma_turns_with_the_loss_its_sign_tells_the_shift(result: Result) -> None:
    by_sign = result.estimate("loss_shift", f"{SHIFTED}: {GAMMA_SIGN}")
    assert by_sign.value == pytest.approx(result.estimate("loss_shift", f"{SHIFTED}: {ABOVE_TURN}").value)


def test_a_gamma_of_one_sign_leaves_nothing_to_see(result: Result) -> None:
    found = result.estimate("loss_shift", f"{SMOOTH}: {GAMMA_SIGN}")
    assert found.value is None
    assert "positive at 0 sizes and negative at 8" in found.caveats[0]
    r = result.estimate("r_loss_gamma", SMOOTH)
    assert r.value is None and "does not vary" in r.caveats[0]


def test_a_misprint_is_measured_and_left_out_beside(result: Result) -> None:
    gap = result.estimate("loss_row_gap", f"{MISPRINT}: misprint-4")
    assert gap.low < 0.1 < gap.high and gap.low > 0
    without = f"{MISPRINT} without misprint-4"
    assert result.estimate("loss_r2", without).value > result.estimate("loss_r2", MISPRINT).value
    assert result.estimate("loss_exponent", without).n == 7
    table = result.table("losses").frame
    assert table.filter(ladder=MISPRINT)["is_suspect"].sum() == 1
    assert table.filter(ladder=without)["is_suspect"].sum() == 0


def test_a_planted_gradient_power_and_dip_are_recovered(result: Result) -> None:
    label = "grad_norm_mean on pile_test_xent"
    assert result.estimate("gradient_exponent", f"{label} without pythia-1b").value == pytest.approx(3.0)
    assert result.estimate("gradient_dip", f"{label}: pythia-1b out of the line").value == pytest.approx(-40.0)
    within = result.estimate("gradient_dip", f"{label}: pythia-1b in the line")
    assert -40 < within.value < 0 and within.low is None
    caveats = result.estimate("gradient_exponent", label).caveats
    assert any("different conditions" in caveat for caveat in caveats)


# independent implementation


def test_the_law_is_scipys(result: Result) -> None:
    centre = np.exp(np.log(SIZES).mean())
    loss = law(SIZES) + NOISE
    best, _ = scipy.optimize.curve_fit(
        lambda n, floor, scale, alpha: floor + scale * (n / centre) ** -alpha, SIZES, loss, p0=[1.5, 0.5, 0.3]
    )
    assert result.estimate("loss_exponent", SMOOTH).value == pytest.approx(best[2], rel=1e-3)
    assert result.estimate("loss_floor", SMOOTH).value == pytest.approx(best[0], abs=1e-3)
    fitted = best[0] + best[1] * (SIZES / centre) ** -best[2]
    error = result.estimate("prediction_error", f"L0: {SMOOTH}, in sample")
    assert error.value == pytest.approx(100 * np.mean(np.abs(fitted / loss - 1)), rel=1e-2)


def test_the_places_table_holds_one_shift_per_gap_and_marks_the_turn(result: Result) -> None:
    rows = result.table("places").frame.filter(ladder=SHIFTED)
    assert rows.height == 7 and rows["is_turn"].sum() == 1
    marked = rows.filter("is_turn")
    assert marked["position"].item() == pytest.approx(np.sqrt(1.4e9 * 2.8e9))
    assert marked["value"].item() == result.estimate("loss_shift", f"{SHIFTED}: {ABOVE_TURN}").value


def test_the_gradient_exponent_in_size_is_minus_polyfits_slope(result: Result) -> None:
    norms = 5 * law(SIZES[:6]) ** 3 * np.where(np.arange(6) == 3, 0.6, 1.0)
    slope = np.polyfit(np.log(SIZES[:6]), np.log(norms), 1)[0]
    beta = result.estimate("gradient_beta", "grad_norm_mean on N")
    assert beta.value == pytest.approx(-slope) and beta.low < beta.value < beta.high


# edge cases


def test_a_law_without_error_leaves_no_ratio_of_errors(result: Result) -> None:
    found = result.estimate("prediction_error_ratio", "L1 over L0: N^-(alpha+1), measured losses")
    assert found.value is None and "no error to compare with" in found.caveats[0]


def test_one_family_with_losses_is_shown_alone(losses: Lake) -> None:
    alone = run(losses, family="Smooth").table("losses").frame["ladder"].unique().to_list()
    assert alone == [SMOOTH]


def test_a_family_without_losses_shows_all_ladders_and_says_so(lake: Lake) -> None:
    result = run_diagnostic(DIAGNOSTIC, {"family": "OPT", "resamples": 200}, lake)
    assert result.sentences[0].startswith("OPT has no losses")
    assert result.table("losses").frame["ladder"].n_unique() > 3


def test_a_panel_without_these_models_has_no_gamma_and_says_so(lake: Lake) -> None:
    result = run_diagnostic(DIAGNOSTIC, {"panel": "frontier", "resamples": 200}, lake)
    assert result.sentences[0].startswith("Panel frontier has no gamma")
    assert not [e for e in result.estimates if e.symbol == "r_loss_gamma"]
    assert not [e for e in result.estimates if e.label.startswith(("L3", "L4"))]


def test_a_turn_above_every_size_has_no_shift(losses: Lake) -> None:
    found = run(losses, turn_b=100.0).estimate("loss_shift", f"{SMOOTH}: {ABOVE_TURN}")
    assert found.value is None and "one value" in found.caveats[0]


def test_without_the_papers_rows_there_is_no_default_turn(losses: Lake) -> None:
    result = run(losses, turn_b=0.0)
    assert not [e for e in result.estimates if e.symbol == "loss_shift" and e.label.endswith(ABOVE_TURN)]


def test_a_phase_with_two_steps_has_no_arrhenius_constant(lake: Lake) -> None:
    result = run_diagnostic(DIAGNOSTIC, {"panel": "independent", "resamples": 200}, lake)
    found = result.estimate("arrhenius_c", "Pythia-deduped: transition, steps")
    assert found.value is None and "0 degrees of freedom" in found.caveats[0]
    assert result.estimate("arrhenius_ratio", "Pythia-deduped: steps").value is None


def test_a_lake_without_losses_is_refused(planted: Lake) -> None:
    with pytest.raises(NotEnoughDataError, match="no ladder of losses"):
        run_diagnostic(DIAGNOSTIC, {}, planted)


@pytest.mark.parametrize("theme", THEMES)
def test_the_figures_draw_their_tables(result: Result, theme: str) -> None:
    drawn = {panel.name: panel.figure(result, theme) for panel in DIAGNOSTIC.panels}
    table = result.table("losses").frame
    points = [y for trace in drawn["laws"].data if trace.mode == "markers" for y in trace.y]
    assert len(points) == table.height + table["is_suspect"].sum()
    assert sum(len(trace.y) for trace in drawn["residuals"].data) == table.height
    assert sum(len(trace.y) for trace in drawn["places"].data) == result.table("places").frame["value"].count()
    assert "nats/token" in drawn["laws"].layout.yaxis.title.text
    assert "%" in drawn["prediction_chain"].layout.xaxis.title.text


# the shipped lake


def test_every_wired_part_is_a_part_of_its_claim(lake: Lake) -> None:
    rows = {row["claim_id"]: row for row in lake.read("mart_claims_as_printed").iter_rows(named=True)}
    for settles in DIAGNOSTIC.claims:
        names = {part.name for part in parse_parts(settles.claim_id, rows[settles.claim_id]["parts"])}
        for side in (settles.reproduced, settles.supported):
            assert (side.undefined and not side.answers) or set(side.answers) == names


def test_every_wired_answer_exists_on_the_shipped_lake(lake: Lake) -> None:
    results: dict[str, Result] = {}
    for settles in DIAGNOSTIC.claims:
        for side in (settles.reproduced, settles.supported):
            if side.undefined:
                continue
            panel = str(side.params.get("panel", "author"))
            if panel not in results:
                results[panel] = run_diagnostic(DIAGNOSTIC, {**side.params, "resamples": 200}, lake)
            for answer in side.answers.values():
                assert ledger._find(results[panel], answer) is not None, (settles.claim_id, answer.label)
            for symbol, label in side.context:
                assert results[panel].estimate(symbol, label).method


def test_six_gradient_norms_do_not_tell_the_two_forms_apart(lake: Lake) -> None:
    """The reason that the ledger gives for GRA-14 holds as long as this does."""
    result = run_diagnostic(DIAGNOSTIC, {"resamples": 2000}, lake)
    ratios = [e for e in result.estimates if e.symbol == "form_error_ratio"]
    assert ratios and all(e.low < 1 < e.high for e in ratios)


def test_the_chain_shows_the_printed_error_of_each_level(lake: Lake) -> None:
    chain = run_diagnostic(DIAGNOSTIC, {"resamples": 200}, lake).table("chain").frame
    assert chain["level"].unique().sort().to_list() == ["L0", "L1", "L2", "L3", "L4"]
    assert chain["printed"].null_count() == 0
