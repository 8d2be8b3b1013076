"""Read a formula from text without running it, evaluate it on columns and refit its constants.

A formula is Python arithmetic over named inputs: + - * / **, a minus sign and sqrt, log, exp, square, each of one
argument. It is parsed to a syntax tree of which every node is checked against that list; nothing is ever executed.
A whole number written without a point is part of the form (the 2 of x**2); one with a point is a constant to fit.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cape.errors import BadParameterError

Array = NDArray[np.float64]
Columns = Mapping[str, Array]
MOST_CHARACTERS = 2_000
MOST_NODES = 150
MOST_DEPTH = 40
LARGEST_WHOLE = 1_000
DIGITS = 8  # significant digits of a constant in a stored formula

FUNCTIONS: Mapping[str, Callable[[Array], Array]] = {
    "sqrt": np.sqrt,
    "log": np.log,
    "exp": np.exp,
    "square": np.square,
}
OPERATORS: Mapping[type[ast.operator], Callable[[Array, Array], Array]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
ADVICE = (
    f"A formula holds its inputs, numbers, + - * / **, brackets and the functions {', '.join(FUNCTIONS)}, nothing else."
)


@dataclass(frozen=True, slots=True)
class Law:
    """A formula that has been checked.

    text : as written. inputs : the names it uses, sorted. constants : (k,) values to fit, in order of the text.
    complexity : number of inputs, numbers, operations and functions in it; a minus sign of a number counts as none.
    """

    text: str
    inputs: tuple[str, ...]
    constants: tuple[float, ...]
    complexity: int
    tree: ast.expr = field(repr=False, compare=False)


def parse_law(text: str, *, inputs: Sequence[str]) -> Law:
    """Return the checked formula of a text.

    Raises BadParameterError naming the first thing in it that is not allowed, or its size when it is too large.
    """
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
        raise BadParameterError(f"A formula is text of at most {MOST_CHARACTERS} characters. {ADVICE}")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadParameterError(f"{_short(text)} cannot be read as a formula. {ADVICE}") from error
    tree = _checked(tree, text, frozenset(inputs), depth=0)
    nodes = _count(tree)
    if nodes > MOST_NODES:
        raise BadParameterError(f"{_short(text)} has {nodes} parts; at most {MOST_NODES} are read.")
    names = sorted({node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & set(inputs))
    return Law(text=text, inputs=tuple(names), constants=tuple(_constants(tree)), complexity=nodes, tree=tree)


def with_constants(law: Law, values: Sequence[float] | Array, *, digits: int = DIGITS) -> str:
    """Return the formula with other constants, rounded to significant digits; whole parts of the form stay."""
    given = iter(float(f"{value:.{digits}g}") for value in values)
    return ast.unparse(_Replace(given).visit(ast.parse(ast.unparse(law.tree), mode="eval").body))


def evaluate(law: Law, columns: Columns, constants: Array | None = None) -> Array:
    """Return the formula on columns (n,), with constants (..., k) in place of its own; shape (..., n).

    Where a value does not exist (a root or logarithm below zero, a division by zero, an overflow) it is not finite.
    """
    held = np.asarray(law.constants if constants is None else constants, dtype=np.float64)
    sample = next(iter(columns.values()))
    with np.errstate(all="ignore"):
        out = _value(law.tree, columns, iter([held[..., index, None] for index in range(held.shape[-1])]))
    return np.broadcast_to(np.asarray(out, dtype=np.float64), (*held.shape[:-1], sample.size))


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def _checked(node: ast.AST, text: str, names: frozenset[str], *, depth: int) -> ast.expr:
    """Return the node with minus signs drawn into numbers; refuse what is not in the list."""
    if depth > MOST_DEPTH:
        raise BadParameterError(f"{_short(text)} is nested deeper than {MOST_DEPTH}. {ADVICE}")

    def below(part: ast.AST) -> ast.expr:
        return _checked(part, text, names, depth=depth + 1)

    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return _signs_in_constants(ast.BinOp(left=below(node.left), op=node.op, right=below(node.right)))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return _signed(node.op, below(node.operand))
    if isinstance(node, ast.Call) and _is_function(node):
        return ast.Call(func=node.func, args=[below(node.args[0])], keywords=[])
    if isinstance(node, ast.Name) and node.id in names:
        return node
    if isinstance(node, ast.Constant) and _is_number(node.value):
        return ast.Constant(value=node.value)
    found = f"the name {node.id!r}" if isinstance(node, ast.Name) else type(node).__name__
    raise BadParameterError(f"{_short(text)} holds {found}, which is not allowed. {ADVICE}")


def _signed(sign: ast.unaryop, operand: ast.expr) -> ast.expr:
    if isinstance(sign, ast.UAdd):
        return operand
    if isinstance(operand, ast.Constant):
        return ast.Constant(value=-operand.value)  # type: ignore[operator]
    return ast.UnaryOp(op=sign, operand=operand)


def _signs_in_constants(node: ast.BinOp) -> ast.BinOp:
    """Return a - c*b as a + (-c)*b, so that a form reads the same whatever the sign of its constants."""
    if isinstance(node.op, ast.Sub) and (leading := _leading(node.right)) is not None:
        leading.value = -leading.value  # type: ignore[operator]
        return ast.BinOp(left=node.left, op=ast.Add(), right=node.right)
    return node


def _leading(node: ast.expr) -> ast.Constant | None:
    """Return the constant to fit that a product or quotient starts with, if it does."""
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        node = node.left
    return node if isinstance(node, ast.Constant) and isinstance(node.value, float) else None


def _is_function(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS and len(node.args) == 1 and not node.keywords


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and (isinstance(value, float) or abs(value) <= LARGEST_WHOLE)


def _count(tree: ast.expr) -> int:
    """Return the number of inputs, numbers, operations and functions."""
    kinds = (ast.BinOp, ast.UnaryOp, ast.Call, ast.Constant, ast.Name)
    parts = sum(isinstance(node, kinds) for node in ast.walk(tree))
    return parts - sum(isinstance(node, ast.Call) for node in ast.walk(tree))  # the function's name is a Name too


def _constants(tree: ast.expr) -> list[float]:
    """Return the constants to fit in the order in which `_value` meets them."""
    if isinstance(tree, ast.Constant):
        return [tree.value] if isinstance(tree.value, float) else []
    if isinstance(tree, ast.BinOp):
        return _constants(tree.left) + _constants(tree.right)
    if isinstance(tree, ast.UnaryOp):
        return _constants(tree.operand)
    return _constants(tree.args[0]) if isinstance(tree, ast.Call) else []


class _Replace(ast.NodeTransformer):
    """Put given numbers in place of the constants to fit; a minus sign before one belongs to it."""

    def __init__(self, given) -> None:  # type: ignore[no-untyped-def]
        self._given = given

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if isinstance(node.operand, ast.Constant):
            return self.visit_Constant(node.operand, sign=-1)
        return ast.UnaryOp(op=node.op, operand=self.visit(node.operand))

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        left, right = self.visit(node.left), self.visit(node.right)
        leading = _leading(right) if isinstance(node.op, ast.Add) else None
        if leading is not None and leading.value < 0:  # type: ignore[operator]
            leading.value = -leading.value  # type: ignore[operator]
            return ast.BinOp(left=left, op=ast.Sub(), right=right)
        return ast.BinOp(left=left, op=node.op, right=right)

    def visit_Constant(self, node: ast.Constant, sign: int = 1) -> ast.expr:
        value = next(self._given) if isinstance(node.value, float) else sign * node.value  # type: ignore[operator]
        return ast.Constant(value=value)


def _value(node: ast.expr, columns: Columns, constants) -> Array | float:  # type: ignore[no-untyped-def]
    if isinstance(node, ast.BinOp):
        left = _value(node.left, columns, constants)
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant) and isinstance(node.right.value, int):
            return _whole_power(np.asarray(left, dtype=np.float64), node.right.value)
        return OPERATORS[type(node.op)](left, _value(node.right, columns, constants))  # type: ignore[arg-type]
    if isinstance(node, ast.UnaryOp):
        return -_value(node.operand, columns, constants)
    if isinstance(node, ast.Call):
        return FUNCTIONS[node.func.id](_value(node.args[0], columns, constants))  # type: ignore[attr-defined,arg-type]
    if isinstance(node, ast.Name):
        return columns[node.id]
    assert isinstance(node, ast.Constant)
    return next(constants) if isinstance(node.value, float) else float(node.value)  # type: ignore[arg-type]


def _whole_power(base: Array, exponent: int) -> Array:
    """Return a whole power by repeated squaring, which is several times faster than the general power."""
    if exponent < 0:
        return 1.0 / _whole_power(base, -exponent)
    result = np.ones_like(base)
    while exponent:
        if exponent & 1:
            result = result * base
        exponent >>= 1
        if exponent:
            base = base * base
    return result
