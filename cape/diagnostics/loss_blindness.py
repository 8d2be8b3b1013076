"""The loss law, its residuals against the coupling, the prediction chain, gradient and Arrhenius fits."""

from __future__ import annotations

from cape.diagnostics._axis_words import require_sizes
from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._fetch import points_of
from cape.diagnostics._gradients import (
    DIP_MODEL,
    ON_SIZE,
    LossBlindnessParams,
    arrhenius_estimates,
    arrhenius_fits,
    arrhenius_table,
    form_estimate,
    gradient_arrhenius,
    gradient_estimates,
    gradient_table,
    read_gradients,
)
from cape.diagnostics._loss_ladders import (
    ABOVE_TURN,
    NATS,
    Fitted,
    coupling_estimates,
    curve_table,
    fit_ladders,
    gap_estimate,
    law_estimates,
    law_table,
    place_table,
    read_couplings,
    read_ladders,
)
from cape.diagnostics._params import ALL_FAMILIES
from cape.diagnostics._prediction_chain import chain, chain_estimates, chain_table
from cape.diagnostics.wiring.loss_blindness import LOSS_BLINDNESS
from cape.errors import NotEnoughDataError
from cape.figures.loss_blindness import laws, places, residuals
from cape.figures.prediction_chain import arrhenius, gradients, prediction_chain
from cape.quantities import Estimate
from cape.stats.critical_scale import pooled_quadratic_paper_mode

PAPER_PANEL = "amin-lit-bootstrap"  # the 14 pooled rows of the paper's own bootstrap script
PAPER_PAIR = ("hellaswag", "truthfulqa_as_printed")
FORM_LOSS = "grad_norm_mean on wikitext2_loss_mean"

REFUSED_AXIS = "the loss law L = E + A N^-alpha and what it leaves are stated in the number of parameters"


def compute(params: LossBlindnessParams, read: Read) -> Outcome:
    """Return the loss laws, what their residuals know of gamma, the chain and the gradient fits (paper 3, A.8)."""
    require_sizes(params.panel, params.axis, what=REFUSED_AXIS)
    ladders = read_ladders(params, read)
    if not ladders:
        raise NotEnoughDataError("The lake holds no ladder of losses with 5 sizes. Add a losses.csv under lake/local.")
    fits = fit_ladders(ladders, read_couplings(params, read), params)
    turn, turn_words = _turn(params, read)
    norms = read_gradients(read)
    links = chain(fits, norms, params, read)
    speeds = arrhenius_fits(params, read, {one.ladder.family for one in fits})
    slopes = [fit for rows in norms if rows.label == FORM_LOSS for fit in gradient_arrhenius(params, rows)]
    estimates = [e for one in fits for e in law_estimates(one)]
    estimates += [e for one in fits for e in coupling_estimates(one, turn, params)]
    estimates += [e for one in fits if (e := gap_estimate(one.ladder)) is not None]
    estimates += chain_estimates(links) + [e for rows in norms for e in gradient_estimates(rows)]
    estimates += [form_estimate(rows, params) for rows in norms if rows.on != ON_SIZE]
    estimates += arrhenius_estimates(speeds, "%") + arrhenius_estimates(slopes, NATS)
    return Outcome(
        estimates=tuple(estimates),
        tables=(
            law_table(fits),
            curve_table(fits),
            place_table(fits, turn),
            chain_table(links, read),
            gradient_table(norms),
            arrhenius_table(speeds + slopes),
        ),
        sentences=_sentences(fits, estimates, params, turn_words),
    )


def _turn(params: LossBlindnessParams, read: Read) -> tuple[float | None, str]:
    """Return the size of the turn in parameters, the chosen one or the paper's pooled N_c, and words for it."""
    if params.turn_b:
        return params.turn_b * 1e9, f"{params.turn_b:.3g} B, as chosen"
    rows = read("mart_pairs", panel=PAPER_PANEL, x=PAPER_PAIR[0], y=PAPER_PAIR[1]).sort("y_file_row")
    if rows.is_empty():
        return None, "no turn: the paper's pooled rows are not in the lake"
    points = points_of(rows)
    paper, _ = pooled_quadratic_paper_mode(points.log10_n, points.y_pct)
    if paper.value is None:
        return None, "no turn: the paper's recipe gives none"
    return 10**paper.value, f"{10 ** (paper.value - 9):.3g} B, the paper's pooled N_c"


def _sentences(
    fits: list[Fitted], estimates: list[Estimate], params: LossBlindnessParams, turn_words: str
) -> tuple[str, ...]:
    by = {(e.symbol, e.label): e for e in estimates}
    told = []
    if params.family not in (ALL_FAMILIES, *(one.ladder.family for one in fits)):
        told.append(f"{params.family} has no losses in the lake; all ladders with losses are shown.")
    told.append(_turning(fits, params))
    told += [_shift(one, by, turn_words) for one in fits if not one.ladder.suspects]
    told += [_misprint(e) for e in estimates if e.symbol == "loss_row_gap" and e.value is not None]
    return (*filter(None, told), *_dip(by))


def _turning(fits: list[Fitted], params: LossBlindnessParams) -> str:
    """Say whether gamma turns at all over the sizes of the families with losses."""
    gammas = {
        model: (one.ladder.family, held.gamma)
        for one in fits
        for model, held in zip(one.ladder.models, one.couplings, strict=True)
        if held is not None and held.gamma is not None
    }
    if not gammas:
        return f"Panel {params.panel} has no gamma for the models with losses: no sign to set the residuals against."
    families = sorted({family for family, _ in gammas.values()})
    positive = sum(gamma > 0 for _, gamma in gammas.values())
    return (
        f"{len(gammas)} models with losses have a gamma in panel {params.panel} ({', '.join(families)}); it is above "
        f"zero for {positive} of them."
    )


def _misprint(gap: Estimate) -> str:
    interval = "" if gap.low is None or gap.high is None else f", 95% interval {gap.low:+.3f} to {gap.high:+.3f}"
    return (
        f"{gap.label} lies {gap.value:+.3f} {NATS} off the law of the other sizes{interval}; its source notes a "
        "probable misprint, so that ladder is shown with and without it."
    )


def _shift(one: Fitted, by: dict[tuple[str, str], Estimate], turn_words: str) -> str:
    label = one.ladder.label
    found, places = by.get(("loss_shift", f"{label}: {ABOVE_TURN}")), by.get(("p_place", label))
    if found is None or found.value is None or found.low is None or found.high is None or places is None:
        return ""
    side = "holds" if found.low <= 0 <= found.high else "excludes"
    r = by.get(("r_loss_gamma", label))
    told = "" if r is None or r.value is None else f" Its residuals and gamma: {_told_r(r)}."
    rest = (
        ""
        if places.value is None
        else (
            f" A shift placed in {round(places.value * places.n)} of {places.n} gaps between sizes, that of the turn "
            "included, is at least as clear."
        )
    )
    return (
        f"Above {turn_words}, the loss of {label} lies {found.value:+.3f} {NATS} off a smooth law, 95% interval "
        f"{found.low:+.3f} to {found.high:+.3f}, which {side} zero.{rest}{told}"
    )


def _told_r(r: Estimate) -> str:
    interval = "no interval" if r.low is None or r.high is None else f"95% interval {r.low:.2f} to {r.high:.2f}"
    return f"r = {r.value:.2f}, {interval}, n = {r.n}"


def _dip(by: dict[tuple[str, str], Estimate]) -> tuple[str, ...]:
    label = "grad_norm_mean on N"
    within = by.get(("gradient_dip", f"{label}: {DIP_MODEL} in the line"))
    outside = by.get(("gradient_dip", f"{label}: {DIP_MODEL} out of the line"))
    if within is None or outside is None or within.value is None or outside.value is None or outside.low is None:
        return ()
    return (
        f"The gradient norm of {DIP_MODEL} lies {within.value:.0f}% off the line of all {within.n} models in log N and "
        f"{outside.value:.0f}% off the line of the other {outside.n}, 95% interval {outside.low:.0f} to "
        f"{outside.high:.0f}%.",
    )


DIAGNOSTIC = Diagnostic(
    slug="loss_blindness",
    alias="loss",
    section="Coupling",
    title="Loss blindness",
    question="Does the loss curve know of the sign of gamma, and how well does each link of the prediction chain do?",
    source="Paper A 3, Fig. 2 and A.8; dashboard prediction chain and Arrhenius table",
    params=LossBlindnessParams,
    compute=compute,
    panels=(
        Panel(
            name="laws",
            title="Loss by size and its law",
            tables=("losses", "curves"),
            alt="Loss in nats per token against size on a log axis, one colour and marker per ladder, with the fitted "
            "law as a line; rows that their source calls misprints are marked.",
            figure=laws,
        ),
        Panel(
            name="residuals",
            title="What the law leaves, by coupling",
            tables=("losses",),
            alt="One small chart per ladder: loss less its law in nats per token against size, each model marked by "
            "the phase of its gamma; a horizontal line marks zero.",
            figure=residuals,
        ),
        Panel(
            name="places",
            title="Shift of the loss for a turn at every place",
            tables=("places",),
            alt="One small chart per ladder: shift of the loss above a turn placed in each gap between sizes, with its "
            "95% interval; the gap that holds the stated turn is marked.",
            figure=places,
        ),
        Panel(
            name="prediction_chain",
            title="Prediction chain",
            tables=("chain",),
            alt="One row per level of the chain: mean absolute relative error in percent on a log axis, in sample and "
            "left out, with intervals, and the printed error.",
            figure=prediction_chain,
        ),
        Panel(
            name="gradients",
            title="Gradient norm",
            tables=("gradients",),
            alt="One small chart per covariate: gradient norm against loss or size, both on log axes, with the line of "
            "all models and the line without Pythia-1B.",
            figure=gradients,
        ),
        Panel(
            name="arrhenius",
            title="Arrhenius constants",
            tables=("arrhenius",),
            alt="One row per phase and way of taking the rate: C with its 95% interval and degrees of freedom; fits "
            "without a degree of freedom have no interval.",
            figure=arrhenius,
        ),
    ),
    controls=("turn_b", "transition_from_b", "transition_to_b", "resamples", "seed"),
    claims=LOSS_BLINDNESS,
)
