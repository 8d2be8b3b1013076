"""Flow geometry: planted flows and curation, printed constants against arithmetic by hand, and the wiring."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from cape import ledger
from cape.claims import parse_parts
from cape.diagnostics._diagnostic import run_diagnostic
from cape.diagnostics._dictionary import DICTIONARY, LEVERS
from cape.diagnostics._printed_constants import RELATIONS, consistencies, constant_sentence, printed_constants
from cape.diagnostics.flow_geometry import DIAGNOSTIC
from cape.errors import NotEnoughDataError
from cape.figures import theme as look
from cape.lake import Lake, LakePaths
from cape.quantities import Result, Table
from tests.diagnostics.planted import X, Y, build, ladder, with_gammas

DECADES = tuple(10.0 ** np.linspace(-1, 2, 9))


def relaxing(family: str, start: float, *, star: float = 0.6, rate: float = -1.0) -> list[dict[str, Any]]:
    """A ladder whose gamma relaxes exactly: g' - g = rate (mean - star) times the distance of the mid-points."""
    gap = np.diff(np.log10(DECADES)).mean()
    gammas = [start]
    for _ in range(len(DECADES) - 2):
        g = gammas[-1]
        gammas.append((g * (1 + rate * gap / 2) - rate * gap * star) / (1 - rate * gap / 2))
    step = 5.0
    x = [20 + step * i for i in range(len(DECADES))]
    y = [40.0, *(40 + step * total for total in np.cumsum(gammas).tolist())]
    return ladder(family, DECADES, x, y, se=0.02)


@pytest.fixture(scope="module")
def flowing(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    sources = {
        "planted": [row for name, g in (("A", -1.0), ("B", -0.3), ("C", 1.8), ("D", 1.2)) for row in relaxing(name, g)],
        "short": [*with_gammas("Pair", (0.5,), sizes=(1, 3))],
        "alone": [*ladder("Single", (1.0,), (50,), (50,))],
    }
    lake = build(
        tmp_path_factory.mktemp("flowing") / "lake", lake_paths.root, sources, [f"author,planted,Planted,,{X},{Y},0,0"]
    )
    yield lake
    lake.close()


@pytest.fixture(scope="module")
def flow(flowing: Lake) -> Result:
    return run_diagnostic(DIAGNOSTIC, {"weights": "equal", "resamples": 300}, flowing)


@pytest.fixture(scope="module")
def shipped(lake: Lake) -> Callable[..., Result]:
    kept: dict[tuple, Result] = {}

    def call(**params: Any) -> Result:
        key = tuple(sorted(params.items()))
        if key not in kept:
            kept[key] = run_diagnostic(DIAGNOSTIC, {"resamples": 300, **params}, lake)
        return kept[key]

    return call


def test_a_planted_fixed_point_is_found_stable_and_beyond_noise(flow: Result) -> None:
    star = flow.estimate("gamma_star", "pooled: author, linear: zero")
    assert star.value == pytest.approx(0.6, abs=1e-6)
    assert star.caveats[-1].startswith("stable")
    assert flow.estimate("beta_slope", "pooled: author, linear").value == pytest.approx(-1.0, abs=1e-6)
    assert flow.estimate("beta_r2", "pooled: author, linear").value == pytest.approx(1.0)
    assert flow.estimate("p_beta", "pooled: author, linear").value < 0.01


def test_every_ladder_has_its_own_fit_and_the_family_page_shows_one(flow: Result, flowing: Lake) -> None:
    for name in "ABCD":
        assert flow.estimate("gamma_star", f"{name}, linear: zero").value == pytest.approx(0.6, abs=1e-6)
    one = run_diagnostic(DIAGNOSTIC, {"family": "A", "weights": "equal", "resamples": 300}, flowing)
    assert not [e for e in one.estimates if e.label.startswith("pooled")]
    assert "A" in one.sentences[0]


def test_the_line_of_every_gamma_is_numpys(flow: Result, flowing: Lake) -> None:
    rows = flowing.read("mart_gamma", panel="author", x=X, y=Y)
    slope, intercept = np.polyfit(np.log10(rows["position_mid"].to_numpy()), rows["gamma"].to_numpy(), 1)
    assert flow.estimate("gamma_line_slope", "pooled: author").value == pytest.approx(slope)
    assert flow.estimate("gamma_line_intercept", "pooled: author").value == pytest.approx(intercept)
    running = flow.table("running").frame
    assert running["line_residual"].to_list() == pytest.approx((running["gamma"] - running["line"]).to_list())
    assert flow.estimate("n_gamma", "pooled: author").value == rows.height


def test_a_rate_above_n_c_says_so_when_there_is_none(flowing: Lake) -> None:
    found = run_diagnostic(DIAGNOSTIC, {"panel": "short", "resamples": 300}, flowing)
    rates = [e for e in found.estimates if e.symbol == "locked_rate"]
    assert rates and all(e.value is None for e in rates)
    assert found.estimate("h_c", "at 1 B").value is None
    assert "too few intervals" in found.sentences[0]


def test_one_model_is_refused(flowing: Lake) -> None:
    with pytest.raises(NotEnoughDataError, match="no two sizes of one family"):
        run_diagnostic(DIAGNOSTIC, {"panel": "alone"}, flowing)


def test_h_c_is_the_formula_at_the_n_c_it_states(shipped: Callable[..., Result]) -> None:
    found = shipped(panel="independent", size_b=2.0)
    n_c = found.estimate("N_c", "used for h_c: logistic in log10 N")
    field = found.estimate("h_c", "at 2 B")
    for end in ("value", "low", "high"):
        size = getattr(n_c, end)
        assert getattr(field, end) == pytest.approx(100 * max(0.0, (size - 2) / size) ** 1.5)


def test_h_c_in_paper_mode_uses_the_papers_n_c(shipped: Callable[..., Result]) -> None:
    found = shipped(panel="author", n_c="the paper's recipe")
    assert found.estimate("h_c", "at 1 B").value == pytest.approx(60, abs=0.5)


def test_the_n_c_used_is_that_of_the_critical_scale_page(lake: Lake, shipped: Callable[..., Result]) -> None:
    from cape import diagnostics

    page = diagnostics.run("critical_scale", {"panel": "author", "resamples": 300, "curve": "no curve"}, lake)
    theirs = page.estimate("N_c", "population: logistic in log10 N")
    mine = shipped(panel="author").estimate("N_c", "used for h_c: logistic in log10 N")
    assert (mine.value, mine.low, mine.high) == pytest.approx((theirs.value, theirs.low, theirs.high))


def test_the_papers_curve_of_h_is_numpys_quadratic_of_its_rows(lake: Lake, shipped: Callable[..., Result]) -> None:
    rows = lake.read("mart_pairs", panel="amin-lit-bootstrap", x=X, y="truthfulqa_as_printed")
    curve = np.polyfit(np.log10(rows["position"].to_numpy()), rows["y_pct"].to_numpy(), 2)
    phi = lake.read("mart_pairs", panel="author", x=X, y="truthfulqa_as_printed").filter(pl.col("model_id") == "phi-2")
    expected = phi["y_pct"][0] - np.polyval(curve, np.log10(phi["position"][0]))
    found = shipped(panel="author").estimate("h_curation", "phi-2, the paper's curve")
    assert found.value == pytest.approx(expected, abs=1e-6)


def test_the_printed_angle_crosses_zero_once_and_turns_by_its_arctangents(
    shipped: Callable[..., Result], lake: Lake
) -> None:
    rows = lake.read("mart_printed_series", series_group="fig_topology", series_key="theta")
    rows = rows.with_columns(pl.col("x").cast(pl.Float64)).sort("x")
    theta, size = rows["y"].to_numpy(), np.log10(rows["x"].to_numpy())
    found = shipped(panel="author")
    assert found.estimate("winding", "printed theta").value == np.sum(theta[1:] * theta[:-1] < 0) / 2
    turn = math.degrees(math.atan(theta[-1]) - math.atan(theta[0]))
    assert found.estimate("e2_rotation", "printed theta").value == pytest.approx(turn)
    assert found.estimate("e2_rotation_pi", "printed theta").value == pytest.approx(turn / 180)
    i = int(np.flatnonzero(theta[1:] * theta[:-1] < 0)[0])
    zero = np.interp(0.0, [theta[i + 1], theta[i]], [size[i + 1], size[i]])
    assert found.estimate("N_e2_zero", "printed theta").value == pytest.approx(10 ** (zero - 9))


def test_the_riccati_equation_through_the_print_is_numpys(shipped: Callable[..., Result], lake: Lake) -> None:
    rows = lake.read("mart_printed_series", series_group="fig_topology", series_key="theta")
    rows = rows.with_columns(pl.col("x").cast(pl.Float64)).sort("x")
    theta, size = np.arctan(rows["y"].to_numpy()), np.log10(rows["x"].to_numpy())
    fit = np.polyfit((theta[1:] + theta[:-1]) / 2, np.diff(theta) / np.diff(size), 2)
    stable = min(np.roots(fit).real, key=lambda root: np.polyval(np.polyder(fit), root))
    found = shipped(panel="author")
    assert found.estimate("theta_star", "printed theta: stable").value == pytest.approx(stable)
    assert found.estimate("sin_theta_star", "printed theta: stable").value == pytest.approx(math.sin(stable))


def test_relations_among_printed_constants_equal_arithmetic_by_hand(lake: Lake) -> None:
    constants = printed_constants(lake.read)
    number = {key: float(part.value) for key, part in constants.items()}  # type: ignore[arg-type]
    found = {item.relation.statement: item for item in consistencies(constants)}
    assert len(found) == len(RELATIONS)
    line = found["zero of the printed line of gamma"]
    assert line.derived == pytest.approx(10 ** (-number["NC-21", "intercept"] / number["NC-21", "slope"]) / 1e9)
    assert not line.agrees
    kink = found["zero of the printed kink"]
    amplitude, centre, width, offset = (number["PHY-11", n] for n in ("amplitude", "centre", "width", "offset"))
    at = math.log10(kink.derived * 1e9)
    assert amplitude * math.tanh((at - centre) / width) + offset == pytest.approx(0, abs=1e-9)
    assert not kink.agrees and found["centre of the printed kink"].agrees
    root = found["stable zero of the printed beta function"].derived
    c2, c1, c0 = (number["PHY-09", n] for n in ("quadratic", "linear", "constant"))
    assert c2 * root**2 + c1 * root + c0 == pytest.approx(0, abs=1e-9)
    assert 2 * c2 * root + c1 < 0
    needed = found["N_c that the printed h_c at 1 B needs"].derived
    assert 100 * (1 - 1 / needed) ** 1.5 == pytest.approx(number["PHY-20", "at_1b"])


def test_a_relation_follows_the_ledger_and_not_a_typed_number(lake: Lake) -> None:
    constants = dict(printed_constants(lake.read))
    slope = constants["NC-21", "slope"]
    moved = type(slope)(name=slope.name, kind=slope.kind, value=float(slope.value) * 2, decimals=slope.decimals)  # type: ignore[arg-type]
    found = {i.relation.statement: i for i in consistencies({**constants, ("NC-21", "slope"): moved})}
    before = {i.relation.statement: i for i in consistencies(constants)}
    name = "zero of the printed line of gamma"
    assert found[name].derived != pytest.approx(before[name].derived)


def test_relations_whose_numbers_the_ledger_lacks_are_left_out() -> None:
    assert consistencies({}) == []
    assert constant_sentence([]) == "The ledger holds no printed constants to compare."


def test_the_dictionary_and_the_levers_name_their_source(flow: Result) -> None:
    assert flow.table("dictionary").frame.height == len(DICTIONARY)
    assert flow.table("levers").frame.height == len(LEVERS)
    for record in (*DICTIONARY, *LEVERS):
        assert record.source.startswith(("dashboard", "paper"))
        assert record.measured_by


@pytest.mark.parametrize("theme", look.THEMES)
def test_figures_draw_their_tables(flow: Result, theme: str) -> None:
    figures = {panel.name: panel.figure(flow, theme) for panel in DIAGNOSTIC.panels if panel.figure is not None}
    assert len(figures["running"].data[0].x) == flow.table("running").frame.height
    assert len(figures["beta"].data[0].x) == flow.table("rates").frame.height
    assert "of ladders whose gamma does not run" in " ".join(
        a.text.replace("<br>", " ") for a in figures["beta"].layout.annotations
    )
    forest = flow.table("fixed_points").frame
    drawn = sum(len(trace.x) for trace in figures["fixed_points"].data)
    assert drawn == forest.height
    assert figures["angles"].layout.annotations[0].text.startswith("No printed series")
    for name in ("running", "beta", "field"):
        assert figures[name].layout.xaxis.title.text and figures[name].layout.yaxis.title.text


def test_the_angle_figure_draws_the_print_and_its_fixed_points(shipped: Callable[..., Result]) -> None:
    found = shipped(panel="author")
    figure = next(panel for panel in DIAGNOSTIC.panels if panel.name == "angles").figure(found, "light")  # type: ignore[misc]
    table = found.table("angles").frame
    assert list(figure.data[0].y) == table["theta"].to_list()
    assert {shape.y0 for shape in figure.layout.shapes} == {table["stable"][0], table["unstable"][0]}


def test_the_papers_recipe_without_its_rows_gives_no_h_c(flowing: Lake) -> None:
    found = run_diagnostic(DIAGNOSTIC, {"n_c": "the paper's recipe", "resamples": 300}, flowing)
    assert found.estimate("h_c", "at 1 B").value is None


def test_figures_of_nothing_are_a_sentence(flow: Result) -> None:
    tables = tuple(Table(name=t.name, title=t.title, frame=t.frame.clear(), units=t.units) for t in flow.tables)
    empty = Result(diagnostic="flow_geometry", params=flow.params, lake_version="", tables=tables)
    for panel in DIAGNOSTIC.panels:
        if panel.figure is not None:
            figure = panel.figure(empty, "light")
            assert len(figure.data) == 0 and figure.layout.annotations[0].text.startswith("No ")


def test_a_page_with_the_usual_resamples_is_quick(lake: Lake) -> None:
    run_diagnostic(DIAGNOSTIC, {"panel": "author", "resamples": 200}, lake)
    start = time.process_time()
    run_diagnostic(DIAGNOSTIC, {"panel": "author"}, lake)
    assert time.process_time() - start < 3.0  # about 0.7 s of one idle core


def _parts(lake: Lake, claim_id: str) -> tuple[Any, ...]:
    (row,) = lake.read("mart_claims_as_printed", claim_id=claim_id).iter_rows(named=True)
    return parse_parts(claim_id, row["parts"])


@pytest.mark.parametrize("claim_id", sorted({settles.claim_id for settles in DIAGNOSTIC.claims}))
def test_every_part_of_a_wired_claim_is_judged_on_both_sides(
    claim_id: str, lake: Lake, shipped: Callable[..., Result]
) -> None:
    class Runs(ledger.Runs):
        def get(self, slug: str, params: Any) -> Any:
            return shipped(**params)

    settled = [(DIAGNOSTIC, s) for s in DIAGNOSTIC.claims if s.claim_id == claim_id]
    row = ledger._judge_claim(claim_id, _parts(lake, claim_id), settled, Runs(lake))
    assert "open" not in (row["reproduced"], row["supported"])
    assert "defines no" not in row["parts"]
