"""Laws that hold for every judgement, and the faults of a `parts` cell that are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from cape.claims import (
    SEVERITY,
    Part,
    PartKind,
    Relation,
    Verdict,
    judge_reproduced,
    judge_supported,
    parse_parts,
    worst,
)
from cape.errors import ClaimError
from cape.quantities import Estimate

WHOLE = st.integers(-60, 60)
NUMBER = {"name": "p", "kind": "number", "value": 1.5, "decimals": 1}


def estimate_of(value: float, ends: tuple[float | None, float | None]) -> Estimate:
    low, high = ends
    return Estimate(symbol="r", label="planted", value=value, low=low, high=high, n=3, unit="", method="planted")


SPANS_ZERO = estimate_of(1.0, (-1.0, 3.0))
BELOW_TWO = Part(name="p", kind=PartKind.NUMBER, value=2.0, decimals=0, relation=Relation.BELOW)


@st.composite
def ends(draw: st.DrawFn, value: float, *, may_open: bool = True) -> tuple[float | None, float | None]:
    """Both ends around the value, none, or (where allowed) one."""
    low, high = value - draw(st.integers(0, 40)), value + draw(st.integers(0, 40))
    shape = draw(st.sampled_from(["both", "none", "left", "right"] if may_open else ["both"]))
    return (low if shape in ("both", "left") else None, high if shape in ("both", "right") else None)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    """A number with any relation, a count, a sign or a range, in whole numbers."""
    kind = draw(st.sampled_from([PartKind.NUMBER, PartKind.COUNT, PartKind.SIGN, PartKind.RANGE]))
    if kind is PartKind.SIGN:
        return Part(name="p", kind=kind, value=draw(st.sampled_from(["+", "-", "0"])))
    if kind is PartKind.RANGE:
        low, width = draw(WHOLE), draw(st.integers(0, 50))
        sides = draw(st.sampled_from(["both", "low", "high"]))
        return Part(
            name="p",
            kind=kind,
            low=float(low) if sides != "high" else None,
            high=float(low + width) if sides != "low" else None,
            decimals=0,
        )
    if kind is PartKind.COUNT:
        return Part(name="p", kind=kind, value=float(draw(st.integers(0, 60))))
    return Part(
        name="p",
        kind=kind,
        value=float(draw(WHOLE)),
        decimals=draw(st.sampled_from([0, -1, None])),
        relation=draw(st.sampled_from(list(Relation))),
        contrary=draw(st.none() | st.just(0.0) | WHOLE.map(float)),
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Part, Estimate]:
    """A part and an estimate on a grid of quarters, so that every boundary is met."""
    value = draw(WHOLE) + draw(st.sampled_from([0.0, 0.25, 0.5, 0.75]))
    return draw(parts()), estimate_of(value, draw(ends(value)))


def _scaled(number: Any, factor: float) -> Any:
    return number * factor if isinstance(number, float) else number


def _rescaled(part: Part, found: Estimate, factor: float, decimals: int | None) -> tuple[Part, Estimate]:
    return (
        replace(
            part,
            decimals=decimals,
            **{n: _scaled(getattr(part, n), factor) for n in ("value", "low", "high", "contrary")},
        ),
        replace(found, **{n: _scaled(getattr(found, n), factor) for n in ("value", "low", "high")}),
    )


@given(case=cases(), power=st.integers(1, 6))
def test_a_verdict_does_not_change_with_the_unit(case: tuple[Part, Estimate], power: int) -> None:
    part, found = case
    assume(part.kind is not PartKind.COUNT)  # a count has no unit
    decimals = None if part.decimals is None else part.decimals - power
    other = _rescaled(part, found, 10.0**power, decimals)
    for judge in (judge_reproduced, judge_supported):
        assert judge(part, found).verdict is judge(*other).verdict


@given(case=cases(), factor=st.sampled_from([2.0**-20, 0.5, 4.0, 2.0**30]))
def test_an_exact_comparison_does_not_change_with_the_unit(case: tuple[Part, Estimate], factor: float) -> None:
    part, found = case
    exact = replace(part, decimals=None)
    assume(part.kind is not PartKind.COUNT)
    assert judge_supported(exact, found).verdict is judge_supported(*_rescaled(exact, found, factor, None)).verdict


@example(case=(Part(name="p", kind=PartKind.SIGN, value="+"), SPANS_ZERO), left=0, right=0, opened="low")
@example(case=(Part(name="p", kind=PartKind.SIGN, value="+"), SPANS_ZERO), left=0, right=0, opened="high")
@example(case=(BELOW_TWO, SPANS_ZERO), left=0, right=0, opened="high")
@given(case=cases(), left=st.integers(0, 80), right=st.integers(0, 80), opened=st.sampled_from(["", "low", "high"]))
def test_a_wider_interval_never_turns_too_wide_into_agreement(
    case: tuple[Part, Estimate], left: int, right: int, opened: str
) -> None:
    part, found = case
    low = None if found.low is None or opened == "low" else found.low - left
    high = None if found.high is None or opened == "high" else found.high + right
    assume(low is not None or high is not None)  # neither end means that no interval was formed
    assume(found.low is not None or found.high is not None)
    if judge_supported(part, found).verdict is Verdict.TOO_WIDE:
        assert judge_supported(part, replace(found, low=low, high=high)).verdict is not Verdict.AGREES


@given(printed=WHOLE, contrary=st.none() | WHOLE, off=st.sampled_from([0.0, 0.25, 0.5, 0.75, 4.0]), data=st.data())
def test_agreement_needs_equality_as_printed_and_a_contrary_outside(
    printed: int, contrary: int | None, off: float, data: st.DataObject
) -> None:
    part = Part(name="p", kind=PartKind.NUMBER, value=float(printed), decimals=0, contrary=contrary)
    found = estimate_of(printed + off, data.draw(ends(printed + off)))
    if judge_supported(part, found).verdict is Verdict.AGREES:
        assert judge_reproduced(part, found).verdict is Verdict.AGREES
        if contrary is not None and found.low is not None and found.high is not None:
            assert not found.low <= contrary <= found.high
            assert found.high - found.low <= abs(printed - contrary)


@given(verdicts=st.lists(st.sampled_from(list(Verdict)), min_size=1).map(tuple), more=st.sampled_from(list(Verdict)))
def test_a_further_part_never_improves_the_worst_verdict(verdicts: tuple[Verdict, ...], more: Verdict) -> None:
    assert SEVERITY.index(worst((*verdicts, more))) >= SEVERITY.index(worst(verdicts))
    assert worst(verdicts) in verdicts


def _without(*names: str, **changes: Any) -> dict[str, Any]:
    return {**{k: v for k, v in NUMBER.items() if k not in names}, **changes}


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "not json",
        "null",
        "5",
        "[]",
        "{}",
        '{"a": 1}',
        "[5]",
        json.dumps([_without("name")]),
        json.dumps([_without("kind")]),
        json.dumps([_without(kind="guess")]),
        json.dumps([_without(relation="~")]),
        json.dumps([_without(surprise=1)]),
        json.dumps([NUMBER, NUMBER]),
        json.dumps([_without("value")]),
        json.dumps([_without(value="1.5")]),
        json.dumps([_without("decimals")]),
        json.dumps([{"name": "p", "kind": "count", "value": "many"}]),
        json.dumps([{"name": "p", "kind": "count"}]),
        json.dumps([{"name": "p", "kind": "sign", "value": "plus"}]),
        json.dumps([{"name": "p", "kind": "sign", "value": 1}]),
        json.dumps([{"name": "p", "kind": "text", "value": 3}]),
        json.dumps([{"name": "p", "kind": "text"}]),
        json.dumps([{"name": "p", "kind": "range", "decimals": 1}]),
        json.dumps([{"name": "p", "kind": "range", "low": 1.0, "high": 2.0}]),
    ],
)
def test_a_malformed_cell_is_refused_with_the_name_of_its_claim(cell: str) -> None:
    with pytest.raises(ClaimError, match="X-01"):
        parse_parts("X-01", cell)


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(json.dumps([_without(value=True)]), id="a truth value is no number"),
        pytest.param('[{"name": "p", "kind": "number", "value": NaN, "decimals": 1}]', id="not a number"),
        pytest.param(json.dumps([_without(decimals="2")]), id="decimals in words"),
        pytest.param(json.dumps([_without(decimals=1.5)]), id="half a decimal"),
        pytest.param(json.dumps([_without(contrary="0")]), id="contrary in words"),
        pytest.param(json.dumps([_without(name=None)]), id="name missing"),
        pytest.param(
            json.dumps([{"name": "p", "kind": "range", "low": "2.9", "high": 3.0, "decimals": 1}]), id="end in words"
        ),
        pytest.param(
            json.dumps([{"name": "p", "kind": "range", "low": 4.0, "high": 3.0, "decimals": 1}]), id="ends swapped"
        ),
    ],
)
def test_a_value_that_cannot_be_judged_is_refused_when_read(cell: str) -> None:
    with pytest.raises(ClaimError, match="X-01"):
        parse_parts("X-01", cell)
