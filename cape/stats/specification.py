"""The specification curve: one quantity under every defensible choice of rows and estimator, in order of value.

Simonsohn, Simmons and Nelson, Nature Human Behaviour 4 (2020) 1208.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cape.errors import NotEnoughDataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """One way to compute the quantity, and what it gives.

    source_id, panel, variant, x, y, family_or_all, estimator : the choices. value, low, high : None where undefined
    or unbounded. n : number of independent units. Raises ValueError for a number that is not finite, or low > high.
    """

    source_id: str
    panel: str
    variant: str
    x: str
    y: str
    family_or_all: str
    estimator: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    is_paper_choice: bool = False
    note: str = ""

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise ValueError(
                    f"Specification {self.estimator} on {self.source_id}: {name} is {number}. "
                    "Use None for an undefined or unbounded number."
                )
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(
                f"Specification {self.estimator} on {self.source_id}: interval [{self.low}, {self.high}] is reversed. "
                "Pass low before high."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecificationCurve:
    """Specifications in order of value, undefined ones last, and the shares of all n that fall on each side.

    share_above, share_below, share_equal, share_undefined : of the values, relative to `reference`; they sum to 1.
    share_interval_above, share_interval_below : of all n, those whose interval lies wholly on that side.
    n_without_interval : specifications with neither limit. median : of the defined values, None without any.
    paper_rank : place of the paper's choice among the defined values, 1 = smallest, ties share the first place.
    paper_percentile : percent of the defined values below it, half of those equal (itself included) counted.
    Both are None without a paper's choice or where it is undefined; `caveats` says which.
    """

    specifications: tuple[Specification, ...]
    reference: float
    n: int
    n_undefined: int
    n_without_interval: int
    share_above: float
    share_below: float
    share_equal: float
    share_undefined: float
    share_interval_above: float
    share_interval_below: float
    median: float | None
    paper_rank: int | None
    paper_percentile: float | None
    caveats: tuple[str, ...] = ()


def specification_curve(specs: Sequence[Specification], *, reference: float = 0.0) -> SpecificationCurve:
    """Return the specifications in order of value with the share on each side of the reference.

    With the default reference the shares above and below are those of positive and negative values.
    Raises NotEnoughDataError without specifications, ValueError for two choices of the paper or a reference that is
    not finite.
    """
    if not specs:
        raise NotEnoughDataError("A specification curve needs at least 1 specification, got 0. Widen the choices.")
    if not math.isfinite(reference):
        raise ValueError(f"A specification curve needs a finite reference, got {reference}. Pass the null value.")
    ordered = sorted(specs, key=lambda spec: (spec.value is None, spec.value or 0.0))
    values = [spec.value for spec in ordered if spec.value is not None]
    n_undefined = len(specs) - len(values)
    rank, percentile, caveats = _place_of_paper(specs, values)
    if n_undefined:
        caveats = (f"{n_undefined} of {len(specs)} specifications give no value; they are listed last", *caveats)

    def share(count: int) -> float:
        return count / len(specs)

    return SpecificationCurve(
        specifications=tuple(ordered),
        reference=reference,
        n=len(specs),
        n_undefined=n_undefined,
        n_without_interval=sum(spec.low is None and spec.high is None for spec in specs),
        share_above=share(sum(value > reference for value in values)),
        share_below=share(sum(value < reference for value in values)),
        share_equal=share(sum(value == reference for value in values)),
        share_undefined=share(n_undefined),
        share_interval_above=share(sum(spec.low is not None and spec.low > reference for spec in specs)),
        share_interval_below=share(sum(spec.high is not None and spec.high < reference for spec in specs)),
        median=_median(values),
        paper_rank=rank,
        paper_percentile=percentile,
        caveats=caveats,
    )


def _place_of_paper(
    specs: Sequence[Specification], values: list[float]
) -> tuple[int | None, float | None, tuple[str, ...]]:
    """Return rank, percentile and caveats of the paper's choice among the sorted defined values."""
    chosen = [spec for spec in specs if spec.is_paper_choice]
    if len(chosen) > 1:
        raise ValueError(
            f"A specification curve has at most one choice of the paper, got {len(chosen)}. Mark only one of them."
        )
    if not chosen:
        return None, None, ("No specification is marked as the paper's choice, so it has no rank",)
    value = chosen[0].value
    if value is None:
        return None, None, ("The paper's choice gives no value here, so it has no rank",)
    n_below, n_equal = sum(other < value for other in values), values.count(value)
    return n_below + 1, 100 * (n_below + n_equal / 2) / len(values), ()


def _median(ordered: list[float]) -> float | None:
    if not ordered:
        return None
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
