"""Every figure draws exactly its table, in both themes, and says so in words when there is nothing to draw."""

from __future__ import annotations

import re

import plotly.graph_objects as go
import pytest

from cape.figures import theme as look
from cape.figures.coupling import TRANSITION_WIDTH, gamma_by_size
from cape.figures.critical_scale import MOST_ROWS, turning_points
from cape.figures.data import MOST_CONFLICTS, conflict_figure
from cape.figures.overview import phase_strip
from cape.figures.phase_diagram import MOST_LABELS, score_plane
from cape.figures.specification import specification_figure
from cape.quantities import Phase
from tests.figures.planted import (
    CASES,
    CONFLICT,
    NEXT,
    NO_TURN,
    PAPER,
    PAPER_CHOICE,
    POINT,
    POPULATION,
    SEGMENTS,
    SPECIFICATION,
    STEP,
    TURN,
    emptied,
    nulled,
    result_of,
)


def drawn(figure: go.Figure, axis: str = "y", *, mode: str = "markers") -> list:
    """Return the numbers on one axis of every scatter trace of a mode, in order of drawing, without gaps."""
    traces = [t for t in figure.data if t.type == "scatter" and t.mode == mode]
    return [value for trace in traces for value in trace[axis] if value is not None]


def words(figure: go.Figure) -> str:
    return " ".join(a.text.replace("<br>", " ") for a in figure.layout.annotations)


def make(name: str, theme: str = "light") -> go.Figure:
    figure, tables = CASES[name]
    return figure(result_of(tables), theme)


@pytest.mark.parametrize("theme", look.THEMES)
@pytest.mark.parametrize("name", CASES)
def test_a_figure_is_complete_in_both_themes(name: str, theme: str) -> None:
    figure = make(name, theme)
    assert figure.layout.template == look.TEMPLATES[theme]
    assert figure.layout.title.text is None
    assert figure.layout.height > 0
    for trace in figure.data:
        assert trace.hoverinfo == "skip" or trace.hovertemplate == "%{hovertext}<extra></extra>"
    assert go.Figure(figure.to_dict()).to_json()


@pytest.mark.parametrize("theme", look.THEMES)
@pytest.mark.parametrize("name", CASES)
def test_an_empty_table_gives_a_sentence(name: str, theme: str) -> None:
    figure, tables = CASES[name]
    empty = figure(emptied(tables), theme)
    assert len(empty.data) == 0
    assert re.fullmatch(r"(No|An?) .*\.", words(empty))


@pytest.mark.parametrize("theme", look.THEMES)
@pytest.mark.parametrize("name", CASES)
def test_a_table_of_nulls_is_no_error_and_draws_no_estimate(name: str, theme: str) -> None:
    figure, tables = CASES[name]
    bare = figure(nulled(tables), theme)
    assert bare.to_json()
    for trace in bare.data:
        bars = [bar for bar in (trace["error_x"], trace["error_y"]) if bar.array] if trace.type == "scatter" else []
        assert all(value is None for bar in bars for value in bar.array)


@pytest.mark.parametrize("name", [name for name in CASES if name not in {"verdict_bars", "verdict_matrix", "coverage"}])
def test_one_row_and_many_rows_are_drawn(name: str) -> None:
    figure, tables = CASES[name]
    assert len(figure(result_of({n: rows[:1] for n, rows in tables.items()}), "light").data) > 0
    assert len(figure(result_of({n: rows * 120 for n, rows in tables.items()}), "light").data) > 0


def test_gamma_by_size_draws_every_defined_gamma_with_its_interval() -> None:
    figure = make("gamma_by_size")
    traces = {t.legendgroup: t for t in figure.data if t.error_y.array is not None}
    tax, bonus = traces["tax"], traces["bonus"]
    assert (list(tax.x), list(tax.y)) == ([STEP["position_mid"]], [STEP["gamma"]])
    assert tax.error_y.array[0] == pytest.approx(STEP["gamma_high"] - STEP["gamma"])
    assert tax.error_y.arrayminus[0] == pytest.approx(STEP["gamma"] - STEP["gamma_low"])
    assert (list(bonus.y), list(bonus.error_y.array)) == ([NEXT["gamma"]], [None])
    assert "1 of 3 steps have no defined gamma" in words(figure)
    assert {shape.y0 for shape in figure.layout.shapes} == {-TRANSITION_WIDTH, TRANSITION_WIDTH}
    assert tax.marker.symbol != bonus.marker.symbol


def test_gamma_by_size_draws_the_null_range_on_both_sides_of_zero() -> None:
    null = next(t for t in make("gamma_by_size").data if t.name == "if the second benchmark stood still")
    assert null.y[:2] == (-STEP["null_high"], STEP["null_high"])
    assert null.x[:2] == (STEP["position_mid"], STEP["position_mid"])


def test_gamma_by_size_keeps_and_counts_what_the_view_leaves_out() -> None:
    rows = [STEP | {"gamma": v, "gamma_low": v - 0.1, "gamma_high": v + 0.1} for v in (*[0.1, 0.2, 0.3] * 5, 500.0)]
    figure = gamma_by_size(result_of({"steps": rows}), "light")
    assert 500.0 in drawn(figure)
    assert figure.layout.yaxis.range[1] < 500
    assert "Outside the view: 1 of 16 steps (from 500 to 500) and an end of 1 interval" in words(figure)


def test_gamma_by_size_draws_a_second_ladder_apart() -> None:
    figure = make("gamma_by_size_compared")
    compared = [t for t in figure.data if t.name and t.name.startswith("compared:")]
    assert [list(t.y) for t in compared] == [[NEXT["gamma"]]]
    assert compared[0].marker.color == look.SERIES["compared"].light
    assert compared[0].marker.symbol == "triangle-up-open-dot"


def test_a_family_line_breaks_where_gamma_is_undefined() -> None:
    middle = NEXT | {"gamma": None, "gamma_low": None, "phase": "none"}
    last = NEXT | {"models_from": "c", "models_to": "d"}
    figure = gamma_by_size(result_of({"steps": [STEP, middle, last]}), "light")
    assert "steps of one family" not in [t.name for t in figure.data]
    assert "steps of one family" in [t.name for t in make("gamma_by_size").data]


def test_gamma_quadrants_draws_both_changes() -> None:
    figure = make("gamma_quadrants")
    assert sorted(drawn(figure, "x")) == [4.0, 4.0, 4.0]
    assert sorted(drawn(figure)) == [-2.0, -2.0, 3.0]
    assert len(figure.layout.shapes) == 4


def test_score_plane_draws_points_standard_errors_and_segments_by_phase() -> None:
    figure = make("score_plane")
    assert sorted(drawn(figure, "x")) == [45.0, 50.0]
    point = next(t for t in figure.data if t.mode == "markers" and t.legendgroup == "undetermined")
    assert (point.error_x.array, point.error_y.array) == ((0.5,), (1.7,))
    tax = next(t for t in figure.data if t.mode == "lines" and t.legendgroup == "tax")
    assert (tax.x, tax.y) == ((30.0, 34.0, None), (40.0, 38.0, None))
    assert tax.line.dash == look.PHASE_STYLES[Phase.TAX].dash


def test_score_by_size_counts_the_models_without_a_size() -> None:
    figure = make("score_by_size")
    assert drawn(figure, "x") == [1e9]
    assert "1 of 2 models have no public size" in words(figure)


def test_family_names_are_written_only_where_they_fit() -> None:
    few = [POINT | {"family": f"family {i}", "y_pct": 30.0 + i} for i in range(MOST_LABELS)]
    many = [*few, POINT | {"family": "one more"}]
    for rows, count in ((few, MOST_LABELS), (many, 0)):
        figure = score_plane(result_of({"points": rows} | SEGMENTS), "light")
        assert sum("family" in a.text for a in figure.layout.annotations) == count


def test_turning_points_draws_values_intervals_and_open_sides() -> None:
    figure = make("turning_points")
    traces = {t.name: t for t in figure.data}
    family = traces["one family"]
    assert (family.x, family.error_x.array, family.error_x.arrayminus) == ((3.0,), (6.0,), (1.0,))
    assert traces["population"].error_x.array == (None,)
    assert traces["unbounded to the right"].x[0] == POPULATION["value"]
    assert "outside the data" in traces["no N_c"].text[0]
    assert figure.layout.yaxis.ticktext[0] == POPULATION["label"]
    assert figure.layout.yaxis.ticktext[1] == PAPER["label"]


def test_many_turning_points_without_a_value_become_one_sentence() -> None:
    rows = [TURN] + [NO_TURN] * MOST_ROWS
    figure = turning_points(result_of({"turning_points": rows}), "light")
    assert len(figure.layout.yaxis.ticktext) == 1
    assert f"{MOST_ROWS} of {MOST_ROWS + 1} rows have no N_c: outside the data {MOST_ROWS}." in words(figure)


def test_gamma_with_turning_points_draws_n_c_in_parameters() -> None:
    figure = make("gamma_with_turning_points")
    lines = {t.name: t for t in figure.data if t.name and t.name.startswith("N_c")}
    assert lines["N_c, population: logistic in log10 N"].x == (5e9, 5e9)
    assert lines["N_c, paper mode: pooled, not Pythia"].x == (4e9, 4e9)
    band = next(s for s in figure.layout.shapes if s.type == "rect")
    assert (band.x0, band.x1) == (1.5e9, 10 ** figure.layout.xaxis.range[1])


def test_specification_figure_draws_values_choices_and_the_papers_choice() -> None:
    figure = make("specification_figure")
    values, paper = figure.data[1], figure.data[2]
    assert (values.x, values.y) == ((1, 2), (0.2, 0.6))
    assert (paper.x, paper.y, paper.name) == ((2,), (0.6,), "the paper's choice")
    assert figure.data[0].y == (0.1, 0.4, None, 0.1, 1.05, None)
    assert len(figure.data[3].x) == 6
    assert "1 of 3 specifications give no value" in words(figure)
    assert figure.layout.yaxis.range == (-1.05, 1.05)


def test_specification_figure_of_n_c_has_a_log_axis() -> None:
    figure = specification_figure(
        result_of({"specifications": [SPECIFICATION, PAPER_CHOICE]}, diagnostic="critical_scale"), "light"
    )
    assert figure.layout.yaxis.type == "log"
    assert figure.data[1].y == (0.2, 0.6)


def test_correlations_draws_the_null_as_a_band() -> None:
    figure = make("correlations")
    assert drawn(figure, "x") == [-0.4, 0.1]
    assert figure.data[0].error_x.array[0] == pytest.approx(0.5)
    assert [(s.x0, s.x1) for s in figure.layout.shapes] == [(-0.3, 0.5)]


def test_null_distribution_draws_counts_in_their_bins() -> None:
    bars, line = make("null_distribution").data
    assert (bars.x, bars.y, bars.offset) == ((-0.02, 0.0), (40, 7), 0)
    assert bars.width == pytest.approx((0.02, 0.02))
    assert line.x == (-0.31, -0.31)


def test_residual_plane_draws_residuals_and_counts_the_rest() -> None:
    figure = make("residual_plane")
    assert (drawn(figure, "x"), drawn(figure)) == ([0.3], [-0.4])
    assert "1 of 2 models have no residual" in words(figure)


def test_phase_strip_draws_each_step_from_size_to_size_largest_family_first() -> None:
    other = STEP | {"family": "large", "position_to": 1e12}
    figure = phase_strip(result_of({"strip": [STEP, NEXT, other]}), "light")
    assert figure.layout.yaxis.ticktext[0] == "large"
    bonus = next(t for t in figure.data if t.mode == "lines" and t.legendgroup == "bonus")
    assert (bonus.x, bonus.y) == ((1e9, 1e10, None), (1, 1, None))
    mark = next(t for t in figure.data if t.mode == "markers" and t.legendgroup == "bonus")
    assert mark.x == (NEXT["position_mid"],)


def test_verdict_bars_draws_counts_with_patterns() -> None:
    agrees, disagrees = make("verdict_bars").data
    assert (agrees.x, disagrees.x) == ((3, 0), (0, 2))
    assert agrees.marker.pattern.shape != disagrees.marker.pattern.shape


def test_verdict_matrix_and_coverage_write_their_counts() -> None:
    for name, count in (("verdict_matrix", 4), ("coverage", 58)):
        heat, texts = make(name).data
        written = dict(zip(zip(texts.x, texts.y, strict=True), texts.text, strict=True))
        assert (heat.z[0][0], written[0, 0]) == (count, str(count))


def test_conflict_figure_draws_every_source_and_marks_the_resolved_value() -> None:
    sources, resolved = make("conflict_figure").data[1:]
    assert (sources.x, sources.error_x.array) == ((30.0, 35.0), (0.4, 0.4))
    assert resolved.x == (35.0,)


def test_conflict_figure_shows_the_widest_and_says_how_many_there_are() -> None:
    rows = [CONFLICT | {"model_id": f"model {i}", "spread_pct": float(i)} for i in range(MOST_CONFLICTS + 5)]
    figure = conflict_figure(result_of({"conflicts": rows}), "light")
    assert figure.layout.yaxis.ticktext[0] == f"model {MOST_CONFLICTS + 4}, mmlu"
    assert f"The {MOST_CONFLICTS} widest of {MOST_CONFLICTS + 5} disagreements" in words(figure)
