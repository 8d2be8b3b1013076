"""Two planted lakes, and results of the diagnostics that several tests look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest

from cape import diagnostics
from cape.diagnostics import options_of
from cape.lake import Lake, LakePaths
from cape.quantities import Result
from tests.diagnostics.planted import HALF_DECADES, X, Y, build, ladder, with_gammas
from tests.diagnostics.planted import orthogonal_residuals as residuals

RHO = 0.9
TREND_SIZES = tuple(10.0 ** np.linspace(-1, 2, 12))


def trends(family: str, rho: float, seed: int) -> list[dict[str, Any]]:
    """A ladder whose scores follow log N in opposite directions, with residuals of correlation rho."""
    log10_n = np.log10(TREND_SIZES)
    first, other = residuals(log10_n, seed)
    x = 45 + 12 * log10_n + 4 * first
    y = 45 - 8 * log10_n + 4 * (rho * first + np.sqrt(1 - rho**2) * other)
    return ladder(family, TREND_SIZES, x.tolist(), y.tolist())


@pytest.fixture(scope="session")
def planted(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Panel `author` with ladders of known gamma; panels `shifted`, `trends`, `one-way` and `alone` beside it."""
    turning = (-0.5, -0.5, 0.5, 0.5)
    late = [10.0**p for p in (0, 0.5, 1, 1.5, 2)]  # ten times the others
    sources = {
        "planted": [
            *with_gammas("Steps", (-0.8, -0.12, 0.04, 0.6)),
            *ladder("Noise", HALF_DECADES[:4], (30, 30.3, 31.2, 31.2), (40, 41, 42, 43), se=0.5),
            *ladder("Twin", (1, 1, 3), (30, 32, 41), (40, 42, 46), se=0.3),
            *with_gammas("Turn", turning),
            *with_gammas("Turn2", turning),
            *with_gammas("Up", (0.5, 0.5, 0.5, 0.5)),
            *with_gammas("Down", (-0.5, -0.5, -0.5, -0.5)),
            *with_gammas("Back", (0.5, 0.5, -0.5, -0.5)),
            *ladder("Single", (1.0,), (50,), (50,)),
        ],
        "shifted": [*with_gammas("Turn", tuple(g + 0.3 for g in turning)), *with_gammas("Late", turning, sizes=late)],
        "trends": [*trends("Null", 0.0, 1), *trends("Real", RHO, 2)],
        "turning": [*with_gammas("Turn", turning), *with_gammas("Turn2", turning), *with_gammas("Up", (0.5,) * 4)],
        "one-way": [*with_gammas("Up", (0.5,) * 4), *with_gammas("Ascent", (0.4,) * 4)],
        "alone": [*ladder("Single", (1.0,), (50,), (50,)), *ladder("Hidden", (None, None), (30, 40), (40, 45))],
    }
    lake = build(
        tmp_path_factory.mktemp("planted") / "lake",
        lake_paths.root,
        sources,
        [f"author,planted,Planted,,{X},{Y},0,0"],
    )
    yield lake
    lake.close()


@pytest.fixture(scope="session")
def two_by_two(lake_paths: LakePaths, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Two sources with both variants of TruthfulQA each, and the paper's own source that mixes two as printed."""
    rng = np.random.default_rng(5)

    def rows(**variants: tuple[str, ...]) -> list[dict[str, Any]]:
        held = []
        for family, (first, *others) in variants.items():
            gammas = rng.uniform(-1, 1, size=4) + np.array([-1, -0.5, 0.5, 1])
            for model in with_gammas(family, tuple(gammas), variant=first):
                model["scores"] |= {("truthfulqa", variant): float(rng.uniform(20, 60)) for variant in others}
                held.append(model)
        return held

    both = ("mc2", "mc1")
    sources = {
        "source-a": rows(One=both, Two=both, Three=both),
        "source-b": rows(One=both, Two=both, Three=both),
        "amin-lit-bootstrap": rows(One=("mc2",), Two=("mc2",), Three=("unspecified",)),
    }
    lake = build(
        tmp_path_factory.mktemp("two") / "lake",
        lake_paths.root,
        sources,
        [f"author,source-a,A,,{X},{Y},0,0"],
        printed="amin-lit-bootstrap",
    )
    yield lake
    lake.close()


@pytest.fixture(scope="session")
def run(lake: Lake) -> Callable[..., Result]:
    """Run a diagnostic on the session's lake with few resamples; equal calls are answered once."""

    @cache
    def answer(slug: str, params: tuple[tuple[str, Any], ...]) -> Result:
        return diagnostics.run(slug, dict(params), lake)

    def call(slug: str, **params: Any) -> Result:
        held = options_of(diagnostics.get(slug).params)
        given = {"resamples": 200, **params}
        return answer(
            slug, tuple(sorted((k, v) for k, v in given.items() if k in held or k not in ("panel", "resamples")))
        )

    return call
