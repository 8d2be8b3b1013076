"""What the worlds promise: the turn is where gamma crosses zero, nulls have none, sizes go missing as stated."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cape.calibration import DECLARED, WORLD, WORLDS, Cell
from cape.calibration.worlds import FEWEST_SIZES, TURN, Design, draw_design, draw_panels
from cape.errors import BadParameterError

ENDLESS = Cell(n_families=6, n_sizes=41, x_items=10**9, y_items=10**9)
QUIET = {"x_sd": 0.0, "y_sd": 0.0}


def fine_panel(name: str, **changes: float):
    """Panels on a fine grid of sizes, without deviations and with endless items."""
    world = replace(WORLD[name], **{**QUIET, **changes})
    grid = np.tile(np.linspace(8.2, 10.8, ENDLESS.n_sizes), (ENDLESS.n_families, 1))
    design = Design(log10_n=grid, kept=np.ones_like(grid, dtype=bool))
    return draw_panels(world, design, ENDLESS, n_panels=2, rng=np.random.default_rng(0)), grid


@pytest.mark.parametrize("name", ["turning", "recipes", "bent"])
def test_gamma_crosses_zero_from_below_at_the_planted_turn_of_every_family(name: str) -> None:
    panels, grid = fine_panel(name, slope_sd=0.0)
    for index in range(2):
        for family in range(ENDLESS.n_families):
            rows = panels.design.member == family
            x, y = panels.x_true[index][rows], panels.y_true[index][rows]
            gamma, mid = np.diff(y) / np.diff(x), (grid[family][1:] + grid[family][:-1]) / 2
            crossing = np.interp(0.0, gamma, mid)
            assert (np.diff(gamma) > 0).all()
            assert crossing == pytest.approx(panels.turn[index, family], abs=0.01)


def test_families_of_one_recipe_turn_at_one_size_and_recipes_at_several() -> None:
    assert np.unique(fine_panel("turning")[0].turn).tolist() == [TURN]
    spread = fine_panel("recipes")[0].turn
    assert spread.std() == pytest.approx(WORLD["recipes"].turn_sd, rel=0.5)


@pytest.mark.parametrize(("name", "gamma"), [("trend", 0.3), ("falling", -0.3), ("flat", 0.0), ("coupled", 0.0)])
def test_a_world_without_a_turn_has_one_gamma_at_every_size(name: str, gamma: float) -> None:
    panels, _ = fine_panel(name)
    assert np.isnan(panels.turn).all()
    rows = panels.design.member == 0
    slopes = np.diff(panels.y_true[0][rows]) / np.diff(panels.x_true[0][rows])
    assert slopes == pytest.approx(np.full(slopes.size, gamma), abs=1e-9)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_deviations_of_the_two_benchmarks_are_coupled_only_where_the_world_says(world) -> None:
    rng = np.random.default_rng(1)
    design = draw_design(world, n_families=400, n_sizes=5, rng=rng)
    noisy = draw_panels(world, design, DECLARED, n_panels=4, rng=np.random.default_rng(2))
    still = draw_panels(replace(world, **QUIET), design, DECLARED, n_panels=4, rng=np.random.default_rng(2))
    own = [(a - b).ravel() for a, b in ((noisy.x_true, still.x_true), (noisy.y_true, still.y_true))]
    assert np.corrcoef(*own)[0, 1] == pytest.approx(world.deviation_r, abs=0.03)
    assert [one.std() for one in own] == pytest.approx([world.x_sd, world.y_sd], rel=0.05)


def test_sizes_are_missing_at_the_stated_share_and_every_family_keeps_two() -> None:
    rng = np.random.default_rng(3)
    design = draw_design(WORLD["recipes"], n_families=4000, n_sizes=8, rng=rng)
    assert 1 - design.kept.mean() == pytest.approx(WORLD["recipes"].missing, abs=0.01)
    rare = draw_design(replace(WORLD["recipes"], missing=0.9), n_families=500, n_sizes=3, rng=rng)
    assert rare.counts.min() == FEWEST_SIZES
    assert draw_design(WORLD["turning"], n_families=50, n_sizes=5, rng=rng).kept.all()


def test_standard_errors_are_those_of_the_items() -> None:
    rng = np.random.default_rng(4)
    design = draw_design(WORLD["flat"], n_families=20, n_sizes=5, rng=rng)
    panels = draw_panels(WORLD["flat"], design, DECLARED, n_panels=200, rng=rng)
    for score, true, error in ((panels.x, panels.x_true, panels.x_se), (panels.y, panels.y_true, panels.y_se)):
        assert ((score - true) / error).std() == pytest.approx(1.0, abs=0.03)


def test_the_same_seed_gives_the_same_panels() -> None:
    one, two = (fine_panel("recipes")[0] for _ in range(2))
    assert np.array_equal(one.x, two.x) and np.array_equal(one.y, two.y)


def test_a_world_outside_zero_to_hundred_percent_is_refused() -> None:
    with pytest.raises(BadParameterError, match="milder world"):
        fine_panel("trend", gamma=9.0)
