"""A ladder of releases that the user typed: a real gamma with its interval and phase for each step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from cape.diagnostics._analyze_inputs import Subject, default_error
from cape.diagnostics._analyze_params import PERCENTAGES, SIZES_B, AnalyzeParams, number_of
from cape.diagnostics._diagnostic import Read
from cape.errors import BadParameterError
from cape.quantities import Estimate, Phase, Table
from cape.stats.coupling import classify_phase, gamma_interval, phase_probabilities

HOW = "Write '1: 47.2, 38.9; 2.8: 59.4, 35.6' (size in billions: two scores), or the scores alone in order of release."
MOST_ITEMS = 1e9
PHASES = (Phase.TAX, Phase.TRANSITION, Phase.BONUS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release: its name, size in billions or None, and both scores in percent."""

    name: str
    size_b: float | None
    scores: tuple[float, float]


def pair_names(params: AnalyzeParams) -> tuple[str, str]:
    """Return the two names of the custom pair, the selected pair where none are given."""
    if not params.pair.strip():
        return params.x, params.y
    names = [name.strip() for name in params.pair.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise BadParameterError(f"pair is {params.pair!r}; it must hold two different names separated by a comma.")
    return names[0], names[1]


def releases_of(params: AnalyzeParams) -> list[Release]:
    """Return the releases that were typed, in order; raise BadParameterError for what cannot be read."""
    found: list[Release] = []
    for entry in filter(None, (part.strip() for part in params.releases.split(";"))):
        size, colon, rest = entry.rpartition(":")
        scores = [part.strip() for part in rest.split(",")]
        if len(scores) != 2 or not all(scores) or (colon and not size.strip()):
            raise BadParameterError(f"releases holds {entry!r}, which is not two scores. {HOW}")
        numbers = [number_of("releases", text, within=PERCENTAGES) for text in scores]
        size_b = number_of("releases", size, within=SIZES_B, is_above=True) if colon else None
        name = f"{size_b:g} B" if size_b is not None else f"release {len(found) + 1}"
        found.append(Release(name=name, size_b=size_b, scores=(float(numbers[0] or 0.0), float(numbers[1] or 0.0))))
    if any(r.size_b is None for r in found) and any(r.size_b is not None for r in found):
        raise BadParameterError(f"releases gives a size for some releases only. Give it for all or for none. {HOW}")
    return found


def _ladder(subject: Subject, params: AnalyzeParams) -> list[Release]:
    """Return the releases by size or in order; the model itself joins where it has both scores of the pair."""
    found = releases_of(params)
    held = [subject.scores.get(name) for name in pair_names(params)]
    first, second = held
    if found and first is not None and second is not None and not subject.is_example:
        own = Release(name=subject.name, size_b=subject.size_b, scores=(first.score.value, second.score.value))
        if found[0].size_b is None:
            found = [Release(name=own.name, size_b=None, scores=own.scores), *found]
        elif own.size_b is not None:
            found = [own, *found]
    if found and found[0].size_b is not None:
        found = sorted(found, key=lambda release: release.size_b or 0.0)
        sizes = [release.size_b for release in found]
        if len(set(sizes)) < len(sizes):
            raise BadParameterError(
                "releases holds two entries of one size (the model itself counts where it has both scores). "
                "Give each size once."
            )
    return found


def _errors(params: AnalyzeParams, ladder: list[Release], read: Read) -> tuple[np.ndarray, str]:
    """Return standard errors (2, n) of the scores, NaN where the number of items is unknown, and which are."""
    names, known, given = pair_names(params), _known_items(read), _given_items(params)
    items = [known.get(name) if n is None else n for name, n in zip(names, given, strict=True)]
    errors = np.array([[default_error(r.scores[k], items[k]) for r in ladder] for k in (0, 1)], dtype=np.float64)
    lacking = [name for name, n in zip(names, items, strict=True) if not n]
    return errors, f"the number of items of {' and '.join(lacking)} is unknown; give it in items" if lacking else ""


def _known_items(read: Read) -> dict[str, int | None]:
    """Return the number of items of every benchmark of the lake, by name and by identifier."""
    rows = read("mart_benchmarks")
    return {
        name: n for column in ("benchmark", "benchmark_id") for name, n in rows.select(column, "n_items").iter_rows()
    }


def _given_items(params: AnalyzeParams) -> tuple[int | None, int | None]:
    """Return the numbers of items that were typed, None where none was; raise BadParameterError for anything else."""
    if not params.items.strip():
        return None, None
    typed = [part.strip() for part in params.items.split(",")]
    if len(typed) != 2:
        raise BadParameterError(f"items is {params.items!r}; it must hold two whole numbers separated by a comma.")
    first, second = (number_of("items", text, within=(0.0, MOST_ITEMS), is_above=True) for text in typed)
    return (None if first is None else int(first)), (None if second is None else int(second))


def unknown_names(params: AnalyzeParams, read: Read) -> tuple[str, ...]:
    """Return a sentence on names of the custom pair that are no benchmarks of the lake, and where errors come from.

    Raises BadParameterError for items that are no two whole numbers, whether or not a ladder was typed.
    """
    given, known = _given_items(params), _known_items(read)
    if not params.pair.strip():
        return ()
    told = []
    for name, n in zip(pair_names(params), given, strict=True):
        if name not in known:
            errors = "no default standard error can be formed: give items" if n is None else f"errors rest on {n} items"
            told.append(f"{name!r} is no benchmark of this lake, so it is taken as a name of your own and {errors}")
    return (f"Custom pair: {'; '.join(told)}.",) if told else ()


def pair_results(subject: Subject, params: AnalyzeParams, read: Read) -> tuple[list[Estimate], Table]:
    """Return gamma of every step of the custom ladder, and the steps as rows."""
    ladder = _ladder(subject, params)
    first, second = pair_names(params)
    label = f"custom: {second} against {first}"
    if len(ladder) < 2:
        asked = params.pair.strip() or params.releases.strip() or params.items.strip()
        why = f"undefined: two releases are needed, got {len(ladder)}"
        lost = _estimate(label, None, None, None, (why,)) if asked else None
        return [] if lost is None else [lost], _table([], first, second)
    errors, lacking = _errors(params, ladder, read)
    scores = np.array([release.scores for release in ladder]).T
    deltas, variances = np.diff(scores, axis=1), errors[:, 1:] ** 2 + errors[:, :-1] ** 2
    found = gamma_interval(deltas[0], deltas[1], variance_x=variances[0], variance_y=variances[1])
    paper, ours = classify_phase(found.gamma, found.fieller_low, found.fieller_high)
    chances = phase_probabilities(found.gamma, found.gamma_se)
    rows, estimates = [], []
    for k, (start, end) in enumerate(zip(ladder, ladder[1:], strict=False)):
        step = f"{start.name} to {end.name}"
        reason = lacking if lacking and np.isnan(variances[:, k]).any() else str(found.undefined_reason[k])
        numbers = [
            _number(v[k])
            for v in (deltas[0], deltas[1], found.gamma, found.fieller_low, found.fieller_high, found.angle_deg)
        ]
        rows.append(
            {
                "step": step,
                **dict(zip(COLUMNS, numbers, strict=True)),
                "phase": str(ours[k]),
                "phase_paper": str(paper[k]),
                **{str(p): _number(chances[k, i]) for i, p in enumerate(PHASES)},
                "undefined_reason": reason,
            }
        )
        caveats = (f"phase {ours[k]}; by the bare ratio {paper[k]}",) if not reason else (f"undefined: {reason}",)
        estimates.append(_estimate(f"{label}, {step}", numbers[2], numbers[3], numbers[4], caveats))
    return estimates, _table(rows, first, second)


COLUMNS = ("delta_x_pct", "delta_y_pct", "gamma", "gamma_low", "gamma_high", "angle_deg")


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _estimate(
    label: str, value: float | None, low: float | None, high: float | None, caveats: tuple[str, ...]
) -> Estimate:
    return Estimate(
        symbol="gamma_12",
        label=label,
        value=value,
        low=low,
        high=high,
        n=2 if value is not None else 0,
        unit="pp/pp",
        method="change of the second score over change of the first between two releases; Fieller interval",
        caveats=caveats,
    )


def _table(rows: list[dict], first: str, second: str) -> Table:
    schema = {"step": pl.String, **dict.fromkeys(COLUMNS, pl.Float64), "phase": pl.String, "phase_paper": pl.String}
    schema |= {**dict.fromkeys(map(str, PHASES), pl.Float64), "undefined_reason": pl.String}
    units = {"delta_x_pct": f"{first}, pp", "delta_y_pct": f"{second}, pp", "angle_deg": "degrees"}
    units |= dict.fromkeys(("gamma", "gamma_low", "gamma_high"), "pp/pp")
    return Table(name="releases", title="Steps between releases", frame=pl.DataFrame(rows, schema=schema), units=units)
