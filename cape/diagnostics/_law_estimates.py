"""Estimates, tables and sentences of the scored laws."""

from __future__ import annotations

import math
from collections.abc import Iterable

from cape.diagnostics._compare import named
from cape.diagnostics._law_rows import MODELS, LawModels, SymbolicParams
from cape.diagnostics._law_scores import FOUND, PER_FOLD, SMALLEST, Scored, Study, of_paper_form
from cape.diagnostics._law_tables import EXPONENT_ROWS, unit_of
from cape.dynamics.symbolic_forms import PAPER_NAME, Target
from cape.dynamics.symbolic_holdout import LawVerdict
from cape.quantities import Estimate
from cape.stats.inference import Inference

AT_ITS_SIZE = f"{PAPER_NAME}, among those of at most its complexity"
SINGLE_MODELS = "fewer than 3 families: single models are held out and resampled, so this is no answer for new families"
NO_INTERVAL = "no interval: a count of what is at hand"


def estimates_of(found: Study, models: LawModels, params: SymbolicParams) -> tuple[Estimate, ...]:
    """Return every estimate of a study."""
    held = [estimate for line in found.lines for estimate in _line_estimates(line, models, params)]
    return (
        *counts_of_models(models),
        *_counts(found),
        *_ranks(found),
        *_constants(found),
        *(_exponent(found, *about) for about in EXPONENT_ROWS),
        *held,
    )


def _exponent(found: Study, exponent: str, what: str, field: str) -> Estimate:
    is_dealt = field.endswith("shuffled")
    one: Inference = getattr(found.exponents, field)
    symbol = "law_exponent_shuffled" if is_dealt else "law_exponent"
    return one.estimate(symbol=symbol, label=exponent if is_dealt else f"{exponent}, {what}", unit="")


def counts_of_models(models: LawModels) -> tuple[Estimate, ...]:
    """Return how many models are used and how many rows are left out."""
    method = "models with both scores and every input known"
    n = models.frame.height
    families = models.frame["family"].n_unique()
    return (
        _count(("n_models", "used"), n, n, method, models.left_out, unit=""),
        _count(("n_families", "used"), families, families, method, (), unit=""),
        _count(("n_law_rows_left_out", "left out"), models.n_left_out, n + models.n_left_out, method, models.left_out),
    )


def undefined(why: str, params: SymbolicParams) -> tuple[Estimate, ...]:
    """Return the estimates of the paper's form where nothing can be held out."""
    about = (
        ("law_error", PAPER_NAME, unit_of(params)),
        ("law_skill", PAPER_NAME, ""),
        ("law_rank", PAPER_NAME, ""),
        ("law_rank", AT_ITS_SIZE, ""),
        ("n_laws", "searched, of the paper's form", "laws"),
    )
    return tuple(_none(symbol, label, unit, "error on held-out families", why) for symbol, label, unit in about)


def sentences_of(found: Study, models: LawModels, params: SymbolicParams) -> tuple[str, ...]:
    """Return the statements for the screen."""
    left_out = f" {'; '.join(models.left_out)}." if models.left_out else ""
    divided = " over d_model / 512" if params.target == Target.DIVIDED else ""
    n = models.frame["family"].n_unique()
    first = (
        f"{models.frame.height} models of {n} {'family' if n == 1 else 'families'} of {named(params)}; predicted is "
        f"{params.y}{divided}, in percent; N counts parameters and its logarithm has base 10.{left_out}"
        f"{f' {SINGLE_MODELS[0].upper()}{SINGLE_MODELS[1:]}.' if models.unit == MODELS else ''}"
    )
    paper, ranked = found.line(PAPER_NAME), [line for line in found.lines if line.rank is not None]
    second = f"{_skill_words('The paper' + chr(39) + 's form', paper)}" + (
        f" By held-out error it ranks {paper.rank} of {len(ranked)} forms and laws." if paper.rank else ""
    )
    best = ranked[0] if ranked else None
    third = () if best is None else (f"The lowest held-out error is that of `{best.text}` ({best.name}).",)
    laws = [line for line in found.found if line.rank is not None]
    fourth = (
        (f"{_skill_words(f'The best searched law, `{laws[0].text}`,', laws[0])} Verdict: {laws[0].verdict}.",)
        if laws
        else ()
    )
    return first, second, *third, *fourth, *_search_words(found), *_exponent_words(found)


def _skill_words(what: str, line: Scored) -> str:
    skill = line.score.skill
    if skill.value is None or skill.low is None or skill.high is None:
        return f"{what} has no held-out error here."
    more = "lower" if skill.value > 0 else "higher"
    side = "holds" if skill.low <= 0 <= skill.high else "excludes"
    return (
        f"{what} has a held-out error {abs(skill.value):.0%} {more} than one score for all models (skill "
        f"{skill.value:.2f}, 95% interval {skill.low:.2f} to {skill.high:.2f}, which {side} zero)."
    )


def _search_words(found: Study) -> tuple[str, ...]:
    """Return how the error of a search compares with the error of its laws when the search saw every family."""
    pairs = [
        (seen, unseen)
        for seen in found.found
        for unseen in found.lines
        if unseen.kind == PER_FOLD and unseen.complexity == seen.complexity
    ]
    defined = [(a, b) for a, b in pairs if a.score.error.value is not None and b.score.error.value is not None]
    if not defined:
        return ()
    seen, unseen = max(defined, key=lambda pair: pair[0].complexity or 0)
    return (
        f"Searched laws were found with every family in sight. Up to complexity {seen.complexity} a search that does "
        f"not see the family it predicts has an error of {unseen.score.error.value:.3g}; the law of that complexity, "
        f"refitted without the family, has {seen.score.error.value:.3g}.",
    )


def _exponent_words(found: Study) -> tuple[str, ...]:
    own = (found.exponents.first, found.exponents.size)
    control = (found.exponents.first_constant, found.exponents.size_constant)
    if any(one.value is None or one.low is None or one.high is None for one in own) or control[0].value is None:
        return ()
    words = [f"{one.value:.2f} ({one.low:.2f} to {one.high:.2f})" for one in own]
    return (
        f"With both exponents free, the first score has {words[0]} and log N {words[1]}; one score for all models "
        f"gives {control[0].value:.2f} and {control[1].value:.2f}.",
    )


def _line_estimates(line: Scored, models: LawModels, params: SymbolicParams) -> Iterable[Estimate]:
    more: tuple[str, ...] = (f"formula: {line.text}",) if line.text else ()
    if line.kind == FOUND:
        more += ("the search saw every family; only the constants are fitted without it",)
    if models.unit == MODELS:
        more += (SINGLE_MODELS,)
    if line.name == SMALLEST:
        more += ("uses a score of the held-out family, which no law sees; scored on its other models",)
    for symbol, found, unit in (
        ("law_error", line.score.error, unit_of(params)),
        ("law_skill", line.score.skill, ""),
        ("law_r2", line.score.r2, ""),
    ):
        yield found.estimate(symbol=symbol, label=line.name, unit=unit, caveats=more)
    if line.test is not None:
        yield _shuffled(line).estimate(symbol="law_skill_shuffled", label=line.name, unit="")
        yield _tail(line)


def _shuffled(line: Scored) -> Inference:
    assert line.test is not None
    test = line.test
    method = f"skill on scores dealt to the models at random; median and central 95% of {test.n_shuffles} deals"
    why = () if test.median is not None else ("undefined: the law has no finite value on some held-out row",)
    return Inference(value=test.median, low=test.low, high=test.high, n=test.n_shuffles, method=method, caveats=why)


def _tail(line: Scored) -> Estimate:
    assert line.test is not None
    test = line.test
    return Estimate(
        symbol="p_law_shuffled",
        label=line.name,
        value=test.p,
        low=None,
        high=None,
        n=test.n_shuffles,
        unit="",
        method="share of the deals of scores with as high a skill, the data among them",
        caveats=(
            "no interval: a tail share" if test.p is not None else "undefined: no finite held-out value",
            f"the smallest p these deals can give is {1 / (1 + test.n_shuffles):.2g}",
        ),
    )


def _counts(found: Study) -> list[Estimate]:
    searched, paper = found.found, found.line(PAPER_NAME)
    counted = {
        "searched": len(searched),
        "searched, of the paper's form": sum(of_paper_form(line, paper, found.rows) for line in searched),
        "searched, beyond both controls": sum(line.verdict == LawVerdict.BEYOND for line in searched),
        "searched, better than one score for all models": sum((line.score.skill.low or 0) > 0 for line in searched),
    }
    method = "laws of the hall of fame over all seeds"
    if not searched:
        return [
            _none("n_laws", label, "laws", method, "undefined: no search is kept for this selection")
            for label in counted
        ]
    return [
        _count(("n_laws", label), count, len(searched), method, (), unit="laws") for label, count in counted.items()
    ]


def _ranks(found: Study) -> list[Estimate]:
    paper = found.line(PAPER_NAME)
    ranked = [line for line in found.lines if line.rank is not None]
    small = [line for line in ranked if (line.complexity or 0) <= (paper.complexity or 0)]
    method = "place by error on held-out families among forms written by hand and searched laws"
    if paper.rank is None:
        why = "undefined: the paper's form has no finite value on some held-out row"
        return [_none("law_rank", label, "", method, why) for label in (PAPER_NAME, AT_ITS_SIZE)]
    place = next(index for index, line in enumerate(small, start=1) if line.name == PAPER_NAME)
    return [
        _count(("law_rank", PAPER_NAME), paper.rank, len(ranked), method, (), unit=""),
        _count(("law_rank", AT_ITS_SIZE), place, len(small), method, (), unit=""),
    ]


def _constants(found: Study) -> list[Estimate]:
    """Return the constant of the paper's form for both usual bases; the exponents are the same for any."""
    fitted = found.line(PAPER_NAME).fitted
    assert fitted is not None
    value = float(fitted.constants[0])
    why = ("no interval: a point fit to all models", "depends on percent, on d_model / 512 and on N as a count")
    method = "least squares over all models, scores in percent"
    n = found.rows.score.size
    return [
        Estimate(
            symbol="law_constant", label=f"{PAPER_NAME}, {base}", value=value * factor, low=None, high=None, n=n,
            unit="", method=method, caveats=why,
        )
        for base, factor in (("log base 10", 1.0), ("natural log", math.log(10) ** 2))
    ]  # fmt: skip


def _count(
    what: tuple[str, str], count: int, n: int, method: str, caveats: tuple[str, ...], *, unit: str = "rows"
) -> Estimate:
    return Estimate(
        symbol=what[0],
        label=what[1],
        value=float(count),
        low=None,
        high=None,
        n=n,
        unit=unit,
        method=method,
        caveats=(NO_INTERVAL, *caveats),
    )


def _none(symbol: str, label: str, unit: str, method: str, why: str) -> Estimate:
    return Estimate(
        symbol=symbol, label=label, value=None, low=None, high=None, n=0, unit=unit, method=method, caveats=(why,)
    )
