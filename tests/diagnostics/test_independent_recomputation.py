"""The headline numbers again, from mart_scores alone with plain numpy, scipy and statsmodels."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.stats import norm, pearsonr

from cape.lake import Lake

PAIRS = {"author": ("hellaswag", "truthfulqa_as_printed"), "independent": ("hellaswag", "truthfulqa_mc2")}


@dataclass(frozen=True)
class Row:
    family: str
    position: float | None
    ladder: tuple[str, ...]
    x: float
    y: float
    x_se: float
    y_se: float


def rows_of(lake: Lake, panel: str) -> list[Row]:
    """Join the two benchmarks of every delivered model row by hand."""
    held: dict[tuple, dict[str, dict]] = defaultdict(dict)
    for score in lake.read("mart_scores", panel=panel).iter_rows(named=True):
        if score["benchmark_id"] in PAIRS[panel]:
            names = ("model_id", "revision", "source_row", "axis", "replicate", "position")
            held[tuple(score[name] for name in names)][score["benchmark_id"]] = score
    first, second = PAIRS[panel]
    return [
        Row(
            family=pair[first]["family"],
            position=pair[first]["position"],
            ladder=(pair[first]["axis"], pair[first]["replicate"], pair[first]["protocol"], pair[second]["protocol"]),
            x=pair[first]["score_pct"],
            y=pair[second]["score_pct"],
            x_se=pair[first]["score_se_pct"],
            y_se=pair[second]["score_se_pct"],
        )
        for pair in held.values()
        if len(pair) == 2
    ]


def gammas_of(rows: list[Row]) -> list[tuple[float, float, float, float] | None]:
    """Return gamma, error and Fieller limits of every step, None where the rule leaves it undefined."""
    ladders: dict[tuple, dict[float, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row.position is not None:
            ladders[row.family, *row.ladder][row.position].append(row)
    found: list[tuple[float, float, float, float] | None] = []
    for sizes in ladders.values():
        ends = [
            (
                np.mean([r.x for r in members]),
                np.mean([r.y for r in members]),
                np.mean([r.x_se**2 for r in members]),
                np.mean([r.y_se**2 for r in members]),
            )
            for _, members in sorted(sizes.items())
        ]
        for small, large in zip(ends, ends[1:], strict=False):
            dx, dy, vx, vy = large[0] - small[0], large[1] - small[1], large[2] + small[2], large[3] + small[3]
            if abs(dx) < max(0.5, 1.96 * math.sqrt(vx)):
                found.append(None)
                continue
            z = norm.ppf(0.975)
            low, high = sorted(np.roots([dx**2 - z**2 * vx, -2 * dx * dy, dy**2 - z**2 * vy]).real)
            found.append((dy / dx, math.sqrt(vy + (dy / dx) ** 2 * vx) / abs(dx), low, high))
    return found


@pytest.mark.parametrize("panel", list(PAIRS))
def test_mean_gamma_and_phase_counts(panel: str, lake: Lake, run: Any) -> None:
    steps = gammas_of(rows_of(lake, panel))
    defined = np.array([step for step in steps if step is not None])
    gamma, error, low, high = defined.T
    result = run("local_coupling", panel=panel)
    assert result.table("steps").frame.height == len(steps)
    assert result.estimate("mean_gamma_12", panel).value == pytest.approx(gamma.mean())
    assert result.estimate("share_negative", panel).value == pytest.approx((gamma < 0).mean())
    assert result.estimate("gamma_12_se", panel).value == pytest.approx(np.median(error))
    settled = (high < -0.1) | (low > 0.1) | ((low >= -0.1) & (high <= 0.1))
    counts = {
        "tax": norm.cdf((-0.1 - gamma) / error).sum(),
        "bonus": norm.sf((0.1 - gamma) / error).sum(),
        "undetermined": (~settled).sum(),
        "none": len(steps) - len(defined),
    }
    for phase, expected in counts.items():
        assert result.estimate("n_intervals_in_phase", phase).value == pytest.approx(expected), phase
    overview = run("overview", panel=panel)
    assert overview.estimate("n_intervals_settled", panel).value == settled.sum()
    assert overview.estimate("mean_gamma_12", panel).value == pytest.approx(gamma.mean())


@pytest.mark.parametrize("panel", list(PAIRS))
def test_raw_and_partial_r(panel: str, lake: Lake, run: Any) -> None:
    rows = rows_of(lake, panel)
    x, y = np.array([r.x for r in rows]), np.array([r.y for r in rows])
    result = run("trend_control", panel=panel, curve="no curve")
    raw = result.estimate("r", f"{panel}: models as independent")
    expected = pearsonr(x, y)
    assert raw.value == pytest.approx(expected.statistic)
    assert (raw.low, raw.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    sized = [row for row in rows if row.position is not None]
    design = sm.add_constant(np.log10([row.position for row in sized]))
    left, right = (sm.OLS([getattr(row, axis) for row in sized], design).fit().resid for axis in ("x", "y"))
    partial = result.estimate("r_partial", f"{panel}: models as independent")
    assert partial.value == pytest.approx(np.corrcoef(left, right)[0, 1])
    assert partial.n == len(sized)


@pytest.mark.parametrize("panel", list(PAIRS))
def test_within_and_between_family_r(panel: str, lake: Lake, run: Any) -> None:
    rows = rows_of(lake, panel)
    table = defaultdict(list)
    for row in rows:
        table[row.family].append((row.x, row.y))
    means = {family: np.mean(members, axis=0) for family, members in table.items()}
    within = np.array([np.array([r.x, r.y]) - means[r.family] for r in rows if len(table[r.family]) > 1])
    result = run("trend_control", panel=panel, curve="no curve")
    assert result.estimate("r_within", panel).value == pytest.approx(np.corrcoef(within.T)[0, 1])
    between = np.array(list(means.values()))
    assert result.estimate("r_between", panel).value == pytest.approx(np.corrcoef(between.T)[0, 1])


def test_paper_mode_n_c(lake: Lake, run: Any) -> None:
    scores = lake.read("mart_scores", panel="amin-lit-bootstrap", benchmark_id="truthfulqa_as_printed")
    scores = scores.sort("file_row")
    size, score = np.log10(scores["position"].to_numpy()), scores["score_pct"].to_numpy()
    state, kept = np.random.RandomState(42), []
    for _ in range(10_000):
        drawn = state.choice(size.size, size.size, replace=True)
        if np.unique(size[drawn]).size < 3:
            continue
        a, b, _ = np.linalg.lstsq(np.vander(size[drawn], 3), score[drawn], rcond=None)[0]
        if a > 0 and 7 < -b / (2 * a) < 12:
            kept.append(-b / (2 * a))
    result = run("critical_scale", panel="author", curve="no curve")
    found = result.estimate("N_c", "paper mode: pooled, not Pythia")
    expected = 10.0 ** (np.array([np.median(kept), *np.percentile(kept, [2.5, 97.5])]) - 9)
    assert (found.value, found.low, found.high) == pytest.approx(tuple(expected), rel=1e-6)
    a, b, _ = np.polyfit(size, score, 2)
    vertex = result.estimate("N_c", "paper mode: pooled, not Pythia; vertex of the rows themselves")
    assert vertex.value == pytest.approx(10.0 ** (-b / (2 * a) - 9))
