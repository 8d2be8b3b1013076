"""The inputs a law may use, the form the paper prints, and the simple forms that stand beside it (paper A 4).

Names in a formula: x first score, x_n the same over width, width = d_model / 512, log10_n log10 of the number of
parameters, log10_tokens log10 of the training tokens. Scores are percent. The exponents of a product of powers do not
depend on the base of the logarithm or on the unit of the scores; its constant does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Target(StrEnum):
    """What a law predicts: the second score over width, as in the paper, or as it was measured."""

    DIVIDED = "divided by width"
    MEASURED = "as measured"


class Inputs(StrEnum):
    """What the search may use besides numbers."""

    SIZE = "score and size"
    WIDTH = "score, size and width"
    TOKENS = "score, size and tokens"


LATEX: Mapping[str, str] = MappingProxyType(
    {
        "x": "x",
        "x_n": "x_{n}",
        "width": "w",
        "log10_n": r"\ell_{N}",
        "log10_tokens": r"\ell_{D}",
    }
)
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "x": "first score, %",
        "x_n": "first score, %, over d_model / 512",
        "width": "d_model / 512",
        "log10_n": "log10 of the number of parameters",
        "log10_tokens": "log10 of the training tokens",
    }
)
FURTHER = {Inputs.SIZE: (), Inputs.WIDTH: ("width",), Inputs.TOKENS: ("log10_tokens",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form written by hand: its name, its formula with starting constants, and how it is printed."""

    name: str
    text: str
    latex: str


PAPER_NAME = "paper's form"
FREE_NAME = "paper's form, free exponents"
CONTROL_NAME = "one score for all models"

DIVIDED_FORMS = (
    Form(name=CONTROL_NAME, text="1.0/width", latex="c/w"),
    Form(name="constant", text="1.0", latex="c"),
    Form(name="proportional to the first score", text="1.0*x_n", latex="c x_{n}"),
    Form(name="linear in the first score", text="1.0 + 1.0*x_n", latex="a + b x_{n}"),
    Form(name="linear before dividing", text="1.0/width + 1.0*x_n", latex="(a + b x)/w"),
    Form(name="linear in log N", text="1.0 + 1.0*log10_n", latex=r"a + b \ell_{N}"),
    Form(name="first score, free exponent", text="1.0*x_n**1.0", latex="c x_{n}^{a}"),
    Form(name="first score, power of log N", text="1.0*x_n*log10_n**1.0", latex=r"c x_{n} \ell_{N}^{a}"),
    Form(name=PAPER_NAME, text="1.0*x_n**2/log10_n**2", latex=r"c x_{n}^{2}/\ell_{N}^{2}"),
    Form(name=FREE_NAME, text="1.0*x_n**1.0*log10_n**1.0", latex=r"c x_{n}^{a} \ell_{N}^{b}"),
)
MEASURED_FORMS = (
    Form(name=CONTROL_NAME, text="1.0", latex="c"),
    Form(name="proportional to the first score", text="1.0*x", latex="c x"),
    Form(name="linear in the first score", text="1.0 + 1.0*x", latex="a + b x"),
    Form(name="linear in log N", text="1.0 + 1.0*log10_n", latex=r"a + b \ell_{N}"),
    Form(name="first score, free exponent", text="1.0*x**1.0", latex="c x^{a}"),
    Form(name="first score, power of log N", text="1.0*x*log10_n**1.0", latex=r"c x \ell_{N}^{a}"),
    Form(name=PAPER_NAME, text="1.0*x**2/(width*log10_n**2)", latex=r"c x^{2}/(w \ell_{N}^{2})"),
    Form(
        name=FREE_NAME,
        text="1.0*x**1.0*width**1.0*log10_n**1.0",
        latex=r"c x^{a} w^{d} \ell_{N}^{b}",
    ),
)


def forms_for(target: Target) -> tuple[Form, ...]:
    """Return the forms written by hand for a target; the control is the first."""
    return DIVIDED_FORMS if target is Target.DIVIDED else MEASURED_FORMS


def input_names(target: Target, inputs: Inputs) -> tuple[str, ...]:
    """Return the names a search may use."""
    return ("x_n" if target is Target.DIVIDED else "x", "log10_n", *FURTHER[inputs])
