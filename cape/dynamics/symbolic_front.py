"""From an engine's formulas to a hall of fame: simplify, drop parts that earn nothing, keep the best of each size.

An engine adds a scale and an offset to every formula and counts size in its own way. Here every formula is simplified
by SymPy, every part that can be left out is tried without, all constants are fitted again, and size is counted on
the text that is kept. So laws of both engines and forms written by hand are measured alike.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cape.dynamics.symbolic_expression import Array, Columns, Law, parse_law, with_constants
from cape.dynamics.symbolic_fit import ITERATIONS, Problems, fit_constants
from cape.errors import BadParameterError

LARGEST_PRUNED = 1.5  # times the largest complexity kept: larger formulas are not worth taking apart
SCREENING = 3  # steps of the fit that decides which part earns least
LEAST_LOSS = 1e-300  # keeps the logarithm of a perfect fit finite
LEAST_FALL = 0.01  # a larger formula must lower the loss by this share to stand in the hall of fame
SHOWN_DIGITS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One law of a hall of fame. loss : mean squared error on the rows it was searched on."""

    expression: str
    latex: str
    complexity: int
    loss: float


def hall_of_fame(
    texts: Iterable[str], columns: Columns, target: Array, *, most: int, symbols: Mapping[str, str]
) -> list[Found]:
    """Return the laws that no smaller law comes near, in order of complexity.

    texts : formulas over the names of `columns` (n,). most : largest complexity kept. symbols : LaTeX of each name.
    Formulas that cannot be read or have no finite value on the rows are left out.
    """
    tried: dict[str, tuple[Law, float]] = {}
    for text in texts:
        for law in _plain_forms(text, columns):
            if law.complexity <= LARGEST_PRUNED * most:
                _prune(law, columns, target, tried)
    kept: list[Found] = []
    fitted = [(law, loss) for law, loss in tried.values() if law.complexity <= most and np.isfinite(loss)]
    for complexity in sorted({law.complexity for law, _ in fitted}):
        law, loss = _plainest([one for one in fitted if one[0].complexity == complexity], target.size)
        if not kept or loss < (1 - LEAST_FALL) * kept[-1].loss:
            law = _rewritten(law, columns)
            kept.append(Found(expression=law.text, latex=latex_of(law, symbols), complexity=complexity, loss=loss))
    return kept


def _plainest(same_size: list[tuple[Law, float]], n_rows: int) -> tuple[Law, float]:
    """Return the law with the least Bayesian information criterion: a constant more must earn its place."""
    return min(
        same_size, key=lambda one: n_rows * np.log(max(one[1], LEAST_LOSS)) + len(one[0].constants) * np.log(n_rows)
    )


def _rewritten(law: Law, columns: Columns) -> Law:
    """Return the law as SymPy writes it, unless that is longer."""
    found = _from_sympy(_to_sympy(law.tree), columns)
    return law if found is None or found.complexity > law.complexity else found


def latex_of(law: Law, symbols: Mapping[str, str]) -> str:
    """Return the formula in LaTeX, constants to four digits."""
    import sympy

    names = {sympy.Symbol(name, positive=True): text for name, text in symbols.items()}
    shown = _to_sympy(law.tree).xreplace(
        {number: sympy.Float(number, SHOWN_DIGITS) for number in _to_sympy(law.tree).atoms(sympy.Float)}
    )
    return str(sympy.latex(shown, symbol_names=names))


def _plain_forms(text: str, columns: Columns) -> Iterator[Law]:
    """Yield a formula as SymPy writes it: as given, expanded, and with a factor to fit where it has none."""
    import sympy

    try:
        given = _to_sympy(parse_law(text, inputs=tuple(columns)).tree)
    except BadParameterError:
        return
    forms = [given, sympy.expand(given)]
    if not given.is_Add and given.as_coeff_Mul()[0] == 1:
        forms.append(sympy.Float(1) * given)
    for form in forms:
        law = _from_sympy(form, columns)
        if law is not None:
            yield law


def _prune(law: Law, columns: Columns, target: Array, tried: dict[str, tuple[Law, float]]) -> None:
    """Fit a law and, one after another, what is left of it when its least useful part is dropped."""
    current = _fitted(law, columns, target, tried)
    while current is not None:
        tests = [(form, _fit(form, columns, target, SCREENING)[1]) for form in _without_one_part(current, columns)]
        tests = [(form, loss) for form, loss in tests if np.isfinite(loss)]
        current = _fitted(min(tests, key=lambda one: one[1])[0], columns, target, tried) if tests else None


def _fitted(law: Law, columns: Columns, target: Array, tried: dict[str, tuple[Law, float]]) -> Law | None:
    """Return the law with its constants fitted and keep it; None where it was met before or has no finite value."""
    form = with_constants(law, [1.0] * len(law.constants))
    if form in tried:
        return None
    constants, loss = _fit(law, columns, target, ITERATIONS)
    tried[form] = (parse_law(with_constants(law, constants), inputs=tuple(columns)), loss)
    return tried[form][0] if np.isfinite(loss) else None


def _fit(law: Law, columns: Columns, target: Array, iterations: int) -> tuple[Array, float]:
    problem = Problems(columns=columns, target=target, weights=np.ones((1, target.size)))
    constants, loss = fit_constants(law, problem, np.asarray(law.constants), iterations=iterations)
    return constants[0], float(loss[0])


def _without_one_part(law: Law, columns: Columns) -> Iterator[Law]:
    """Yield the formulas that lack one term of a sum or one constant factor."""
    expression = _to_sympy(law.tree)
    for node in _nodes(expression):
        for part in node.args:
            if node.is_Add or part.is_Float:
                shorter = expression.xreplace({node: node.func(*(other for other in node.args if other is not part))})
                found = _from_sympy(shorter, columns)
                if found is not None and found.inputs and _is_plainer(found, law):
                    yield found


def _is_plainer(one: Law, other: Law) -> bool:
    """Return whether a law is smaller, or as large with fewer constants to fit."""
    return (one.complexity, len(one.constants)) < (other.complexity, len(other.constants))


def _nodes(expression: Any) -> list[Any]:
    import sympy

    found = {node for node in sympy.preorder_traversal(expression) if node.is_Add or node.is_Mul}
    return sorted(found, key=sympy.default_sort_key)


def _to_sympy(node: ast.expr) -> Any:
    """Return a checked tree as a SymPy expression; no text is handed to SymPy."""
    import sympy

    if isinstance(node, ast.BinOp):
        left, right = _to_sympy(node.left), _to_sympy(node.right)
        if isinstance(node.op, ast.Add):
            return left + right
        if isinstance(node.op, ast.Sub):
            return left - right
        if isinstance(node.op, ast.Mult):
            return left * right
        return left / right if isinstance(node.op, ast.Div) else left**right
    if isinstance(node, ast.UnaryOp):
        return -_to_sympy(node.operand)
    if isinstance(node, ast.Call):
        inner, name = _to_sympy(node.args[0]), node.func.id  # type: ignore[attr-defined]
        return inner**2 if name == "square" else getattr(sympy, name)(inner)
    if isinstance(node, ast.Name):
        return sympy.Symbol(node.id, positive=True)
    assert isinstance(node, ast.Constant)
    is_whole = isinstance(node.value, int)
    return sympy.Integer(node.value) if is_whole else sympy.Float(node.value)


def _from_sympy(expression: Any, columns: Columns) -> Law | None:
    """Return the formula of a SymPy expression, or None where it is no formula of ours (complex, infinite, ...)."""
    import sympy

    if not expression.is_finite and expression.has(sympy.zoo, sympy.nan, sympy.oo, sympy.I):
        return None
    text = sympy.sstr(expression, full_prec=False)
    if text.lstrip("-").isdigit():
        text += ".0"
    try:
        return parse_law(text, inputs=tuple(columns))
    except BadParameterError:
        return None
