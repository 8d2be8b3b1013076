"""The slope of every score at one model by the coupled equations in log10 N that other families give."""

from __future__ import annotations

import numpy as np

from cape.diagnostics._analyze_company import Company, nothing
from cape.diagnostics._analyze_inputs import Subject
from cape.diagnostics._analyze_params import AnalyzeParams
from cape.diagnostics._ode_data import PAPER_THRESHOLD
from cape.dynamics.fits import Recipe, ensemble, fit, problem_of
from cape.dynamics.forecast import Right
from cape.dynamics.identify import gate
from cape.dynamics.library import Terms
from cape.dynamics.trajectories import Rows, Trajectory, ladders
from cape.quantities import Estimate
from cape.stats.inference import LEVEL, Inference

MEMBERS = 200  # fits to resampled families, as ode_explorer has by default
LEAST_SCORES = 2
RATE = "pp per decade"
METHOD = "degree 1 equations of the given scores, fitted to other models of the panel, at this model's scores"


def ode_estimates(subject: Subject, company: Company, params: AnalyzeParams) -> list[Estimate]:
    """Return d score / d log10 N of every given score at the model's scores, or why it is not available."""
    names = tuple(n for n in subject.scores if n in company.benchmarks)
    names = tuple(sorted(names, key=lambda n: (n != params.x, n != params.y)))
    return [
        found.estimate(symbol="ode_slope", label=f"{subject.name}: {name}", unit=RATE)
        for name, found in _slopes(names, subject, company, params).items()
    ]


def _slopes(names: tuple[str, ...], subject: Subject, company: Company, params: AnalyzeParams) -> dict[str, Inference]:
    """Return the slope of each score, the same reason for all where there is none."""
    if len(names) < LEAST_SCORES:
        why = f"undefined: {len(names)} of the given scores are in the panel, {LEAST_SCORES} are needed"
        return {name: nothing(why, method=METHOD) for name in names or (params.y,)}
    trajectories = _ladders(names, company)
    families = {one.family for one in trajectories}
    if len(families) < LEAST_SCORES:
        why = f"undefined: {len(families)} families have two sizes with {', '.join(names)}"
        return {name: nothing(why, method=METHOD) for name in names}
    problem = problem_of(trajectories, Recipe(terms=Terms(benchmarks=names), threshold=PAPER_THRESHOLD))
    rng = np.random.default_rng([params.seed, 67])
    members = ensemble(problem, n_members=MEMBERS, rng=rng)
    scores = [subject.scores[name].score for name in names]
    state, errors = np.array([one.value for one in scores]), np.array([one.error for one in scores])
    drawn = np.clip(state + np.nan_to_num(errors) * rng.standard_normal((MEMBERS, state.size)), 0.0, 100.0)

    def rate(coefficients: np.ndarray, at: np.ndarray) -> np.ndarray:
        right = Right(
            library=problem.library,
            terms=problem.recipe.terms,
            coefficients=coefficients,
            constant=np.zeros(state.size),
            controls_at=lambda _: np.zeros(0),
        )
        return right.rate(at, 0.0)

    point, draws = rate(fit(problem).coefficients, state), rate(members.coefficients, drawn)
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    found = gate(problem)
    caveats = () if found.is_determined else (f"not determined: {'; '.join(found.reasons)}",)
    method = f"{METHOD}; percentiles of {MEMBERS} fits to resamples of whole families, scores drawn with their errors"
    return {
        name: Inference(
            value=float(point[k]),
            low=float(low[k]),
            high=float(high[k]),
            n=len(families),
            method=method,
            caveats=(*caveats, f"{found.n_independent} differences between sizes"),
        )
        for k, name in enumerate(names)
    }


def _ladders(names: tuple[str, ...], company: Company) -> tuple[Trajectory, ...]:
    """Return the ladders of the population with all of these scores."""
    kept = company.is_population
    scores = np.column_stack([company.column(name) for name in names])[kept]
    replicate = company.rows["replicate"].fill_null("").to_list()
    unknown = np.full(scores.shape, np.nan)
    rows = Rows(
        family=company.family[kept],
        replicate=np.asarray(replicate, dtype=np.str_)[kept],
        log10_n=company.log10_n[kept],
        scores=scores,
        errors=unknown,
        controls=np.zeros((len(scores), 0)),
        width=unknown[:, 0],
    )
    return ladders(rows).trajectories
