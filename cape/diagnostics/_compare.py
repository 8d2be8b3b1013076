"""Parameters and fetching shared by the diagnostics that compare two ladders or panels."""

from __future__ import annotations

from dataclasses import dataclass

from cape.diagnostics._diagnostic import Read
from cape.diagnostics._fetch import other_selection
from cape.diagnostics._params import ALL_FAMILIES, NO_PANEL, Params, WindowParams, family_names, option
from cape.quantities import Estimate
from cape.symbols import SYMBOLS

COMPARED = ("delta_mean_gamma_12", "N_c_comparison")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareParams(WindowParams):
    """The selection and its window plus a second panel and family to compare with."""

    compare_panel: str = option(
        NO_PANEL, label="Compare with panel", help="A second panel or ladder, or none.", source="panel or none"
    )
    compare_family: str = option(
        ALL_FAMILIES, label="Compare with family", help="Family of the second panel, or all.", source="compared family"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """The second selection of a comparison, its name and what differs in how it was measured."""

    params: WindowParams
    name: str
    caveats: tuple[str, ...]


def other_of(params: CompareParams, read: Read) -> Other | None:
    """Return the second selection, or None when nothing is compared."""
    if params.compare_panel == NO_PANEL:
        return None
    selection, caveats = other_selection(params, read, panel=params.compare_panel, family=params.compare_family)
    return Other(params=selection, name=named(selection), caveats=caveats)


def comparison_sentences(estimates: list[Estimate]) -> tuple[str, ...]:
    """Return one plain statement per difference or ratio between the two selections that has a value."""
    told = [e for e in estimates if e.symbol in COMPARED]
    return tuple(_told(e) for e in told)


def _told(estimate: Estimate) -> str:
    name = SYMBOLS[estimate.symbol].name
    if estimate.value is None:
        return f"The {name} ({estimate.label}) is undefined: {'; '.join(estimate.caveats)}."
    neutral = 1.0 if estimate.symbol == "N_c_comparison" else 0.0
    if estimate.low is None or estimate.high is None:
        return f"The {name} ({estimate.label}) is {estimate.value:.3g}, without an interval."
    side = "holds" if estimate.low <= neutral <= estimate.high else "excludes"
    return (
        f"The {name} ({estimate.label}) is {estimate.value:.3g}, 95% interval {estimate.low:.3g} "
        f"to {estimate.high:.3g}, which {side} no difference."
    )


def named(params: Params) -> str:
    """Return the words for a selection: panel, families where some are chosen, window of sizes where one is set."""
    words = [params.panel]
    families = family_names(params.families) if isinstance(params, WindowParams) else ()
    if families:
        words.append(" + ".join(families))
    elif params.family != ALL_FAMILIES:
        words.append(params.family)
    if isinstance(params, WindowParams) and params.min_b:
        words.append(f"from {params.min_b:g} {params.axis.short}")
    if isinstance(params, WindowParams) and params.max_b:
        words.append(f"up to {params.max_b:g} {params.axis.short}")
    return " ".join(words)
