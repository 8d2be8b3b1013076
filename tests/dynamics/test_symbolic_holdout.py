"""Held-out ranking: a planted law wins, a shared divisor is no law, and the numbers are those of plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from cape.dynamics.symbolic_exponents import free_exponents
from cape.dynamics.symbolic_expression import Law, parse_law
from cape.dynamics.symbolic_forms import CONTROL_NAME, PAPER_NAME, Inputs, Target, forms_for, input_names
from cape.dynamics.symbolic_holdout import (
    LawVerdict,
    Rows,
    Score,
    ShuffleTest,
    family_folds,
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
from cape.stats.inference import Inference


def planted(kind: str, *, n_families: int = 12, per_family: int = 6, seed: int = 1) -> Rows:
    """Families over five decades of size; the second score follows the paper's form, or nothing at all."""
    rng = np.random.default_rng(seed)
    family = np.repeat([f"F{index:02d}" for index in range(n_families)], per_family)
    log10_n = rng.uniform(7.5, 11, family.size)
    width = 10 ** (0.35 * (log10_n - 8) + rng.normal(0, 0.05, family.size)) * 1.5
    first = 25 + 12 * (log10_n - 7.5) + rng.normal(0, 4, family.size)
    if kind == "law":
        score = width * 3.0 * (first / width) ** 2 / log10_n**2 * (1 + rng.normal(0, 0.03, family.size))
    else:
        score = rng.normal(40, 4, family.size)
    columns = {"x": first, "x_n": first / width, "width": width, "log10_n": log10_n}
    return Rows(family=family, columns=columns, score=score, divisor=width, fold=family_folds(family.tolist()))


def laws(rows: Rows) -> dict[str, Law]:
    return {form.name: parse_law(form.text, inputs=tuple(rows.columns)) for form in forms_for(Target.DIVIDED)}


def held_out(rows: Rows, **kwargs):
    found = {name: predict_held_out(law, rows).predictions for name, law in laws(rows).items()}
    rng = np.random.default_rng(0)
    return found, scores(found, found[CONTROL_NAME], rows, n_resamples=kwargs.get("n", 500), rng=rng)


def test_the_planted_law_has_the_lowest_error_and_is_beyond_both_controls() -> None:
    rows = planted("law")
    _, scored = held_out(rows)
    ranked = sorted(scored, key=lambda name: scored[name].error.value or np.inf)
    assert PAPER_NAME in ranked[:2]  # its free-exponent form holds it too
    test = shuffle_test(laws(rows)[PAPER_NAME], laws(rows)[CONTROL_NAME], rows, rng=np.random.default_rng(2))
    assert law_verdict(scored[PAPER_NAME], test) is LawVerdict.BEYOND


@pytest.mark.parametrize("seed", range(4))
def test_a_shared_divisor_is_not_called_a_law(seed: int) -> None:
    rows = planted("nothing", seed=seed)
    _, scored = held_out(rows)
    raw_r = np.corrcoef(rows.columns["x_n"], rows.target)[0, 1]
    assert raw_r > 0.5  # both sides over width do go together
    for name, law in laws(rows).items():
        if name == CONTROL_NAME:
            continue
        test = shuffle_test(law, laws(rows)[CONTROL_NAME], rows, rng=np.random.default_rng(2))
        assert law_verdict(scored[name], test) is not LawVerdict.BEYOND, name


def test_errors_skill_and_r2_are_those_of_a_loop_over_folds_and_families() -> None:
    rows = planted("nothing")
    found, scored = held_out(rows)
    predicted, control = np.empty(rows.score.size), np.empty(rows.score.size)
    x, y, inverse = rows.columns["x_n"], rows.target, 1 / rows.columns["width"]
    for fold in np.unique(rows.fold):
        out = rows.fold == fold
        slope, offset = np.polyfit(x[~out], y[~out], 1)
        predicted[out] = offset + slope * x[out]
        control[out] = inverse[out] * (inverse[~out] @ y[~out]) / (inverse[~out] @ inverse[~out])
    name = "linear in the first score"
    assert found[name] == pytest.approx(predicted, rel=1e-5)
    assert found[CONTROL_NAME] == pytest.approx(control, rel=1e-6)

    def error(one: np.ndarray) -> float:
        return np.mean([np.abs(one - y)[rows.family == family].mean() for family in rows.families])

    score = scored[name]
    assert score.error.value == pytest.approx(error(predicted), rel=1e-5)
    assert score.skill.value == pytest.approx(1 - error(predicted) / error(control), rel=1e-5)
    assert score.r2.value == pytest.approx(1 - np.sum((predicted - y) ** 2) / np.sum((control - y) ** 2), rel=1e-4)
    assert score.error.low < score.error.value < score.error.high
    assert score.error.n == rows.families.size
    assert (scored[CONTROL_NAME].skill.value, scored[CONTROL_NAME].skill.low) == (0, 0)


def test_folds_keep_families_whole_and_are_the_same_every_time() -> None:
    families = [f"F{index % 23}" for index in range(150)]
    folds = family_folds(families)
    assert set(folds.tolist()) == set(range(10))
    assert all(len({folds[i] for i, name in enumerate(families) if name == one}) == 1 for one in set(families))
    assert np.array_equal(folds, family_folds(families))
    assert np.bincount(folds).max() - np.bincount(folds).min() <= 8
    assert family_folds(["a", "b", "b"]).tolist() == [1, 0, 0]


def test_a_prediction_never_sees_the_family_it_predicts() -> None:
    rows = planted("law")
    law = laws(rows)["linear in the first score"]
    before = predict_held_out(law, rows).predictions
    out = rows.fold == 0
    moved = Rows(
        family=rows.family,
        columns=rows.columns,
        score=np.where(out, rows.score + 50, rows.score),
        divisor=rows.divisor,
        fold=rows.fold,
    )
    assert predict_held_out(law, moved).predictions[out] == pytest.approx(before[out], rel=1e-6)


def test_baselines_are_those_of_a_loop() -> None:
    rows = planted("nothing", n_families=4, per_family=3)
    means = {name: rows.target[rows.family == name].mean() for name in rows.families}
    expected = [np.mean([means[m] for m in means if rows.fold[rows.family == m][0] != fold]) for fold in rows.fold]
    assert mean_of_families(rows) == pytest.approx(np.array(expected))
    carried = smallest_model(rows)
    for name in rows.families:
        held = np.flatnonzero(rows.family == name)
        least = held[np.argmin(rows.columns["log10_n"][held])]
        assert np.isnan(carried[least])
        others = held[held != least]
        assert carried[others] == pytest.approx(rows.score[least] / rows.divisor[others])


def test_a_law_without_a_value_somewhere_loses_those_rows_and_says_so() -> None:
    rows = planted("law")
    law = parse_law("log(x_n - 20.0)", inputs=tuple(rows.columns))
    predicted = predict_by_fold({fold: law for fold in range(10)}, rows)
    _, scored = held_out(rows)
    control = predict_held_out(laws(rows)[CONTROL_NAME], rows).predictions
    lost = scores({"a": predicted}, control, rows, n_resamples=200, rng=np.random.default_rng(0))["a"]
    assert lost.n_lost == int((rows.columns["x_n"] <= 20).sum()) > 0
    assert any("no finite prediction" in caveat for caveat in lost.error.caveats)
    assert scored[PAPER_NAME].n_lost == 0


def test_fewer_than_three_families_have_no_held_out_error() -> None:
    rows = planted("law", n_families=2)
    _, scored = held_out(rows)
    assert all(score.error.value is None and score.error.caveats for score in scored.values())
    assert law_verdict(scored[PAPER_NAME], None) is LawVerdict.UNDEFINED


def test_free_exponents_are_those_of_statsmodels_and_of_the_planted_law() -> None:
    rows = planted("law", n_families=20)
    found = free_exponents(rows, "x_n", n_resamples=500, n_shuffles=99, rng=np.random.default_rng(0))
    logs = sm.add_constant(np.column_stack([np.log(rows.columns["x_n"]), np.log(rows.columns["log10_n"])]))
    fit = sm.OLS(np.log(rows.target), logs).fit()
    assert [found.first.value, found.size.value] == pytest.approx(fit.params[1:])
    assert found.first.low < 2 < found.first.high
    assert found.size.low < -2 < found.size.high
    divisor = sm.OLS(-np.log(rows.divisor), logs).fit()
    assert [found.first_constant.value, found.size_constant.value] == pytest.approx(divisor.params[1:])


def test_exponents_of_unrelated_scores_lie_where_the_divisor_alone_puts_them() -> None:
    rows = planted("nothing", n_families=20)
    found = free_exponents(rows, "x_n", n_resamples=500, n_shuffles=199, rng=np.random.default_rng(0))
    assert found.first_shuffled.low < found.first.value < found.first_shuffled.high
    assert found.size_shuffled.low < found.size.value < found.size_shuffled.high


def test_scores_below_zero_have_no_exponents() -> None:
    rows = planted("law")
    worse = Rows(family=rows.family, columns=rows.columns, score=rows.score - 100, divisor=rows.divisor, fold=rows.fold)
    found = free_exponents(worse, "x_n", n_resamples=200, n_shuffles=9, rng=np.random.default_rng(0))
    assert found.first.value is None and found.first.caveats


def test_forms_are_the_same_up_to_a_factor_only() -> None:
    rows = planted("law")
    one, other, third = (
        parse_law(text, inputs=tuple(rows.columns))
        for text in ("2.0*x_n**2/log10_n**2", "(1.7*x_n/log10_n)**2", "x_n**2/log10_n**2 + 0.1")
    )
    assert is_same_form(one, other, rows.columns)
    assert not is_same_form(one, third, rows.columns)


@pytest.mark.parametrize("target", list(Target))
def test_every_form_can_be_read_and_uses_known_inputs(target: Target) -> None:
    forms = forms_for(target)
    assert forms[0].name == CONTROL_NAME
    assert PAPER_NAME in {form.name for form in forms}
    for form in forms:
        parse_law(form.text, inputs=("x", "x_n", "width", "log10_n"))
    assert all(input_names(target, inputs)[1] == "log10_n" for inputs in Inputs)


def score_of(value: float | None, low: float | None) -> Score:
    one = Inference(value=value, low=low, high=None, n=9, method="m", caveats=("c",))
    return Score(error=one, skill=one, r2=one, n_lost=0)


@pytest.mark.parametrize(
    ("value", "low", "p", "verdict"),
    [
        (None, None, 0.01, LawVerdict.UNDEFINED),
        (0.2, -0.1, 0.01, LawVerdict.NO_BETTER),
        (-0.2, -0.4, 0.01, LawVerdict.NO_BETTER),
        (0.2, 0.1, 0.2, LawVerdict.SHUFFLED),
        (0.2, 0.1, 0.05, LawVerdict.BEYOND),
        (0.2, 0.1, None, LawVerdict.UNTESTED),
    ],
)
def test_a_law_has_to_pass_both_controls(value: float, low: float, p: float, verdict: LawVerdict) -> None:
    test = ShuffleTest(observed=0.2, low=0.0, median=0.0, high=0.1, p=p, n_shuffles=99)
    assert law_verdict(score_of(value, low), test) is verdict


@pytest.mark.parametrize(
    ("verdict", "low", "expected"),
    [
        (LawVerdict.BEYOND, 0.1, LawVerdict.BEYOND),
        (LawVerdict.BEYOND, -0.1, LawVerdict.SEEN),
        (LawVerdict.UNTESTED, 0.0, LawVerdict.SEEN),
        (LawVerdict.SHUFFLED, 0.1, LawVerdict.SHUFFLED),
        (LawVerdict.NO_BETTER, 0.1, LawVerdict.NO_BETTER),
        (LawVerdict.BEYOND, None, LawVerdict.UNTESTED),
    ],
)
def test_a_searched_law_holds_only_where_a_search_without_the_family_does(
    verdict: LawVerdict, low: float | None, expected: LawVerdict
) -> None:
    unseen = score_of(None if low is None else 0.2, low)
    assert searched_verdict(verdict, unseen) is expected
    assert searched_verdict(LawVerdict.BEYOND, None) is LawVerdict.UNTESTED


def test_shuffled_scores_are_dealt_before_they_are_divided() -> None:
    rows = planted("nothing")
    linear, control = laws(rows)["linear in the first score"], laws(rows)[CONTROL_NAME]
    found = shuffle_test(linear, control, rows, rng=np.random.default_rng(8))
    deals = np.random.default_rng(8)
    skills = []
    for _ in range(found.n_shuffles):
        dealt = deals.permutation(rows.score.size)
        again = Rows(
            family=rows.family,
            columns=rows.columns,
            score=rows.score[dealt],
            divisor=rows.divisor,
            fold=rows.fold,
        )
        errors = [
            again.by_family(np.abs(predict_held_out(law, again).predictions - again.target))
            for law in (linear, control)
        ]
        skills.append(1 - errors[0].mean() / errors[1].mean())
    assert found.median == pytest.approx(np.median(skills), rel=1e-3)
    assert found.p == pytest.approx((1 + np.sum(np.array(skills) >= found.observed)) / (1 + len(skills)), abs=0.011)
