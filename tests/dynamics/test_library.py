"""Candidate terms, their scales and their slopes."""

from __future__ import annotations

import numpy as np
import pytest

from cape.dynamics.library import Library, Scaling, Terms, library_on, values_of
from cape.dynamics.trajectories import Derivative, Rates, rates
from cape.errors import BadParameterError
from tests.conftest import require
from tests.dynamics.planted import BENCHMARKS, coupled


@pytest.fixture
def rows() -> Rates:
    return rates(coupled(noise=1.0, seed=0), derivative=Derivative.MIDPOINT)


def design(library: Library, rows: Rates, *, with_log_n: bool = False) -> np.ndarray:
    return library.design(values_of(rows.state, rows.log10_n, rows.controls, with_log_n=with_log_n))


@pytest.mark.parametrize(("degree", "count"), [(1, 5), (2, 15), (3, 35)])
def test_a_library_holds_every_product_of_up_to_its_degree(degree: int, count: int, rows: Rates) -> None:
    preprocessing = require("sklearn.preprocessing")
    terms = Terms(benchmarks=BENCHMARKS, degree=degree, scaling=Scaling.AS_PRINTED)
    library = library_on(terms, rows)
    assert library.m == terms.n_parameters == count == len(set(library.names))
    theirs = preprocessing.PolynomialFeatures(degree).fit_transform(rows.state / 100)
    mine = design(library, rows)
    assert np.sort(mine, axis=1) == pytest.approx(np.sort(theirs, axis=1))


def test_standardised_columns_and_rates_have_unit_size_and_log_n_stands_alone(rows: Rates) -> None:
    library = library_on(Terms(benchmarks=BENCHMARKS, degree=2, with_log_n=True), rows)
    columns = design(library, rows, with_log_n=True)
    assert np.sqrt((columns**2).mean(axis=0)) == pytest.approx(np.ones(library.m))
    assert np.sqrt(((rows.rate / library.rate_scale) ** 2).mean(axis=0)) == pytest.approx(np.ones(4))
    assert library.names[-1] == "log10 N" and sum("log10 N" in name for name in library.names) == 1
    assert "hellaswag^2" in library.names and "hellaswag x winogrande" in library.names


@pytest.mark.parametrize("scaling", list(Scaling))
def test_physical_coefficients_give_the_same_rates_as_scaled_ones(scaling: Scaling, rows: Rates) -> None:
    library = library_on(Terms(benchmarks=BENCHMARKS, degree=3, scaling=scaling), rows)
    scaled = np.random.default_rng(0).standard_normal((library.m, 4))
    raw = rows.state - library.centre if library.is_centred else rows.state
    columns = np.stack([np.prod(raw**row, axis=1) for row in library.powers], axis=1)
    assert columns @ library.physical(scaled) == pytest.approx(design(library, rows) @ scaled * library.rate_scale)


@pytest.mark.parametrize("scaling", list(Scaling))
def test_the_jacobian_is_the_slope_of_the_rates(scaling: Scaling, rows: Rates) -> None:
    library = library_on(Terms(benchmarks=BENCHMARKS, degree=3, scaling=scaling), rows)
    coefficients = np.random.default_rng(1).standard_normal((library.m, 4))
    point, h = rows.state[3], 1e-5

    def rate(state: np.ndarray) -> np.ndarray:
        return library.design(state) @ coefficients * library.rate_scale

    slopes = np.stack([(rate(point + h * e) - rate(point - h * e)) / (2 * h) for e in np.eye(4)], axis=1)
    assert library.jacobian(coefficients, point) == pytest.approx(slopes, rel=1e-5)


def test_a_constant_score_keeps_its_own_scale(rows: Rates) -> None:
    flat = np.full_like(rows.state, 25.0)
    held = Rates(**{name: getattr(rows, name) for name in Rates.__slots__} | {"state": flat, "rate": flat * 0})
    assert np.isfinite(design(library_on(Terms(benchmarks=BENCHMARKS), held), held)).all()


@pytest.mark.parametrize("degree", [0, 4, -1])
def test_a_degree_out_of_range_is_refused(degree: int, rows: Rates) -> None:
    with pytest.raises(BadParameterError, match=f"degree is {degree}"):
        library_on(Terms(benchmarks=BENCHMARKS, degree=degree), rows)
