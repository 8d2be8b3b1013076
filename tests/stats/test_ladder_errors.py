"""Joint errors of a ladder: the covariance of item resamples, paired variances of steps, and shorter N_c intervals."""

from __future__ import annotations

import numpy as np
import pytest

from cape.errors import BadParameterError
from cape.stats.coupling import family_steps
from cape.stats.critical_scale import Estimator, family_n_c
from cape.stats.inference import Points
from cape.stats.ladder_errors import LadderErrors, covariance_of_scores, drawn_scores, step_variances
from cape.stats.paired import paired_standard_error

N = 500


def planted_items(rng: np.random.Generator, means: tuple[float, ...], *, shared: float) -> np.ndarray:
    """Right or wrong on N items by len(means) models; `shared` of the difficulty is common to all, (n_models, N)."""
    common, own = rng.random(N), rng.random((len(means), N))
    return (np.where(rng.random(N) < shared, common, own) < np.array(means)[:, None]).astype(float)


def between(items: np.ndarray) -> np.ndarray:
    change = items[:, None, :] - items[None, :, :]
    se = 100 * paired_standard_error(N, change.sum(axis=2), (change**2).sum(axis=2), is_binary=True)
    variance = se**2
    np.fill_diagonal(variance, 0.0)
    return variance


def ladder(x: np.ndarray, y: np.ndarray) -> Points:
    n = len(x)
    x_pct, y_pct = 100 * x.mean(axis=1), 100 * y.mean(axis=1)
    x_se, y_se = (np.sqrt(score * (100 - score) / N) for score in (x_pct, y_pct))
    log10_n = 8 + np.arange(n) / 2
    return Points(family=np.full(n, "A"), log10_n=log10_n, x_pct=x_pct, y_pct=y_pct, x_se=x_se, y_se=y_se)


@pytest.fixture
def planted() -> tuple[Points, LadderErrors, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = planted_items(rng, (0.30, 0.42, 0.54, 0.66), shared=0.9)
    y = planted_items(rng, (0.40, 0.34, 0.36, 0.46), shared=0.9)
    points = ladder(x, y)
    errors = LadderErrors(
        x=covariance_of_scores(points.x_se, between(x)), y=covariance_of_scores(points.y_se, between(y))
    )
    return points, errors, x, y


def test_draws_have_the_covariance_of_item_resamples(planted) -> None:
    points, errors, x, _ = planted
    drawn, _ = drawn_scores(points, errors, n_draws=40_000, rng=np.random.default_rng(1))
    weights = np.random.default_rng(2).multinomial(N, np.full(N, 1 / N), size=10_000)
    resampled = 100 * weights @ x.T / N
    scale = np.diag(np.cov(resampled.T)).mean()
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(resampled.T), atol=0.06 * scale)
    np.testing.assert_allclose(drawn.mean(axis=0), points.x_pct, atol=0.05)


def test_variances_of_steps_are_those_of_the_pairs(planted) -> None:
    points, errors, x, y = planted
    for found, items in zip(step_variances(points, errors), (x, y), strict=True):
        np.testing.assert_allclose(found, np.diag(between(items), 1), rtol=1e-6)
    for found, se in zip(step_variances(points, None), (points.x_se, points.y_se), strict=True):
        np.testing.assert_allclose(found, se[1:] ** 2 + se[:-1] ** 2)


def test_paired_errors_shorten_gamma_and_the_interval_of_n_c(planted) -> None:
    points, errors, _, _ = planted
    assert (family_steps(points, errors=errors).gamma_se < 0.6 * family_steps(points).gamma_se).all()
    width = {}
    for name, given in (("paired", errors), ("single", None)):
        rng = np.random.default_rng(3)
        found, _ = family_n_c(points, estimator=Estimator.VERTEX, n_draws=4000, rng=rng, errors=given)
        width[name] = found.high - found.low
        assert ("paired items" in found.method) == (name == "paired")
    assert width["paired"] < 0.6 * width["single"]


def test_without_correlation_paired_draws_are_the_single_ones() -> None:
    se = np.array([1.0, 2.0, 1.5])
    independent = se[:, None] ** 2 + se[None, :] ** 2
    np.fill_diagonal(independent, 0.0)
    np.testing.assert_allclose(covariance_of_scores(se, independent), np.diag(se**2), atol=1e-12)


def test_variances_that_no_covariance_has_are_made_possible() -> None:
    """Three scores of variance 1 of which all pairs differ by more than any three can."""
    too_far = np.full((3, 3), 4.0)
    np.fill_diagonal(too_far, 0.0)
    found = covariance_of_scores(np.ones(3), too_far)
    assert np.linalg.eigvalsh(found).min() > -1e-12 and np.isfinite(found).all()


@pytest.mark.parametrize("variance", [np.nan, -1.0])
def test_a_missing_or_negative_variance_is_refused(variance: float) -> None:
    with pytest.raises(BadParameterError, match="Pair every two sizes"):
        covariance_of_scores(np.ones(2), np.array([[0.0, variance], [variance, 0.0]]))
