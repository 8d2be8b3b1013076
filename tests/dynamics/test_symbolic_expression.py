"""Formulas: what is refused, what is computed, and constants that agree with another implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import curve_fit

from cape.dynamics.symbolic_expression import evaluate, parse_law, with_constants
from cape.dynamics.symbolic_fit import Problems, first_fit, fit_constants
from cape.errors import BadParameterError

INPUTS = ("x_n", "log10_n")


def rows(n: int = 60, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"x_n": rng.uniform(5, 60, n), "log10_n": rng.uniform(7.5, 11, n)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("__import__('os').system('true')", "Call"),
        ("x_n.__class__", "Attribute"),
        ("(lambda: 1)()", "Call"),
        ("x_n[0]", "Subscript"),
        ("[1.0 for a in (1, 2)]", "ListComp"),
        ("1 if x_n else 2", "IfExp"),
        ("f'{x_n}'", "JoinedStr"),
        ("'text'", "Constant"),
        ("True", "Constant"),
        ("1j", "Constant"),
        ("1e999", "Constant"),
        ("9**999999999", "Constant"),
        ("exp(x_n, 2)", "Call"),
        ("exp(x=x_n)", "Call"),
        ("open(x_n)", "Call"),
        ("x_n @ log10_n", "BinOp"),
        ("x_n // 2", "BinOp"),
        ("not x_n", "UnaryOp"),
        ("width", "the name 'width'"),
        ("exp", "the name 'exp'"),
        ("(x_n := 2)", "NamedExpr"),
    ],
)
def test_what_is_no_arithmetic_is_refused_by_name(text: str, found: str) -> None:
    with pytest.raises(BadParameterError, match=f"{found}.*not allowed"):
        parse_law(text, inputs=INPUTS)


@pytest.mark.parametrize(
    "text",
    ["", "x_n +", "import os", "x_n; x_n", "(" * 300, "\0", "x_n" + " + x_n" * 200, "-" * 900 + "x_n", "1" * 3000],
)
def test_what_cannot_be_read_or_is_too_large_is_refused(text: str) -> None:
    with pytest.raises(BadParameterError):
        parse_law(text, inputs=INPUTS)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_never_anything_else(text: str) -> None:
    try:
        law = parse_law(text, inputs=INPUTS)
    except BadParameterError:
        return
    assert evaluate(law, rows(5)).shape == (5,)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.5*x_n**2/log10_n**2", lambda x, n: 2.5 * x**2 / n**2),
        ("1.0 - 3.5*x_n/log10_n", lambda x, n: 1 - 3.5 * x / n),
        ("-x_n + exp(-0.5*log10_n)*log(x_n)", lambda x, n: -x + np.exp(-0.5 * n) * np.log(x)),
        ("sqrt(square(x_n) + 4)", lambda x, n: np.sqrt(x**2 + 4)),
        ("(-8.0 - -0.7*log10_n)**4", lambda x, n: (-8 + 0.7 * n) ** 4),
        ("3", lambda x, n: np.full(x.size, 3.0)),
    ],
)
def test_a_formula_is_what_numpy_computes_and_survives_being_written(text: str, expected) -> None:
    columns = rows()
    law = parse_law(text, inputs=INPUTS)
    assert evaluate(law, columns) == pytest.approx(expected(columns["x_n"], columns["log10_n"]))
    again = parse_law(with_constants(law, law.constants), inputs=INPUTS)
    assert (again.complexity, again.constants) == (law.complexity, law.constants)
    assert evaluate(again, columns) == pytest.approx(evaluate(law, columns))


def test_whole_numbers_are_the_form_and_the_others_are_fitted() -> None:
    law = parse_law("1.5*x_n**2/log10_n**2.0", inputs=INPUTS)
    assert law.constants == (1.5, 2.0)
    assert law.complexity == 9
    assert with_constants(law, [7.0, 1.0]) == "7.0 * x_n ** 2 / log10_n ** 1.0"


def test_many_sets_of_constants_are_evaluated_at_once() -> None:
    columns, law = rows(), parse_law("1.0 + 2.0*x_n", inputs=INPUTS)
    sets = np.array([[0.0, 1.0], [3.0, -2.0]])
    expected = sets[:, :1] + sets[:, 1:] * columns["x_n"]
    assert evaluate(law, columns, sets) == pytest.approx(expected)


def test_values_that_do_not_exist_are_not_finite_and_raise_nothing() -> None:
    law = parse_law("log(x_n - 100.0)/(log10_n - log10_n)", inputs=INPUTS)
    assert not np.isfinite(evaluate(law, rows())).any()


def test_constants_are_those_of_scipy_for_every_set_of_weights() -> None:
    columns, rng = rows(80, seed=3), np.random.default_rng(4)
    target = 2.0 * columns["x_n"] ** 1.3 * columns["log10_n"] ** -1.1 + rng.normal(0, 0.05, 80)
    law = parse_law("1.0*x_n**1.0*log10_n**-1.0", inputs=INPUTS)
    weights = (rng.random((3, 80)) < 0.8).astype(float)
    start, _ = first_fit(law, columns, target)
    found, loss = fit_constants(law, Problems(columns=columns, target=target, weights=weights), start)
    for index in range(3):
        use = weights[index] > 0
        x, n = columns["x_n"][use], columns["log10_n"][use]
        theirs, _ = curve_fit(lambda data, c, a, b: c * data[0] ** a * data[1] ** b, (x, n), target[use], p0=start)
        assert found[index] == pytest.approx(theirs, rel=1e-3)
        assert loss[index] == pytest.approx(
            np.mean((theirs[0] * x ** theirs[1] * n ** theirs[2] - target[use]) ** 2), rel=1e-6
        )


def test_a_formula_without_a_finite_value_has_an_infinite_loss() -> None:
    columns = rows()
    law = parse_law("1.0*log(0 - x_n)", inputs=INPUTS)
    assert first_fit(law, columns, columns["log10_n"])[1] == np.inf
