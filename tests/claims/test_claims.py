"""The rule of judgement: every verdict is reachable, every boundary lies where it is said to lie."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from cape.claims import (
    SEVERITY,
    Part,
    PartKind,
    Relation,
    Verdict,
    judge_reproduced,
    judge_supported,
    judge_text,
    parse_parts,
    worst,
)
from cape.errors import ClaimError
from cape.quantities import Estimate

AGREES, INSIDE, TOO_WIDE, UNDEFINED, DISAGREES = (
    Verdict.AGREES,
    Verdict.INSIDE,
    Verdict.TOO_WIDE,
    Verdict.UNDEFINED,
    Verdict.DISAGREES,
)


def ours(value: float | None, low: float | None = None, high: float | None = None) -> Estimate:
    caveats = () if value is not None else ("the ladder has one size",)
    return Estimate(
        symbol="r", label="planted", value=value, low=low, high=high, n=8, unit="", method="planted", caveats=caveats
    )


def number(value: float, *, decimals: int | None = 2, relation: str = "=", contrary: float | None = None) -> Part:
    return Part(
        name="p",
        kind=PartKind.NUMBER,
        value=value,
        decimals=decimals,
        relation=Relation(relation),
        contrary=contrary,
    )


def span(low: float | None, high: float | None, decimals: int = 1) -> Part:
    return Part(name="p", kind=PartKind.RANGE, low=low, high=high, decimals=decimals)


def sign(value: str) -> Part:
    return Part(name="p", kind=PartKind.SIGN, value=value)


def count(value: float) -> Part:
    return Part(name="p", kind=PartKind.COUNT, value=value)


@pytest.mark.parametrize(
    ("printed", "decimals", "value", "verdict"),
    [
        (-0.64, 2, -0.6363, AGREES),
        (-0.64, 2, -0.6349, DISAGREES),
        (-0.64, 2, 0.64, DISAGREES),
        (0.64, 2, 0.645, AGREES),  # a half rounds to both neighbours: how the print rounds is not known
        (0.64, 2, 0.635, AGREES),
        (-0.64, 2, -0.645, AGREES),
        (-0.64, 2, -0.635, AGREES),
        (0.64, 2, 0.64501, DISAGREES),
        (3.5, 1, 3.5499, AGREES),
        (3.5, 1, 3.5501, DISAGREES),
        (80.0, 0, 80.5, AGREES),
        (80.0, 0, 80.51, DISAGREES),
        (1200.0, -2, 1249.0, AGREES),
        (1200.0, -2, 1251.0, DISAGREES),
        (0.0, 3, -0.0004, AGREES),
    ],
)
def test_a_number_is_reproduced_when_equal_at_its_printed_decimals(
    printed: float, decimals: int, value: float, verdict: Verdict
) -> None:
    judged = judge_reproduced(number(printed, decimals=decimals), ours(value))
    assert judged.verdict is verdict
    assert judged.value == value and judged.n == 8 and judged.part == "p"
    assert "print says" in judged.reason


@pytest.mark.parametrize(
    ("relation", "bound", "value", "verdict"),
    [
        ("<", 0.2, 0.1999, AGREES),
        ("<", 0.2, 0.2, DISAGREES),
        (">", 0.2, 0.2001, AGREES),
        (">", 0.2, 0.2, DISAGREES),
        ("<=", 0.2, 0.2, AGREES),
        ("<=", 0.2, 0.2049, AGREES),  # a bound that holds its end was compared after rounding
        ("<=", 0.2, 0.2051, DISAGREES),
        (">=", 0.2, 0.1951, AGREES),
        (">=", 0.2, 0.1949, DISAGREES),
        ("<=", -0.2, -0.3, AGREES),
        ("<", -0.2, -0.1, DISAGREES),
        (">", -0.2, -0.1, AGREES),
    ],
)
def test_a_bound_is_reproduced_on_its_own_side_only(
    relation: str, bound: float, value: float, verdict: Verdict
) -> None:
    assert judge_reproduced(number(bound, relation=relation), ours(value)).verdict is verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (2.92, 13.40, AGREES),
        (2.95, 13.35, AGREES),
        (2.96, 13.40, DISAGREES),
        (2.92, 13.46, DISAGREES),
        (2.92, None, DISAGREES),
        (None, 13.40, DISAGREES),
        (13.4, 2.9, DISAGREES),
    ],
)
def test_a_range_is_reproduced_when_both_ends_are(low: float | None, high: float | None, verdict: Verdict) -> None:
    assert judge_reproduced(span(2.9, 13.4), ours(5.0, low, high)).verdict is verdict


@pytest.mark.parametrize(
    ("part", "low", "high", "verdict"),
    [
        (span(None, 5.0), None, 5.04, AGREES),
        (span(None, 5.0), None, 5.2, DISAGREES),
        (span(5.0, None), 4.96, None, AGREES),
        (span(5.0, None), 4.8, None, DISAGREES),
    ],
)
def test_a_range_open_on_one_side_is_reproduced_by_one_that_is_open_there(
    part: Part, low: float | None, high: float | None, verdict: Verdict
) -> None:
    assert judge_reproduced(part, ours(5.0, low, high)).verdict is verdict


@pytest.mark.parametrize("value", ["+", "-", "0"])
@pytest.mark.parametrize("found", [1.5, -1.5, 0.0])
def test_a_sign_is_reproduced_by_a_value_of_that_sign(value: str, found: float) -> None:
    same = value == {1.5: "+", -1.5: "-", 0.0: "0"}[found]
    assert judge_reproduced(sign(value), ours(found)).verdict is (AGREES if same else DISAGREES)


@pytest.mark.parametrize("judge", [judge_reproduced, judge_supported])
def test_a_count_is_equal_or_not(judge: Any) -> None:
    assert judge(count(63), ours(63.0)).verdict is AGREES
    assert judge(count(63), ours(62.0)).verdict is DISAGREES
    assert judge(count(0), ours(0.0)).verdict is AGREES


@pytest.mark.parametrize("found", [62.6, 63.4])
def test_a_fractional_number_is_judged_against_a_count_alike_on_both_sides(found: float) -> None:
    assert judge_reproduced(count(63), ours(found)).verdict is judge_supported(count(63), ours(found)).verdict


def test_an_expected_count_with_an_interval_can_hold_the_printed_count() -> None:
    assert judge_supported(count(26), ours(24.1, 18, 30)).verdict is INSIDE
    assert judge_supported(count(26), ours(24.1, 18, 25)).verdict is DISAGREES


@pytest.mark.parametrize("judge", [judge_reproduced, judge_supported])
@pytest.mark.parametrize("part", [number(0.5), count(3), sign("+"), span(1, 2), number(0.5, relation="<")])
def test_an_undefined_estimate_is_not_defined_by_the_data_and_says_why(judge: Any, part: Part) -> None:
    judged = judge(part, ours(None))
    assert judged.verdict is UNDEFINED
    assert judged.reason == "the ladder has one size"


@pytest.mark.parametrize("judge", [judge_reproduced, judge_supported])
def test_a_text_part_is_refused_by_the_judges_of_numbers(judge: Any) -> None:
    with pytest.raises(ClaimError, match="'p' is text"):
        judge(Part(name="p", kind=PartKind.TEXT, value="yes"), ours(1.0))


@pytest.mark.parametrize(("word", "verdict"), [("yes", AGREES), (" YES ", AGREES), ("no", DISAGREES), ("", DISAGREES)])
def test_words_are_compared_without_case_or_margin(word: str, verdict: Verdict) -> None:
    judged = judge_text(Part(name="p", kind=PartKind.TEXT, value="Yes"), word, "because")
    assert (judged.verdict, judged.reason, judged.value) == (verdict, "because", word)


@pytest.mark.parametrize(
    ("part", "estimate", "verdict"),
    [
        (number(0.50), ours(0.502, 0.45, 0.55), AGREES),
        (number(0.50), ours(0.52, 0.45, 0.55), INSIDE),
        (number(0.50), ours(0.52, 0.50, 0.55), INSIDE),  # the end itself is inside
        (number(0.50), ours(0.52, 0.51, 0.55), DISAGREES),
        (number(0.50), ours(0.504, 0.501, 0.55), AGREES),  # outside by less than the print can show
        (number(-0.50), ours(-0.52, -0.55, -0.45), INSIDE),
        (number(-0.50), ours(0.52, 0.45, 0.55), DISAGREES),
        (number(0.50, contrary=0.0), ours(0.502, -0.01, 0.51), TOO_WIDE),  # the contrary is inside
        (number(0.50, contrary=0.0), ours(0.502, 0.0, 0.51), TOO_WIDE),
        (number(0.50, contrary=0.0), ours(0.502, 0.001, 0.51), TOO_WIDE),  # wider than 0.5 from claim to contrary
        (number(0.50, contrary=0.0), ours(0.502, 0.25, 0.75), AGREES),  # as wide as that distance
        (number(0.50, contrary=0.0), ours(0.502, 0.25, 0.7501), TOO_WIDE),
        (number(0.50, contrary=0.0), ours(0.9, 0.6, 2.0), DISAGREES),  # outside comes first
        (number(-0.50, contrary=0.0), ours(-0.502, -0.6, 0.01), TOO_WIDE),
        (number(-0.50, contrary=0.0), ours(-0.502, -0.6, -0.4), AGREES),
        (number(0.50, contrary=0.0), ours(0.502, 0.4, None), TOO_WIDE),  # unbounded above
        (number(0.50), ours(0.7, None, 0.8), INSIDE),
        (number(0.90), ours(0.7, None, 0.8), DISAGREES),
        (number(0.50), ours(0.504), AGREES),  # without an interval: equality at the printed decimals
        (number(0.50), ours(0.506), DISAGREES),
    ],
)
def test_support_of_a_number(part: Part, estimate: Estimate, verdict: Verdict) -> None:
    assert judge_supported(part, estimate).verdict is verdict


@pytest.mark.parametrize("relation", ["<", "<="])
def test_support_of_a_bound_asks_the_whole_interval(relation: str) -> None:
    below = number(0.2, relation=relation)
    assert judge_supported(below, ours(0.1, 0.05, 0.19)).verdict is AGREES
    assert judge_supported(below, ours(0.1, 0.05, 0.25)).verdict is TOO_WIDE
    assert judge_supported(below, ours(0.3, 0.1, 0.4)).verdict is TOO_WIDE
    assert judge_supported(below, ours(0.3, 0.21, 0.4)).verdict is DISAGREES
    assert judge_supported(below, ours(0.1)).verdict is AGREES
    assert judge_supported(below, ours(0.3)).verdict is DISAGREES
    edge = AGREES if relation == "<=" else TOO_WIDE
    assert judge_supported(below, ours(0.1, 0.05, 0.2)).verdict is edge


def test_support_of_a_lower_bound_asks_the_whole_interval() -> None:
    above = number(0.78, relation=">")
    assert judge_supported(above, ours(0.9, 0.79, 0.95)).verdict is AGREES
    assert judge_supported(above, ours(0.9, 0.78, 0.95)).verdict is TOO_WIDE
    assert judge_supported(above, ours(0.5, 0.4, 0.78)).verdict is DISAGREES
    assert judge_supported(replace(above, relation=Relation.AT_LEAST), ours(0.9, 0.78, 0.95)).verdict is AGREES


@pytest.mark.parametrize(
    ("part", "estimate"),
    [
        (number(10.0, relation="<"), ours(3.0, 1.0, None)),
        (number(1.0, relation=">"), ours(3.0, None, 5.0)),
    ],
)
def test_a_bound_does_not_hold_throughout_an_interval_unbounded_across_it(part: Part, estimate: Estimate) -> None:
    assert judge_supported(part, estimate).verdict is TOO_WIDE


@pytest.mark.parametrize(
    ("value", "estimate", "verdict"),
    [
        ("+", ours(1.0, 0.5, 1.5), AGREES),
        ("-", ours(1.0, 0.5, 1.5), DISAGREES),
        ("-", ours(-1.0, -1.5, -0.5), AGREES),
        ("+", ours(1.0, -0.1, 2.0), TOO_WIDE),
        ("+", ours(1.0, 0.0, 2.0), TOO_WIDE),
        ("-", ours(1.0, -0.1, 2.0), TOO_WIDE),
        ("0", ours(1.0, -0.1, 2.0), TOO_WIDE),
        ("0", ours(0.0, 0.0, 0.0), AGREES),
        ("+", ours(0.0, 0.0, 0.0), DISAGREES),
        ("+", ours(1.0), AGREES),
        ("+", ours(-1.0), DISAGREES),
        ("0", ours(0.0), AGREES),
        ("+", ours(1.0, 0.5, None), AGREES),
    ],
)
def test_support_of_a_sign(value: str, estimate: Estimate, verdict: Verdict) -> None:
    assert judge_supported(sign(value), estimate).verdict is verdict


@pytest.mark.parametrize(("value", "estimate"), [("+", ours(2.0, None, 5.0)), ("-", ours(-2.0, -5.0, None))])
def test_a_sign_is_not_settled_by_an_interval_unbounded_across_zero(value: str, estimate: Estimate) -> None:
    assert judge_supported(sign(value), estimate).verdict is TOO_WIDE


@pytest.mark.parametrize(
    ("part", "low", "high", "verdict"),
    [
        (span(2.9, 13.4), 3.0, 13.0, AGREES),
        (span(2.9, 13.4), 2.9, 13.4, AGREES),
        (span(2.9, 13.4), 2.0, 14.0, TOO_WIDE),
        (span(2.9, 13.4), 2.0, 13.0, INSIDE),
        (span(2.9, 13.4), 3.0, 14.0, INSIDE),
        (span(2.9, 13.4), 0.1, 2.8, DISAGREES),
        (span(2.9, 13.4), 0.1, 2.9, INSIDE),  # they touch
        (span(2.9, 13.4), 13.5, 20.0, DISAGREES),
        (span(2.9, 13.4), None, 20.0, TOO_WIDE),
        (span(2.9, 13.4), None, 2.8, DISAGREES),
        (span(2.9, 13.4), 5.0, None, INSIDE),
        (span(2.9, 13.4), None, None, UNDEFINED),
        (span(None, 5.0), 1.0, 4.0, AGREES),
        (span(None, 5.0), None, 4.0, AGREES),
        (span(None, 5.0), 1.0, 7.0, INSIDE),
        (span(None, 5.0), 6.0, 7.0, DISAGREES),
        (span(5.0, None), 6.0, 7.0, AGREES),
        (span(5.0, None), 6.0, None, AGREES),
        (span(5.0, None), 4.0, None, TOO_WIDE),
        (span(5.0, None), 1.0, 4.0, DISAGREES),
        (span(-5.0, -1.0), -4.0, -2.0, AGREES),
    ],
)
def test_support_of_a_range(part: Part, low: float | None, high: float | None, verdict: Verdict) -> None:
    assert judge_supported(part, ours(5.0, low, high)).verdict is verdict


def test_the_worst_verdict_is_the_last_of_the_order_and_nothing_is_open() -> None:
    assert worst(()) is Verdict.OPEN
    assert worst((AGREES, DISAGREES, TOO_WIDE)) is DISAGREES
    assert SEVERITY == (AGREES, INSIDE, TOO_WIDE, UNDEFINED, Verdict.NOT_PUBLIC, DISAGREES, Verdict.OPEN)


def test_parts_are_read_with_their_kind_and_relation() -> None:
    text = json.dumps([{"name": "p", "kind": "number", "value": -1.5, "decimals": 1, "relation": "<=", "contrary": 0}])
    (part,) = parse_parts("X-01", text)
    assert part == Part(name="p", kind=PartKind.NUMBER, value=-1.5, decimals=1, relation=Relation.AT_MOST, contrary=0)
    assert part.printed() == "<= -1.5"
