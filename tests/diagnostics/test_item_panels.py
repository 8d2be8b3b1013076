"""Paired items on local_coupling and critical_scale: planted shrinkage, flips by category, and what would settle it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from cape import diagnostics
from cape.lake import Lake
from cape.quantities import Result
from cape.stats.coupling import classify_phase, gamma_interval
from cape.stats.power import POWER
from tests.diagnostics.planted import X, Y

N = 1000
SIZES = ("mine-1b", "mine-2b", "mine-4b", "mine-8b")
LABELS = tuple(f"Mine: {a} to {b}" for a, b in zip(SIZES, SIZES[1:], strict=False))


def planted_answers(means: tuple[float, ...], *, seed: int, n_odd_lost: int = 0) -> np.ndarray:
    """Right or wrong on N items, (n_models, N): an item is right from the model on whose mean exceeds its difficulty.

    A tenth of all answers are drawn anew for each model; n_odd_lost even items turn wrong at the last model.
    """
    rng = np.random.default_rng(seed)
    right = rng.random(N) < np.array(means)[:, None]
    anew = rng.random(right.shape) < 0.1
    right = np.where(anew, rng.random(right.shape) < np.array(means)[:, None], right)
    right[-1, : 2 * n_odd_lost : 2] = False
    return right.astype(float)


@pytest.fixture(scope="module")
def answers() -> dict[str, np.ndarray]:
    return {
        X: planted_answers((0.30, 0.40, 0.50, 0.60), seed=1),
        Y: planted_answers((0.45, 0.41, 0.42, 0.50), seed=2, n_odd_lost=60),
    }


def item_rows(answers: dict[str, np.ndarray]) -> pl.DataFrame:
    return pl.concat(
        pl.DataFrame({
            "model_id": model_id, "benchmark": name.split("_")[0], "variant": name.partition("_")[2] or None,
            "item_id": [f"q{i}" for i in range(N)], "value": values[place],
            "category": ["even" if i % 2 == 0 else "odd" for i in range(N)],
        }, schema_overrides={"variant": pl.String})
        for name, values in answers.items() for place, model_id in enumerate(SIZES)
    )  # fmt: skip


@pytest.fixture(scope="module")
def overlays(lake: Lake, answers: dict[str, np.ndarray]) -> Iterator[tuple[Lake, Lake]]:
    """The same scores with items and without."""
    items = item_rows(answers)
    scores = items.group_by("model_id", "benchmark", "variant", maintain_order=True).agg(
        (100 * pl.col("value").mean()).cast(pl.String).alias("score"), pl.len().cast(pl.String).alias("n_items")
    )
    models = pl.DataFrame({"model_id": SIZES, "family": "Mine", "params_b": ["1", "2", "4", "8"]})
    pair = tuple(lake.with_overlay(scores=scores, models=models, items=given) for given in (items, None))
    yield pair
    for one in pair:
        one.close()


def run(lake: Lake, slug: str = "local_coupling") -> Result:
    extra = {"curve": "no curve"} if slug == "critical_scale" else {}
    return diagnostics.run(slug, {"panel": "session", "x": X, "y": Y, "resamples": 2000, **extra}, lake)


def paired_variance(values: np.ndarray, step: int) -> float:
    """Bonett and Price's variance of a change in squared points, by hand."""
    change = values[step + 1] - values[step]
    gained, lost = ((change > 0).sum() + 1) / (N + 2), ((change < 0).sum() + 1) / (N + 2)
    return 10_000 * (gained + lost - (gained - lost) ** 2) / (N + 2)


def test_paired_errors_replace_those_of_the_scores_on_the_page(
    overlays: tuple[Lake, Lake], answers: dict[str, np.ndarray]
) -> None:
    with_items, without = (run(one) for one in overlays)
    for step, label in enumerate(LABELS):
        dx, dy = (100 * (answers[name][step + 1] - answers[name][step]).mean() for name in (X, Y))
        vx, vy = (paired_variance(answers[name], step) for name in (X, Y))
        expected = gamma_interval([dx], [dy], variance_x=[vx], variance_y=[vy])
        found, before = (result.estimate("gamma_12", label) for result in (with_items, without))
        assert (found.low, found.high) == pytest.approx((expected.fieller_low[0], expected.fieller_high[0]))
        assert found.value == before.value and found.high - found.low < 0.7 * (before.high - before.low)
        assert "paired items" in found.method and "scores' standard errors" in before.method
        change = with_items.estimate("delta_score", f"{label}, {X}")
        assert change.high - change.low == pytest.approx(2 * 1.959964 * np.sqrt(vx), rel=1e-5)
    rows = with_items.table("paired").frame
    ratio = with_items.estimate("se_ratio", "session: gamma_12")
    assert ratio.value == pytest.approx(np.median(rows["gamma_se"] / rows["gamma_se_unpaired"])) and ratio.n == 3
    assert f"{ratio.value:.2f} times" in " ".join(with_items.sentences)
    assert without.table("paired").frame.is_empty() and "results by item" in " ".join(without.sentences)


def test_n_c_of_a_family_is_drawn_with_paired_items(overlays: tuple[Lake, Lake]) -> None:
    label = "Mine: vertex of the quadratic"
    paired, single = (run(one, "critical_scale").estimate("N_c", label) for one in overlays)
    assert paired.value == single.value and "paired items" in paired.method and "paired" not in single.method
    spans = [np.log10((found.high or 8) / (found.low or 1)) for found in (paired, single)]
    assert spans[0] <= spans[1]


def test_flips_are_counted_by_category_and_tested_as_by_statsmodels(
    overlays: tuple[Lake, Lake], answers: dict[str, np.ndarray]
) -> None:
    result = run(overlays[0])
    rows = result.table("flips").frame
    for name, values in answers.items():
        whole = rows.filter((pl.col("benchmark") == name) & (pl.col("category") == "all items"))
        assert whole["label"].to_list() == list(LABELS)
        for step, row in enumerate(whole.iter_rows(named=True)):
            change = values[step + 1] - values[step]
            assert (row["n_gained"], row["n_lost"]) == (int((change > 0).sum()), int((change < 0).sum()))
            table = [[0, row["n_gained"]], [row["n_lost"], 0]]
            assert row["p_exact"] == pytest.approx(mcnemar(table, exact=True).pvalue)
    for is_whole in (True, False):
        part = rows.filter((pl.col("category") == "all items") == is_whole)
        assert part["q"].to_list() == pytest.approx(multipletests(part["p_exact"], method="fdr_bh")[1].tolist())
    last = rows.filter((pl.col("benchmark") == Y) & (pl.col("label") == LABELS[-1]))
    lost = dict(last.select("category", "n_lost").rows())
    assert lost["even"] > lost["odd"] + 15 and lost["even"] + lost["odd"] == lost["all items"]  # the planted category
    assert any("the category 'even'" in sentence for sentence in result.sentences)
    share = 100 * np.median([np.abs(np.diff(answers[X], axis=0))[step].mean() for step in range(3)])
    assert result.estimate("share_flipped", X).value == pytest.approx(share)


def test_replicates_of_a_step_are_added_up(lake: Lake) -> None:
    rows = diagnostics.run("local_coupling", {"panel": "organism", "family": "web"}, lake).table("flips").frame
    assert set(rows["n_replicates"]) == {4} and rows["label"].str.contains("web: ").all()
    flips = lake.read("mart_item_flips", panel="organism", family="web")
    assert rows["n_gained"].sum() == flips["n_gained"].sum()


def test_the_plan_settles_its_interval_as_often_as_it_says(overlays: tuple[Lake, Lake]) -> None:
    """Repeats at the planned items, by the interval and phase functions of the page."""
    result = run(overlays[1])
    plans = result.table("planning").frame.filter(pl.col("plan").is_in([X, Y]))
    steps = {row["label"]: row for row in result.table("steps").frame.iter_rows(named=True)}
    assert plans.height > 0
    for plan in plans.iter_rows(named=True):
        step, times = steps[plan["label"]], plan["plan_items"] / plan["items_now"]
        vx, vy = step["delta_x_se_pct"] ** 2, step["delta_y_se_pct"] ** 2
        vx, vy = (vx / times, vy) if plan["plan"] == X else (vx, vy / times)
        rng = np.random.default_rng(0)
        dx, dy = (rng.normal(step[f"delta_{a}_pct"], np.sqrt(v), 20_000) for a, v in (("x", vx), ("y", vy)))
        found = gamma_interval(dx, dy, variance_x=vx, variance_y=vy)
        phase = classify_phase(found.gamma, found.fieller_low, found.fieller_high)[1]
        settled = np.isin(phase, ("tax", "transition", "bonus")).mean()
        assert settled > POWER - 0.06 and (times == 1 or settled < POWER + 0.06)
        assert plan["items_now"] == pytest.approx(N)


def test_the_nearest_plan_is_the_estimate_and_the_sentence(overlays: tuple[Lake, Lake]) -> None:
    result = run(overlays[1])
    first = result.table("planning").frame.drop_nulls("more_answers").row(0, named=True)
    found = result.estimate("items_to_settle", f"{first['label']}, {first['plan']}")
    assert found.value == first["plan_items"] > found.n and found.low is None and "no interval" in found.caveats[0]
    assert any(f"{found.value:,.0f} items of {first['plan']}" in sentence for sentence in result.sentences)
    assert first["next_models"] in SIZES  # without pairs one model at a time may be scored further


def test_families_for_n_c_come_from_the_calibration(lake: Lake) -> None:
    rows = diagnostics.run("local_coupling", {"panel": "author"}, lake).table("families_for_n_c").frame
    stored = lake.read("mart_calibration")
    assert rows.height > 0
    for row in rows.filter(pl.col("n_families").is_not_null()).iter_rows(named=True):
        cells = stored.filter(
            (pl.col("estimator") == row["estimator"])
            & (pl.col("n_sizes") == row["n_sizes"])
            & (pl.col("x_items") == row["x_items"])
            & pl.col("world").is_in(["turning", "recipes", "bent"])
        )
        shares = cells.with_columns(share=pl.col("n_found") / pl.col("n_true"))
        worst = shares.group_by("n_families").agg(pl.col("share").min()).sort("n_families")
        assert worst.filter(pl.col("share") >= POWER)["n_families"][0] == row["n_families"]


def test_seeds_are_planned_where_a_step_was_repeated(lake: Lake) -> None:
    one = diagnostics.run("local_coupling", {"panel": "organism", "family": "web"}, lake)
    seeds = [e for e in one.estimates if e.symbol == "seeds_to_settle"]
    assert len(seeds) >= 6 and all(e.n == 4 and e.unit == "seeds" for e in seeds)
    every = diagnostics.run("local_coupling", {"panel": "organism"}, lake)
    assert not any(e.symbol == "seeds_to_settle" for e in every.estimates)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_panels_draw_every_row_or_say_what_is_left_out(overlays: tuple[Lake, Lake], theme: str) -> None:
    with_items, without = (run(one) for one in overlays)
    panels = {panel.name: panel for panel in diagnostics.get("local_coupling").panels}
    pairs = panels["paired_items"].figure(with_items, theme)
    assert {len(trace.x) for trace in pairs.data} == {with_items.table("paired").frame["gamma"].count()}
    flips = panels["item_flips"].figure(with_items, theme)
    assert {trace.name for trace in flips.data} >= {"even: net change", "odd: net change"}
    for name in ("paired_items", "item_flips"):
        empty = panels[name].figure(without, theme)
        assert "by item" in empty.layout.annotations[0].text and not empty.data
    plan = panels["planning"].figure(without, theme)
    assert "80%" in plan.layout.annotations[-1].text
