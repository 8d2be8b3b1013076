"""The loss law L(N) = E + A N^-alpha with E >= 0: least squares for many ladders at once, residual bootstrap, terms.

For a given alpha the law is a straight line in N^-alpha, so only alpha is searched (variable projection).
Reference: Golub and Pereyra (2003), Inverse Problems 19, R1; Hoffmann et al. (2022) for the form (paper 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from cape.errors import NotEnoughDataError
from cape.stats.inference import LEVEL, Inference
from cape.stats.nulls import RELATIVE_ZERO
from cape.stats.resampling import guarded_interval, row_weights

PARAMETERS_OF_LAW = 3  # E, A and alpha
MIN_SIZES = 5  # three parameters and two degrees of freedom
MIN_FOR_INTERVAL = 4  # rows below which a bootstrap of a mean has too few distinct resamples
ALPHAS = np.geomspace(0.005, 3.0, 24)  # exponents searched before the fit is refined
FINE_ALPHAS = np.geomspace(0.005, 3.0, 2000)
NEWTON_STEPS = 12  # 4 suffice for the ladders at hand
CONVERGED = 1e-7  # largest change of alpha in the last step
AT_BOUND = "the exponent reached the end of the searched range, or the loss does not fall with size"

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class LawFits:
    """Fits of the law to many loss columns over the same sizes; arrays (n_fits,), NaN where there is no fit.

    alpha : exponent. floor : E, nats per token. scale : A N_0^-alpha, N_0 the geometric mean size.
    fitted : (n_fits, n) losses of the law.
    """

    alpha: Array
    floor: Array
    scale: Array
    fitted: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class LossLaw:
    """The law of one ladder with its doubt; `loss` and the like are (n,) in the order given.

    alpha, floor, amplitude, amplitude_sd, cv_pct, r2, error_pct : with intervals of a residual bootstrap; amplitude
    is the mean of N^alpha (L - E) over the sizes, amplitude_sd and cv_pct its spread (n in the denominator).
    left_out_error_pct : mean relative error of each size from the law of the others; left_out : those predictions.
    alpha_range : the exponent with its range when each size is left out.
    """

    alpha: Inference
    alpha_range: Inference
    floor: Inference
    amplitude: Inference
    amplitude_sd: Inference
    cv_pct: Inference
    r2: Inference
    error_pct: Inference
    left_out_error_pct: Inference
    fitted: Array
    residual: Array
    left_out: Array


def fit_laws(n_params: ArrayLike, losses: ArrayLike) -> LawFits:
    """Return the least-squares law of each row of losses, E held at or above zero.

    n_params : (n,) sizes in parameters. losses : (n_fits, n) or (n,), nats per token.
    Raises NotEnoughDataError with fewer than 5 different sizes.
    """
    log_n, rows = _checked(n_params, losses)
    alpha = _refined(*_best_on_grid(log_n, rows), log_n, rows)
    z, floor, scale = _line_given(alpha, log_n, rows.T)
    falls = scale > 0
    alpha, floor, scale = (np.where(falls, column, np.nan) for column in (alpha, floor, scale))
    return LawFits(alpha=alpha, floor=floor, scale=scale, fitted=(floor + scale * z).T)


def loss_law(n_params: ArrayLike, loss: ArrayLike, *, n_resamples: int, rng: np.random.Generator) -> LossLaw:
    """Return the law of one ladder with residual-bootstrap intervals and leave-one-out errors (paper 3).

    n_params, loss : (n,) parameters and nats per token. A resample adds to the fitted losses residuals drawn from
    the centred ones, widened by sqrt(n / (n - 3)) for the three fitted parameters.
    Raises NotEnoughDataError with fewer than 5 different sizes or where the loss does not fall with size.
    """
    size, column = np.asarray(n_params, dtype=np.float64), np.asarray(loss, dtype=np.float64)
    found = fit_laws(size, column)
    if np.isnan(found.alpha[0]):
        raise NotEnoughDataError(f"The loss law has no fit: {AT_BOUND}. Leave this ladder out.")
    fitted = found.fitted[0]
    residual = column - fitted
    widened = (residual - residual.mean()) * np.sqrt(column.size / (column.size - PARAMETERS_OF_LAW))
    drawn = fitted + widened[rng.integers(column.size, size=(n_resamples, column.size))]
    values, draws = (_summaries(size, rows, fit_laws(size, rows)) for rows in (column[None], drawn))
    how = f"least squares, E >= 0; residual bootstrap, {n_resamples} resamples"
    summary = {
        name: _inference(values[name][0], draws[name], n=column.size, method=how) for name in values if name != "floor"
    }
    clamped = f"E lies at its bound of 0 in {np.mean(draws['floor'] <= 0):.1%} of resamples"
    floor = _inference(values["floor"][0], draws["floor"], n=column.size, method=how, caveats=(clamped,))
    left_out, alphas = _left_out(size, column)
    return LossLaw(
        floor=floor,
        alpha_range=_range(values["alpha"][0], alphas),
        left_out_error_pct=mean_error(100 * np.abs(left_out / column - 1), n_resamples=n_resamples, rng=rng),
        fitted=fitted,
        residual=residual,
        left_out=left_out,
        **summary,
    )


def law_curve(n_params: ArrayLike, loss: ArrayLike, at: ArrayLike) -> Array:
    """Return the fitted law at other sizes `at` (m,), in parameters; NaN where there is no fit."""
    log_n, _ = _checked(n_params, loss)
    found = fit_laws(n_params, loss)
    places = np.log(np.asarray(at, dtype=np.float64)) - np.log(np.asarray(n_params, dtype=np.float64)).mean()
    return found.floor[0] + found.scale[0] * np.exp(-found.alpha[0] * places)


def term_beside_law(n_params: ArrayLike, loss: ArrayLike, term: ArrayLike) -> Inference:
    """Return the coefficient of a further term in L = E + A N^-alpha + delta term, all four fitted together.

    n_params, loss, term : (n,). The interval is Student's t on n - 4 degrees of freedom, linearised at the fit; E is
    not held above zero here. Undefined if the term is constant or a combination of the law's own directions, or
    with fewer than 6 sizes. Raises NotEnoughDataError as `fit_laws`.
    """
    log_n, rows = _checked(n_params, loss)
    extra, y, n = np.asarray(term, dtype=np.float64), rows[0], log_n.size
    method = "least squares of E + A N^-alpha and the term together; t interval, n - 4 degrees of freedom, linearised"
    spare = n - PARAMETERS_OF_LAW - 1
    if np.ptp(extra) == 0 or spare < 2:
        why = "the term has one value at every size" if np.ptp(extra) == 0 else f"needs 6 sizes, got {n}"
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=(f"undefined: {why}",))
    alpha = _alpha_beside(extra, log_n, y)
    z = np.exp(-alpha * log_n)
    columns = np.stack([np.ones(n), extra, z], axis=1)
    coefficients, *_ = np.linalg.lstsq(columns, y, rcond=None)
    directions = np.column_stack([columns, -coefficients[2] * log_n * z])
    scaled = directions / np.linalg.norm(directions, axis=0)
    if np.linalg.cond(scaled) > 1 / np.sqrt(RELATIVE_ZERO):
        why = "undefined: the law alone can take the shape of the term"
        return Inference(value=None, low=None, high=None, n=n, method=method, caveats=(why,))
    rest = y - columns @ coefficients
    variance = np.linalg.inv(scaled.T @ scaled)[1, 1] * (rest @ rest) / spare
    half = float(student.ppf((1 + LEVEL) / 2, spare) * np.sqrt(variance) / np.linalg.norm(extra))
    value = float(coefficients[1])
    return Inference(value=value, low=value - half, high=value + half, n=n, method=method)


def mean_error(
    errors_pct: ArrayLike, *, n_resamples: int, rng: np.random.Generator, clusters: ArrayLike | None = None
) -> Inference:
    """Return the mean of absolute relative errors (n,), percent, with a bootstrap over the rows, fits kept.

    clusters : (n,) family of each row; then whole families are drawn and n counts them. A NaN is a row without a
    prediction: dropped and counted. No interval with fewer than 4 units. Raises NotEnoughDataError without rows.
    """
    every = np.asarray(errors_pct, dtype=np.float64)
    kept = np.isfinite(every)
    errors, method = every[kept], "mean absolute relative error"
    dropped = (f"{every.size - errors.size} of {every.size} rows have no prediction",) if not kept.all() else ()
    label = np.arange(every.size) if clusters is None else np.asarray(clusters)
    _, unit = np.unique(label[kept], return_inverse=True)
    sums, counts = np.bincount(unit, errors), np.bincount(unit)
    what = "rows" if clusters is None else "whole families"
    if every.size and not errors.size:
        why = ("undefined: no row has a prediction",)
        return Inference(value=None, low=None, high=None, n=0, method=method, caveats=why)
    if 0 < sums.size < MIN_FOR_INTERVAL:
        why = (f"no interval: {sums.size} {what} are too few to resample", *dropped)
        return Inference(value=float(errors.mean()), low=None, high=None, n=sums.size, method=method, caveats=why)
    weights = row_weights(sums.size, n_resamples=n_resamples, rng=rng)
    draws = (weights @ sums) / (weights @ counts)
    method = f"{method}; percentiles of {n_resamples} resamples of {what}, fits kept"
    return _inference(float(errors.mean()), draws, n=sums.size, method=method, caveats=dropped)


def _checked(n_params: ArrayLike, losses: ArrayLike) -> tuple[Array, Array]:
    """Return log N less its mean (n,) and losses as rows (n_fits, n)."""
    size, rows = np.asarray(n_params, dtype=np.float64), np.atleast_2d(np.asarray(losses, dtype=np.float64))
    n_sizes = np.unique(size).size
    if n_sizes < MIN_SIZES:
        raise NotEnoughDataError(
            f"The loss law has {PARAMETERS_OF_LAW} parameters and needs at least {MIN_SIZES} sizes, got {n_sizes}. "
            "Pick a longer ladder."
        )
    log_n = np.log(size)
    return log_n - log_n.mean(), rows


def _best_on_grid(log_n: Array, rows: Array) -> tuple[Array, tuple[Array, Array]]:
    """Return the best alpha of the grid (n_fits,), NaN at its ends, and the two grid values around it."""
    z = np.exp(-ALPHAS[:, None] * log_n)
    mean_z, mean_y = z.mean(axis=1), rows.mean(axis=1, keepdims=True)
    spread = ((z - mean_z[:, None]) ** 2).sum(axis=1)
    slope = rows @ ((z - mean_z[:, None]) / spread[:, None]).T
    explained = slope**2 * spread + rows.shape[1] * mean_y**2
    through_zero = (rows @ (z / np.linalg.norm(z, axis=1)[:, None]).T) ** 2
    is_free = (mean_y - slope * mean_z >= 0) & (slope > 0)
    best = np.where(is_free, explained, np.where(slope > 0, through_zero, -np.inf)).argmax(axis=1)
    inside = (best > 0) & (best < ALPHAS.size - 1)
    held = np.clip(best, 1, ALPHAS.size - 2)
    return np.where(inside, ALPHAS[held], np.nan), (ALPHAS[held - 1], ALPHAS[held + 1])


def _refined(alpha: Array, bracket: tuple[Array, Array], log_n: Array, rows: Array) -> Array:
    """Return alpha (n_fits,) by Gauss-Newton steps inside its bracket; NaN where it does not settle there."""
    settled, active = np.full_like(alpha, np.nan), np.flatnonzero(np.isfinite(alpha))
    alpha, columns = alpha.copy(), np.ascontiguousarray(rows.T)
    for _ in range(NEWTON_STEPS):
        if active.size == 0:
            break
        low, high = bracket[0][active], bracket[1][active]
        moved = np.clip(alpha[active] + _newton_step(alpha[active], log_n, columns[:, active]), low, high)
        done = np.abs(moved - alpha[active]) < CONVERGED
        is_inside = (moved > low) & (moved < high)
        settled[active[done & is_inside]] = moved[done & is_inside]
        alpha[active] = moved
        active = active[~done]
    return settled


def _line_given(alpha: Array, log_n: Array, columns: Array) -> tuple[Array, Array, Array]:
    """Return N^-alpha (n, n_fits), E and A N_0^-alpha (n_fits,) of least squares with E >= 0 for given exponents.

    columns : (n, n_fits) losses. Sizes run along the first axis here: sums over few sizes are faster that way.
    """
    z = np.exp(-log_n[:, None] * alpha)
    mean_z, mean_y = z.mean(axis=0), columns.mean(axis=0)
    squares, products = (z * z).sum(axis=0), (z * columns).sum(axis=0)
    n = log_n.size
    scale = (products - n * mean_z * mean_y) / (squares - n * mean_z**2)
    floor = mean_y - scale * mean_z
    scale = np.where(floor < 0, products / squares, scale)
    return z, np.maximum(floor, 0.0), scale


def _newton_step(alpha: Array, log_n: Array, columns: Array) -> Array:
    """Return the Gauss-Newton step of alpha (n_fits,), its direction taken off those of E and A (Kaufman 1975)."""
    z, floor, scale = _line_given(alpha, log_n, columns)
    rest = columns - floor - scale * z
    direction = -scale * log_n[:, None] * z
    is_free = floor > 0
    first = z - np.where(is_free, z.mean(axis=0), 0.0)
    direction -= np.where(is_free, direction.mean(axis=0), 0.0)
    direction -= first * ((direction * first).sum(axis=0) / (first * first).sum(axis=0))
    return (direction * rest).sum(axis=0) / (direction * direction).sum(axis=0)


def _alpha_beside(extra: Array, log_n: Array, y: Array) -> float:
    """Return the exponent of the law that has one further linear term, by two grids, the second between neighbours."""
    basis, _ = np.linalg.qr(np.stack([np.ones_like(extra), extra], axis=1))
    target = y - basis @ (basis.T @ y)

    def best(alphas: Array) -> int:
        z = np.exp(-alphas[:, None] * log_n)
        rest = z - (z @ basis) @ basis.T
        return int(((rest @ target) ** 2 / np.einsum("ij,ij->i", rest, rest)).argmax())

    place = best(FINE_ALPHAS)
    near = FINE_ALPHAS[[max(place - 1, 0), min(place + 1, FINE_ALPHAS.size - 1)]]
    fine = np.linspace(near[0], near[1], FINE_ALPHAS.size)
    return float(fine[best(fine)])


def _summaries(size: Array, rows: Array, found: LawFits) -> dict[str, Array]:
    """Return every summary of the fits, (n_fits,) each."""
    log_n, columns = np.log(size), np.ascontiguousarray(rows.T)
    amount = np.exp((log_n - log_n.mean())[:, None] * found.alpha) * (columns - found.floor)
    back = np.exp(found.alpha * log_n.mean())
    rest = columns - found.fitted.T
    total = ((columns - columns.mean(axis=0)) ** 2).sum(axis=0)
    return {
        "alpha": found.alpha,
        "floor": found.floor,
        "amplitude": amount.mean(axis=0) * back,
        "amplitude_sd": amount.std(axis=0) * back,
        "cv_pct": 100 * amount.std(axis=0) / amount.mean(axis=0),
        "r2": 1 - (rest**2).sum(axis=0) / total,
        "error_pct": 100 * np.abs(rest / columns).mean(axis=0),
    }


def _inference(value: float, draws: Array, *, n: int, method: str, caveats: tuple[str, ...] = ()) -> Inference:
    low, high, counted = guarded_interval(draws, has_value=True, lacking=f"have no fit: {AT_BOUND}")
    return Inference(
        value=float(value), low=low, high=high, n=n, method=method, caveats=(*caveats, *counted), draws=draws
    )


def _left_out(size: Array, loss: Array) -> tuple[Array, Array]:
    """Return the loss of each size predicted from the others (n,) and the exponent without it (n,), NaN if unfitted."""
    predictions, alphas = np.full(loss.size, np.nan), np.full(loss.size, np.nan)
    if np.unique(size).size <= MIN_SIZES:
        return predictions, alphas
    for row in range(loss.size):
        kept = np.arange(loss.size) != row
        found = fit_laws(size[kept], loss[kept])
        place = np.log(size[row]) - np.log(size[kept]).mean()
        alphas[row] = found.alpha[0]
        predictions[row] = found.floor[0] + found.scale[0] * np.exp(-found.alpha[0] * place)
    return predictions, alphas


def _range(value: float, without: Array) -> Inference:
    """Return the exponent with its range over the fits without one size."""
    known = without[np.isfinite(without)]
    lacking = without.size - known.size
    caveats: tuple[str, ...] = ("a range, not a 95% interval",)
    if lacking:
        caveats += (f"{lacking} of {without.size} fits without one size do not exist",)
    return Inference(
        value=float(value),
        low=float(known.min()) if known.size else None,
        high=float(known.max()) if known.size else None,
        n=without.size,
        method="least squares, E >= 0; range when each size is left out in turn",
        caveats=caveats,
    )
