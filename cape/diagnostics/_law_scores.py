"""Score searched laws, forms written by hand and baselines on the same held-out families."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from cape.diagnostics._law_rows import FAMILIES, LawModels, SymbolicParams, rows_of
from cape.dynamics.symbolic_exponents import Exponents, free_exponents
from cape.dynamics.symbolic_expression import Law, parse_law, with_constants
from cape.dynamics.symbolic_forms import CONTROL_NAME, LATEX, PAPER_NAME, Form, Target, forms_for
from cape.dynamics.symbolic_holdout import (
    LawVerdict,
    Predicted,
    Rows,
    Score,
    ShuffleTest,
    is_same_form,
    law_verdict,
    mean_of_families,
    predict_by_fold,
    predict_held_out,
    scores,
    searched_verdict,
    shuffle_test,
    smallest_model,
)

FORM, FOUND, PER_FOLD, BASELINE = "form", "searched, all families", "searched without the family", "baseline"
MEANS, SMALLEST = "mean of the other families", "score of the family's smallest model"
DEALS_OF_EXPONENTS = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One line of the table: what it is, how it was made, its predictions on held-out families and its score."""

    name: str
    kind: str
    score: Score
    predictions: NDArray[np.float64] = field(repr=False)
    text: str = ""
    latex: str = ""
    complexity: int | None = None
    law: Law | None = None
    fitted: Predicted | None = None
    engine: str = ""
    seeds: tuple[int, ...] = ()
    seeds_searched: int = 0
    test: ShuffleTest | None = None
    rank: int | None = None
    unseen: Score | None = None

    @property
    def verdict(self) -> LawVerdict:
        verdict = law_verdict(self.score, self.test)
        return searched_verdict(verdict, self.unseen) if self.kind == FOUND else verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A law of the hall of fame before it is scored."""

    law: Law
    latex: str
    engine: str
    seeds: tuple[int, ...]
    seeds_searched: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """All lines by rank, the rows they are scored on, and the free exponents."""

    rows: Rows
    lines: tuple[Scored, ...]
    exponents: Exponents

    def line(self, name: str) -> Scored:
        """Return the line of this name; raise KeyError without one."""
        return next(line for line in self.lines if line.name == name)

    @property
    def found(self) -> list[Scored]:
        return [line for line in self.lines if line.kind == FOUND]


def study(models: LawModels, laws: pl.DataFrame, params: SymbolicParams) -> Study | None:
    """Return every law and form scored on held-out families, or None where nothing can be held out.

    laws : rows of mart_symbolic_laws for this selection, possibly none.
    """
    if not models.can_be_held_out:
        return None
    laws = _of_these(models, laws)
    rows = rows_of(models, params, _folds(list(models.held), laws))
    forms = forms_for(Target(params.target))
    written = {form.name: parse_law(form.text, inputs=tuple(rows.columns)) for form in forms}
    hall = {_name_found(one.law): one for one in _hall(laws, rows)}
    known = written | {name: one.law for name, one in hall.items()}
    fitted = {name: predict_held_out(law, rows) for name, law in known.items()}
    predictions = {name: one.predictions for name, one in fitted.items()}
    per_fold = _per_fold(laws, rows, sorted(one.law.complexity for one in hall.values()))
    predictions |= {_name_per_fold(most): found for most, found in per_fold.items()}
    predictions |= {MEANS: mean_of_families(rows), SMALLEST: smallest_model(rows)}
    rng = np.random.default_rng([params.seed, 21])
    scored = scores(predictions, predictions[CONTROL_NAME], rows, n_resamples=params.resamples, rng=rng)
    lines = [_form_line(form, written[form.name], fitted[form.name], scored) for form in forms]
    lines += [_found_line(name, one, fitted[name], scored) for name, one in hall.items()]
    lines += [
        Scored(name=name, kind=PER_FOLD, score=scored[name], predictions=found, complexity=most)
        for most, found in per_fold.items()
        for name in [_name_per_fold(most)]
    ]
    lines += [
        Scored(name=name, kind=BASELINE, score=scored[name], predictions=predictions[name])
        for name in (MEANS, SMALLEST)
    ]
    ranked = _tested(_ranked(lines), written[CONTROL_NAME], rows, params)
    rng = np.random.default_rng([params.seed, 23])
    first = "x_n" if params.target == Target.DIVIDED else "x"
    exponents = free_exponents(rows, first, n_resamples=params.resamples, n_shuffles=DEALS_OF_EXPONENTS, rng=rng)
    return Study(rows=rows, lines=tuple(ranked), exponents=exponents)


def of_paper_form(line: Scored, paper: Scored, rows: Rows) -> bool:
    """Return whether a searched law is the paper's form with another constant."""
    assert line.law is not None and paper.law is not None
    return is_same_form(line.law, paper.law, rows.columns)


def _name_found(law: Law) -> str:
    return f"searched law of complexity {law.complexity}"


def _name_per_fold(most: int) -> str:
    return f"searched without the family, complexity up to {most}"


def _of_these(models: LawModels, laws: pl.DataFrame) -> pl.DataFrame:
    """Return the laws without those of folds of families where single models are held out."""
    if models.unit == FAMILIES:
        return laws
    own = set(models.held)
    fits = [
        fold is None or own.issuperset(held.split("\n")) for fold, held in laws.select("fold", "held_out").iter_rows()
    ]
    return laws.filter(pl.Series(fits, dtype=pl.Boolean))


def _folds(families: list[str], laws: pl.DataFrame) -> NDArray[np.int64] | None:
    """Return the fold of each row as it was when the laws were searched; None where none was searched by fold.

    Families that no finished search left out stand in a fold of their own, which has no law.
    """
    searched = laws.drop_nulls("fold").select("fold", "held_out").unique().sort("fold")
    fold_of = {name: int(fold) for fold, held in searched.iter_rows() for name in str(held).split("\n")}
    if not fold_of:
        return None
    return np.array([fold_of.get(name, max(fold_of.values()) + 1) for name in families], dtype=np.int64)


def _hall(laws: pl.DataFrame, rows: Rows) -> list[Found]:
    """Return the searched laws that no smaller one comes near over all seeds, with the seeds that found each form."""
    searched = laws.filter(pl.col("fold").is_null()).sort("complexity", "loss", "seed")
    seeds = searched["seed"].n_unique()
    seeds_of: dict[str, set[int]] = {}
    kept: dict[str, tuple[Law, dict]] = {}
    least = np.inf
    for row in searched.iter_rows(named=True):
        law = parse_law(row["expression"], inputs=tuple(name for name in LATEX if name in rows.columns))
        shape = with_constants(law, [1.0] * len(law.constants))
        seeds_of.setdefault(shape, set()).add(int(row["seed"]))
        if row["loss"] < least:
            least = row["loss"]
            kept[shape] = (law, row)
    best = {law.complexity: (shape, law, row) for shape, (law, row) in reversed(kept.items())}
    return [
        Found(
            law=law,
            latex=str(row["latex"]),
            engine=f"{row['engine']} {row['engine_version']}",
            seeds=tuple(sorted(seeds_of[shape])),
            seeds_searched=seeds,
        )
        for shape, law, row in sorted(best.values(), key=lambda one: one[1].complexity)
    ]


def _per_fold(laws: pl.DataFrame, rows: Rows, sizes: list[int]) -> dict[int, NDArray[np.float64]]:
    """Return held-out predictions by largest complexity: each fold uses the best law searched without its families."""
    searched = laws.drop_nulls("fold").sort("fold", "complexity")
    found: dict[int, NDArray[np.float64]] = {}
    for most in dict.fromkeys(sizes):
        best = searched.filter(pl.col("complexity") <= most).group_by("fold", maintain_order=True).last()
        texts: Mapping[int, str] = dict(best.select("fold", "expression").iter_rows())
        parsed = {int(fold): parse_law(text, inputs=tuple(rows.columns)) for fold, text in texts.items()}
        if parsed:
            found[most] = predict_by_fold(parsed, rows)
    return found


def _form_line(form: Form, law: Law, fitted: Predicted, scored: Mapping[str, Score]) -> Scored:
    return Scored(
        name=form.name,
        kind=FORM,
        score=scored[form.name],
        predictions=fitted.predictions,
        text=with_constants(law, fitted.constants),
        latex=form.latex,
        complexity=law.complexity,
        law=law,
        fitted=fitted,
    )


def _found_line(name: str, one: Found, fitted: Predicted, scored: Mapping[str, Score]) -> Scored:
    return Scored(
        name=name,
        kind=FOUND,
        score=scored[name],
        predictions=fitted.predictions,
        text=with_constants(one.law, fitted.constants),
        latex=one.latex,
        complexity=one.law.complexity,
        law=one.law,
        fitted=fitted,
        engine=one.engine,
        seeds=one.seeds,
        seeds_searched=one.seeds_searched,
        unseen=scored.get(_name_per_fold(one.law.complexity)),
    )


def _ranked(lines: list[Scored]) -> list[Scored]:
    """Return the lines by held-out error; forms and laws that predict every held-out row get a rank."""

    def error(line: Scored) -> float:
        return np.inf if line.score.error.value is None else line.score.error.value

    ordered = sorted(lines, key=lambda line: (error(line), line.complexity or 0, line.name))
    ranks = iter(range(1, len(ordered) + 1))
    return [
        replace(line, rank=next(ranks)) if line.kind in (FORM, FOUND) and not line.score.n_lost else line
        for line in ordered
    ]


def _tested(lines: list[Scored], control: Law, rows: Rows, params: SymbolicParams) -> list[Scored]:
    """Run shuffled scores for the paper's form and for the best searched law."""
    best = next((line.name for line in lines if line.kind == FOUND and line.rank is not None), None)
    rng = np.random.default_rng([params.seed, 22])
    return [
        replace(line, test=shuffle_test(line.law, control, rows, rng=rng))
        if line.law is not None and line.name in (PAPER_NAME, best)
        else line
        for line in lines
    ]
