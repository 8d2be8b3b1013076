"""How gamma runs with size: beta function, kink, angle of e2, required field, and the paper's physics in one place."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Diagnostic, Outcome, Panel, Read
from cape.diagnostics._dictionary import dictionary_tables
from cape.diagnostics._fetch import require
from cape.diagnostics._flow_angles import PRINTED, angle_fits
from cape.diagnostics._flow_beta import beta_fits
from cape.diagnostics._flow_curation import (
    chance_scale,
    critical_scale_of,
    curation_estimates,
    field_estimates,
    susceptibility,
)
from cape.diagnostics._flow_params import FlowParams, Ladders, ladders_of, once, pooled_name
from cape.diagnostics._flow_running import running_fits
from cape.diagnostics._params import WINDOW
from cape.diagnostics._printed_constants import (
    consistencies,
    constant_estimates,
    constant_sentence,
    constant_table,
    printed_constants,
)
from cape.diagnostics.wiring.flow_geometry import FLOW_GEOMETRY
from cape.figures.flow_geometry import angle_series, beta_plane, field_curve, fixed_point_forest, running_gamma
from cape.positions import Axis
from cape.quantities import Estimate


def compute(params: FlowParams, read: Read) -> Outcome:
    """Return every fit of gamma with its null, the printed angles, h_c, and the relations of printed constants."""
    read = once(read)
    ladders = ladders_of(params, read)
    require(ladders.rows, params, what="two sizes of one family")
    critical = critical_scale_of(params, read)
    estimates, tables = beta_fits(params, ladders)
    for more, shown in (
        running_fits(params, ladders, critical.found),
        angle_fits(params, ladders, read),
        field_estimates(params, critical),
    ):
        estimates, tables = estimates + more, tables + shown
    estimates += curation_estimates(params, read) + susceptibility(ladders) + chance_scale(params, read)
    relations = consistencies(printed_constants(read))
    estimates += constant_estimates(relations)
    tables += [constant_table(relations), *dictionary_tables()]
    sentences = (*_sentences(params, ladders, estimates), constant_sentence(relations))
    return Outcome(estimates=tuple(estimates), tables=tuple(tables), sentences=sentences)


def _sentences(params: FlowParams, ladders: Ladders, estimates: list[Estimate]) -> tuple[str, ...]:
    name = pooled_name(params) if ladders.is_pooled else next(iter(ladders.each), "")
    by = {(e.symbol, e.label): e for e in estimates}
    told = [
        _beta_sentence(name, by),
        _kink_sentence(name, by, params.axis),
        _locking_sentence(name, by),
        _angle_sentence(by),
        _field_sentence(params, by),
    ]
    return tuple(sentence for sentence in told if sentence)


Found = dict[tuple[str, str], Estimate]


def _beta_sentence(name: str, by: Found) -> str:
    r2, null, p = (by.get((symbol, f"{name}, linear")) for symbol in ("beta_r2", "beta_r2_null", "p_beta"))
    star = by.get(("gamma_star", f"{name}, linear: zero"))
    if r2 is None or star is None or r2.value is None:
        return f"{name}: too few intervals for a beta function."
    head = f"The linear beta function of {name} has R2 {r2.value:.2f}"
    if null is not None and null.high is not None and p is not None and p.value is not None:
        head += (
            f"; ladders whose gamma does not run, measured with the same errors, reach up to {null.high:.2f} in 95% of "
            f"draws (p = {p.value:.2g})"
        )
    place = "no zero" if star.value is None else f"its zero is {_with_interval(star)}, {star.caveats[-1]}"
    return f"{head}; {place}."


def _kink_sentence(name: str, by: Found, axis: Axis) -> str:
    centre, zero, gain = (by.get((symbol, name)) for symbol in ("N_kink_centre", "N_kink_zero", "kink_gain"))
    if centre is None or centre.value is None:
        return f"The gammas of {name} single out no kink: the best fit is a line or a step, or there are too few."
    worth = ""
    if gain is not None and gain.value is not None:
        better = "better" if gain.value < 0 else "no better"
        worth = f"; by corrected AIC it is {better} than a line ({gain.value:+.1f})"
    crossing = (
        "does not cross zero" if zero is None or zero.value is None else f"crosses zero at {axis.words(zero.value)}"
    )
    return f"The kink of {name} has its centre at {axis.words(centre.value)} and {crossing}{worth}."


def _locking_sentence(name: str, by: Found) -> str:
    rate, p = by.get(("locked_rate", f"{name} above N_c")), by.get(("p_heterogeneity", f"{name} above N_c"))
    if rate is None or rate.value is None:
        return f"{name} has no interval above an N_c, so no exchange rate there."
    spread = ""
    if p is not None and p.value is not None:
        fits = "one rate does not fit" if p.value < 0.05 else "one rate is not refuted for"
        spread = f"; {fits} all its intervals there (Cochran's Q, p = {p.value:.2g})"
    return f"Above N_c the mean gamma of {name} is {_with_interval(rate)}{spread}."


def _angle_sentence(by: Found) -> str:
    star, loading = by.get(("theta_star", f"{PRINTED} theta: stable")), by.get(("N_e2_zero", f"{PRINTED} theta"))
    other = by.get(("N_e2_zero", f"{PRINTED} H12"))
    if star is None or star.value is None or loading is None or loading.value is None:
        return ""
    beside = "" if other is None or other.value is None else f" (the H12 printed beside it at {other.value:.3g} B)"
    return (
        f"The printed angle of e2 crosses zero at {loading.value:.3g} B{beside}; the Riccati equation through its "
        f"{star.n} values has its stable point at {star.value:+.2f}."
    )


def _field_sentence(params: FlowParams, by: Found) -> str:
    at = f"at {params.size_b:g} {params.axis.short}"
    field = by[("h_c", at)]
    if field.value is None:
        return f"There is no h_c {at}: {field.caveats[0]}."
    place = f"With N_c by {params.n_c}, h_c {at}"
    return f"{place} is, in percent of full curation, {_with_interval(field)}."


def _with_interval(found: Estimate) -> str:
    if found.low is None and found.high is None:
        return f"{found.value:.3g} (no interval)"
    ends = [f"{end:.3g}" if end is not None else "unbounded" for end in (found.low, found.high)]
    return f"{found.value:.3g} (95% interval {ends[0]} to {ends[1]})"


DIAGNOSTIC = Diagnostic(
    slug="flow_geometry",
    alias="flow",
    section="Dynamics",
    title="Flow geometry",
    question="Does gamma run with size in a lawful way, and what do the paper's physics constants say of each other?",
    source="Paper A 4, A.7, A.9 and A.10; dashboard cards on RG flow, topology, dictionary and levers",
    params=FlowParams,
    compute=compute,
    panels=(
        Panel(
            name="running",
            title="gamma by size, with a line and a kink",
            tables=("running", "running_curves"),
            alt="gamma of each interval with its 95% interval against size on a log axis; a straight line and, where "
            "one is singled out, a kink run through them; residuals are in the table.",
            figure=running_gamma,
        ),
        Panel(
            name="beta",
            title="Rate of gamma against gamma",
            tables=("rates", "beta_curves"),
            alt="Change of gamma per decade between neighbouring intervals against gamma, with standard errors and the "
            "fitted linear and quadratic beta functions; the heading says what R2 noise alone gives.",
            figure=beta_plane,
        ),
        Panel(
            name="fixed_points",
            title="Fixed points of gamma",
            tables=("fixed_points",),
            alt="One row per fit with its fixed point, 95% interval and stability; rows without one say why.",
            figure=fixed_point_forest,
        ),
        Panel(
            name="angles",
            title="Angle of e2 as printed, and the Riccati equation",
            tables=("angles",),
            alt="Printed angle of the second eigenvector against size with the fitted solution and its fixed points.",
            figure=angle_series,
        ),
        Panel(
            name="field",
            title="Required field h_c",
            tables=("field",),
            alt="h_c against size on a log axis with the band that the interval of N_c gives; zero above N_c.",
            figure=field_curve,
        ),
        Panel(
            name="printed_constants",
            title="What printed constants say of each other",
            tables=("printed_constants",),
            alt="One row per relation: what follows from printed numbers, what is printed, and whether they agree.",
        ),
        Panel(
            name="dictionary",
            title="Physics and machine learning, as the paper pairs them",
            tables=("dictionary",),
            alt="One row per concept of physics, what it stands for, its source and what measures it here.",
        ),
        Panel(
            name="levers",
            title="Levers, as the paper pairs them",
            tables=("levers",),
            alt="One row per lever of condensed matter with its analogue in training and its source.",
        ),
    ),
    controls=(*WINDOW, "weights", "slope_at", "n_c", "size_b", "angle", "curated", "resamples", "seed"),
    claims=FLOW_GEOMETRY,
)
