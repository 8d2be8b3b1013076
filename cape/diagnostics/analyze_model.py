"""One model among the others: phase, gamma at its size, h(D), percentiles, coupling, what-if, and actions."""

from __future__ import annotations

from cape.diagnostics._analyze_actions import (
    NO_ACTION,
    Action,
    action_estimates,
    action_table,
    actions_of,
    text_of,
)
from cape.diagnostics._analyze_company import company_of
from cape.diagnostics._analyze_curves import curve_tables, here_table, isocline_table, profile_table
from cape.diagnostics._analyze_inputs import Subject, input_table, known_table, subject_of
from cape.diagnostics._analyze_matrix import coupled, matrix_estimates, matrix_table
from cape.diagnostics._analyze_nearest import N_NEAREST, nearest_estimates, nearest_table, point_table
from cape.diagnostics._analyze_ode import ode_estimates
from cape.diagnostics._analyze_outlook import outlook_estimates, outlook_of, outlook_table
from cape.diagnostics._analyze_pair import pair_results
from cape.diagnostics._analyze_params import CONTROLS, AnalyzeParams
from cape.diagnostics._analyze_phase import Phased, gamma_phase, phase_estimates, phase_words, phased
from cape.diagnostics._analyze_position import (
    frontier_estimates,
    isocline_estimates,
    lab_table,
    offset_estimates,
    percentile_estimates,
    regime,
)
from cape.diagnostics._axis_words import require_sizes
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.figures.analyze_curves import chances_by_place, gamma_at_size, position_plane, score_by_size
from cape.figures.analyze_rows import matrix_at_size, profile_rows, what_if_rows
from cape.quantities import Estimate, Phase, Table
from cape.stats.critical_scale import PAPER_RANGE


def compute(params: AnalyzeParams, read: Read) -> Outcome:
    """Return all that the lake says of one model: DEFINITIONS section 4, rows "Analyze model" and "Custom pair"."""
    require_sizes(params.panel, params.axis, what="this page places a model by its number of parameters")
    subject = subject_of(params, read)
    company = company_of(subject, params, read)
    found = phased(subject, company, params, read)
    matrix = coupled(subject, company, params)
    outlook = outlook_of(subject, company, found, params, read)
    actions = actions_of(subject, company, found, matrix, outlook, params)
    nearest = nearest_table(subject, company, params)
    side, k = isocline_estimates(subject, params, read)
    pair, releases = pair_results(subject, params, read)
    estimates = [
        *phase_estimates(subject, company, found, params),
        *offset_estimates(subject, company, params, read),
        *frontier_estimates(subject, params, read),
        *side,
        *percentile_estimates(subject, company, params, read),
        *matrix_estimates(subject, matrix),
        *nearest_estimates(subject, nearest),
        *outlook_estimates(subject, outlook, params),
        *ode_estimates(subject, company, params),
        *action_estimates(subject, company, actions),
        *pair,
    ]
    tables = [
        input_table(subject),
        action_table(actions),
        point_table(subject, company, nearest, params),
        *curve_tables(company, params, read),
        isocline_table(company, k, params),
        here_table(subject, found, params),
        profile_table(estimates),
        matrix_table(matrix),
        outlook_table(subject, outlook, params),
        nearest,
        releases,
        lab_table(subject, read, estimates),
        known_table(params, read),
    ]
    sentences = (
        *_about(subject),
        *_phase_sentences(subject, found, params),
        *_frontier_sentence(estimates),
        _nearest_sentence(nearest),
        *_release_sentences(pair),
        *_action_sentences(actions),
    )
    return Outcome(estimates=tuple(estimates), tables=tuple(tables), sentences=sentences)


def _about(subject: Subject) -> tuple[str, ...]:
    if subject.is_example:
        return (f"Nothing was given, so {subject.name} is shown as an example.",)
    kept = f"{subject.name} itself is left out of every comparison." if subject.model_id else ""
    caveats = f"Note: {'; '.join(subject.caveats)}." if subject.caveats else ""
    return tuple(filter(None, (kept, caveats)))


def _phase_sentences(subject: Subject, found: Phased, params: AnalyzeParams) -> tuple[str, ...]:
    chance, gamma, (_, by_gamma) = found.chances["positive"], found.gamma, gamma_phase(found.gamma)
    at = f"at {subject.size_b:g} B" if subject.size_b is not None else "without a size"
    pair = f"{params.y} against {params.x}"
    if chance.value is None:
        first = f"The phase by the {params.phase_by} is not known {at}: {text_of(chance)}."
    else:
        first = (
            f"The phase by the {params.phase_by} is {phase_words(found)} {at}: "
            f"the chance that gamma is above 0 is {text_of(chance)}."
        )
    if gamma.value is None:
        second = f"Gamma of {pair} by the local line is not known {at}: {text_of(gamma)}."
    else:
        second = f"Gamma of {pair} by the local line is {text_of(gamma, 'pp/pp')}; its phase is {by_gamma}."
    scale = found.paper_n_c.value
    if subject.log10_n is None or scale is None or not PAPER_RANGE[0] < subject.log10_n < PAPER_RANGE[1]:
        return first, second
    side = Phase.TAX if subject.log10_n < scale else Phase.BONUS
    paper = f"By the paper's rule of size alone it is {side}: N_c in paper mode is {10 ** (scale - 9):.3g} B."
    return first, second, paper


def _frontier_sentence(estimates: list[Estimate]) -> tuple[str, ...]:
    words = {"refit": "the line refitted on the other models", "paper mode": "the line as printed"}
    return tuple(
        f"Frontier h by {words[e.label.rpartition(', ')[2]]} is {e.value:.3g} pp: {regime(e.value, e.low, e.high)}."
        for e in estimates
        if e.symbol == "h_frontier" and e.value is not None
    )


def _nearest_sentence(nearest: Table) -> str:
    parts = []
    for (by,), rows in nearest.frame.group_by("nearest_by", maintain_order=True):
        parts.append(f"by {by} {', '.join(rows['model_id'].head(N_NEAREST))}")
    return f"Nearest models: {'; '.join(parts)}." if parts else "There is no size or score to find near models by."


def _release_sentences(pair: list[Estimate]) -> tuple[str, ...]:
    found = []
    for e in pair:
        if e.value is None:
            found.append(f"Gamma ({e.label}) is {e.caveats[0]}.")
            continue
        ends = "" if e.low is None or e.high is None else f", 95% interval {e.low:.3g} to {e.high:.3g}"
        found.append(f"Gamma ({e.label}) is {e.value:.3g}{ends}; {e.caveats[0]}.")
    return tuple(found)


def _action_sentences(actions: list[Action]) -> tuple[str, ...]:
    supported = [f"Supported: {action.action} ({action.because})." for action in actions if action.is_supported]
    return tuple(supported) if supported else (NO_ACTION,)


DIAGNOSTIC = Diagnostic(
    slug="analyze_model",
    alias="analyze",
    section="Start",
    title="Analyze a model",
    question="Given a size and any scores, which phase is a model in, how does it compare, and what would change it?",
    source="Paper A A.1, A.2, A.6, A.7, A.10; dashboard, first tab",
    params=AnalyzeParams,
    compute=compute,
    panels=(
        Panel(
            name="known",
            title="Known models",
            tables=("known",),
            alt="Table of the models of the lake; selecting one loads its row.",
        ),
        Panel(
            name="inputs",
            title="What the analysis starts from",
            tables=("inputs",),
            alt="Table of size, width, tokens, recipe and scores with the origin of each.",
        ),
        Panel(
            name="actions",
            title="Actions",
            tables=("actions",),
            alt="Table of actions with verdict, the numbers each follows from, and its rule.",
        ),
        Panel(
            name="chances",
            title="Chance of each phase",
            tables=("chances", "here"),
            alt="Chance that gamma is above 0 with its 95% band over the covariate of the estimator, chances of tax, "
            "transition and bonus as lines, and this model as a star.",
            figure=chances_by_place,
        ),
        Panel(
            name="gamma",
            title="gamma at this size",
            tables=("gamma_curve", "intervals", "here"),
            alt="gamma of every interval against size, the local line with its 95% band, the paper's N_c, and this "
            "model's size with the gamma expected there.",
            figure=gamma_at_size,
        ),
        Panel(
            name="position",
            title="Among the others: both scores",
            tables=("points", "isocline"),
            alt="Second score against first for every model of the panel, the isocline, near models marked, and this "
            "model as a star with its standard errors.",
            figure=position_plane,
        ),
        Panel(
            name="size",
            title="Among the others: second score by size",
            tables=("points", "score_curve"),
            alt="Second score against size for every model of the panel, the curve U(N) with its 95% band, and this "
            "model as a star.",
            figure=score_by_size,
        ),
        Panel(
            name="profile",
            title="Scores among models of similar size",
            tables=("profile",),
            alt="One row per score with its percentile, and its residual given size, each with a 95% interval.",
            figure=profile_rows,
        ),
        Panel(
            name="matrix",
            title="Coupling at this size",
            tables=("matrix",),
            alt="Correlation of every pair of given scores among models of similar size, given log N, with the "
            "interval and the side on which this model lies.",
            figure=matrix_at_size,
        ),
        Panel(
            name="what_if",
            title="What if",
            tables=("what_if",),
            alt="Expected change of each score by lever, size, width and curation, with 95% intervals.",
            figure=what_if_rows,
        ),
        Panel(
            name="nearest",
            title="Nearest models",
            tables=("nearest",),
            alt="Table of the three models nearest by size and the three nearest by scores.",
        ),
        Panel(
            name="releases",
            title="Custom pair",
            tables=("releases",),
            alt="Table of the steps between the releases that were typed, with gamma, interval and phase.",
        ),
        Panel(
            name="labs",
            title="Frontier labs by mean h",
            tables=("labs",),
            alt="Table of labs by mean distance from the paper's frontier line, nearest to this model first.",
        ),
    ),
    controls=CONTROLS,
)
