"""The ledger: run the diagnostics that claims name, judge every part twice, store the verdicts.

A claim that no diagnostic settles is open. A claim whose diagnostic finds too little data is not defined by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl

from cape import diagnostics
from cape.claims import (
    Judged,
    Part,
    PartKind,
    Verdict,
    judge_reproduced,
    judge_supported,
    judge_text,
    parse_parts,
    worst,
)
from cape.diagnostics import DIAGNOSTICS, Answer, Diagnostic, Settles, Side
from cape.errors import ClaimError, NotEnoughDataError
from cape.lake import Lake, LakePaths, build_lake, write_computed
from cape.quantities import Estimate, Result

CLAIM_COLUMNS = (
    "claim_id",
    "reproduced",
    "supported",
    "paper_value",
    "our_value",
    "low",
    "high",
    "n",
    "diagnostic",
    "method",
    "reason",
    "parts",
    "claim",
    "unit",
    "paper_ci",
    "source",
    "contradiction",
    "is_stale",
)
COMMAND = "python scripts/recompute_claims.py"
SEED = 0
ANY = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """The judgements of one side of a claim by part, with where they come from."""

    judged: Mapping[str, Judged]
    diagnostic: str
    params: Mapping[str, Any]
    method: str
    context: str


class Runs:
    """Results of diagnostics on one lake, each computed once."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._results: dict[tuple, Result | NotEnoughDataError] = {}

    def get(self, slug: str, params: Mapping[str, Any]) -> Result | NotEnoughDataError:
        """Return the result, or the error that says the selection holds too little data."""
        key = (slug, tuple(sorted(params.items())))
        if key not in self._results:
            try:
                self._results[key] = diagnostics.run(slug, {**params, "seed": SEED}, self._lake)
            except NotEnoughDataError as error:
                self._results[key] = error
        return self._results[key]


def judge_all(lake: Lake) -> list[dict[str, Any]]:
    """Return one row per claim that a diagnostic settles, with the columns of the stored ledger."""
    runs = Runs(lake)
    claims = lake.read("mart_claims")
    settles = _settles_by_claim()
    known = set(claims["claim_id"])
    if unknown := sorted(set(settles) - known):
        raise ClaimError(f"Diagnostics settle claims that lake/claims.csv does not hold: {', '.join(unknown)}.")
    return [
        _judge_claim(row["claim_id"], parse_parts(row["claim_id"], row["parts"]), settles[row["claim_id"]], runs)
        for row in lake.read("mart_claims_as_printed").iter_rows(named=True)
        if row["claim_id"] in settles
    ]


def store(paths: LakePaths) -> str:
    """Judge every claim, store verdicts and default estimates, and build the lake again; return its version."""
    lake = Lake.ensure(paths)
    verdicts, estimates = judge_all(lake), default_estimates(lake)
    lake.close()
    for name, rows in (("ledger", verdicts), ("estimates", estimates)):
        write_computed(name, rows, paths=paths, from_lake_version=lake.version, command=COMMAND, seed=SEED)
    return build_lake(paths).lake_version


def default_estimates(lake: Lake) -> list[dict[str, Any]]:
    """Return the estimates of every statistical diagnostic at default parameters, for every named panel with scores."""
    panels = lake.read("mart_panels").filter(pl.col("is_named") & (pl.col("n_scores") > 0))
    rows = []
    for diagnostic in DIAGNOSTICS:
        if not diagnostic.uses_selection or diagnostic.slug == "overview":
            continue
        for panel in sorted(panels["panel"]):
            try:
                result = diagnostics.run(diagnostic.slug, {"panel": panel}, lake)
            except NotEnoughDataError:
                continue
            head = {"diagnostic": diagnostic.slug, "panel": panel, "params": json.dumps(dict(result.params))}
            rows += [{**head, **e.as_dict(), "caveats": json.dumps(list(e.caveats))} for e in result.estimates]
    return rows


def claim_rows(
    lake: Lake, *, reproduced: str = ANY, supported: str = ANY, search: str = "", recompute: bool = False
) -> list[dict[str, Any]]:
    """Return the claims that match the filters as dictionaries with CLAIM_COLUMNS; `parts` is a list.

    recompute : judge anew on this lake instead of showing the stored verdicts.
    Raises UnknownNameError or BadParameterError for a filter that is not a verdict.
    """
    filters = {"reproduced": reproduced, "supported": supported, "search": search}
    wanted = diagnostics.run("claims", {**filters, "reproduced": ANY, "supported": ANY} if recompute else filters, lake)
    fresh = {row["claim_id"]: row for row in judge_all(lake)} if recompute else {}
    rows = []
    for claim in wanted.table("claims").frame.iter_rows(named=True):
        row = {**claim, **fresh.get(claim["claim_id"], {})}
        if claim["claim_id"] in fresh:
            row["is_stale"] = False
        if all(filters[side] in (ANY, row[side]) for side in ("reproduced", "supported")):
            rows.append({**{name: row[name] for name in CLAIM_COLUMNS}, "parts": json.loads(row["parts"])})
    return rows


def _settles_by_claim() -> dict[str, list[tuple[Diagnostic, Settles]]]:
    table: dict[str, list[tuple[Diagnostic, Settles]]] = {}
    for diagnostic in DIAGNOSTICS:
        for settles in diagnostic.claims:
            table.setdefault(settles.claim_id, []).append((diagnostic, settles))
    return table


def _judge_claim(
    claim_id: str, parts: tuple[Part, ...], settled: list[tuple[Diagnostic, Settles]], runs: Runs
) -> dict[str, Any]:
    names = {part.name for part in parts}
    for _, settles in settled:
        if unknown := (set(settles.reproduced.answers) | set(settles.supported.answers)) - names:
            raise ClaimError(f"{claim_id} has no part {', '.join(sorted(unknown))}; it has {', '.join(sorted(names))}.")
    opinions = {
        "reproduced": [_opinion(d, s.reproduced, parts, runs, is_paper_mode=True) for d, s in settled],
        "supported": [_opinion(d, s.supported, parts, runs, is_paper_mode=False) for d, s in settled],
    }
    verdicts = {side: _by_part(parts, found) for side, found in opinions.items()}
    main = next((o for side in ("supported", "reproduced") for o in opinions[side] if o.judged), None)
    shown = _shown_part(parts, verdicts)
    return {
        "claim_id": claim_id,
        "reproduced": str(worst(tuple(v.verdict for v in verdicts["reproduced"].values()))),
        "supported": str(worst(tuple(v.verdict for v in verdicts["supported"].values()))),
        "our_value": shown.value if shown is not None and isinstance(shown.value, float) else None,
        "low": None if shown is None else shown.low,
        "high": None if shown is None else shown.high,
        "n": None if shown is None else shown.n,
        "diagnostic": settled[0][0].slug if main is None else main.diagnostic,
        "params": json.dumps(dict(main.params) if main is not None else {}),
        "method": "" if main is None else main.method,
        "reason": _reason(verdicts, opinions),
        "parts": json.dumps([_part_row(part, verdicts) for part in parts]),
    }


def _opinion(
    diagnostic: Diagnostic, side: Side, parts: tuple[Part, ...], runs: Runs, *, is_paper_mode: bool
) -> Opinion:
    if side.undefined:
        names = side.answers or {part.name for part in parts}
        verdict = Verdict.UNDEFINED if side.is_public else Verdict.NOT_PUBLIC
        judged = {n: Judged(part=n, verdict=verdict, reason=side.undefined) for n in names}
        return Opinion(judged=judged, diagnostic=diagnostic.slug, params={}, method="", context="")
    result = runs.get(diagnostic.slug, side.params)
    mine = [part for part in parts if part.name in side.answers]
    if isinstance(result, NotEnoughDataError):
        judged = {p.name: Judged(part=p.name, verdict=Verdict.UNDEFINED, reason=str(result)) for p in mine}
        return Opinion(judged=judged, diagnostic=diagnostic.slug, params=side.params, method="", context="")
    judged = {part.name: _judge(part, side.answers[part.name], result, is_paper_mode=is_paper_mode) for part in mine}
    methods = dict.fromkeys(e.method for e in (_find(result, side.answers[p.name]) for p in mine) if e is not None)
    context = "; ".join(_words(result.estimate(symbol, label)) for symbol, label in side.context)
    return Opinion(
        judged=judged, diagnostic=diagnostic.slug, params=side.params, method="; ".join(methods), context=context
    )


def _judge(part: Part, answer: Answer, result: Result, *, is_paper_mode: bool) -> Judged:
    found = _find(result, answer)
    if part.kind is PartKind.TEXT:
        if answer.words is None:
            raise ClaimError(f"Part {part.name!r} is text, but its answer in {result.diagnostic} gives no words.")
        ours = answer.words(found)
        why = "no such rows" if found is None else _words(found)
        judged = judge_text(part, ours, f"ours: {ours} ({why}); the print says {part.value}")
        return replace(judged, n=None if found is None else found.n)
    if found is None and answer.absent is not None:
        found = _absent(answer)
    if found is None:
        reason = f"{result.diagnostic} defines no {answer.symbol} for {answer.label}"
        return Judged(part=part.name, verdict=Verdict.UNDEFINED, reason=reason)
    return judge_reproduced(part, found) if is_paper_mode else judge_supported(part, found)


def _find(result: Result, answer: Answer) -> Estimate | None:
    return next((e for e in result.estimates if (e.symbol, e.label) == (answer.symbol, answer.label)), None)


def _absent(answer: Answer) -> Estimate:
    return Estimate(
        symbol=answer.symbol,
        label=answer.label,
        value=answer.absent,
        low=None,
        high=None,
        n=0,
        unit="",
        method="no row of this name",
        caveats=("no interval: a count of the rows at hand",),
    )


def _by_part(parts: tuple[Part, ...], opinions: list[Opinion]) -> dict[str, Judged]:
    """Return one judgement per part; a part that no opinion answers is open."""
    table = {part.name: Judged(part=part.name, verdict=Verdict.OPEN, reason="not wired yet") for part in parts}
    for opinion in opinions:
        table.update(opinion.judged)
    return table


def _shown_part(parts: tuple[Part, ...], verdicts: dict[str, dict[str, Judged]]) -> Judged | None:
    """The first part with a number of ours, independent rows before the paper's."""
    for side in ("supported", "reproduced"):
        for part in parts:
            judged = verdicts[side][part.name]
            if isinstance(judged.value, float):
                return judged
    return None


def _reason(verdicts: dict[str, dict[str, Judged]], opinions: dict[str, list[Opinion]]) -> str:
    lines = []
    for side, judged in verdicts.items():
        severest = worst(tuple(v.verdict for v in judged.values()))
        said = next(v for v in judged.values() if v.verdict is severest)
        lines.append(f"{side.capitalize()}: {said.reason.rstrip('.')}.")
    lines += [f"Beside it: {o.context}." for o in opinions["supported"] if o.context]
    return " ".join(lines)


def _part_row(part: Part, verdicts: dict[str, dict[str, Judged]]) -> dict[str, Any]:
    row: dict[str, Any] = {"name": part.name, "kind": str(part.kind), "printed": part.printed(), "unit": part.unit}
    for side in ("reproduced", "supported"):
        judged = asdict(verdicts[side][part.name])
        row |= {side: str(judged["verdict"]), f"{side}_value": judged["value"], f"{side}_low": judged["low"]}
        row |= {f"{side}_high": judged["high"], f"{side}_n": judged["n"], f"{side}_reason": judged["reason"]}
    return row


def _words(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"{estimate.symbol} ({estimate.label}) is undefined, n = {estimate.n}: {', '.join(estimate.caveats)}"
    value = f"{estimate.value:.3g}"
    ends = [f"{end:.3g}" if end is not None else "open" for end in (estimate.low, estimate.high)]
    interval = "" if estimate.low is None and estimate.high is None else f" [{ends[0]}, {ends[1]}]"
    return f"{estimate.symbol} ({estimate.label}) = {value}{interval}, n = {estimate.n}"


def open_claims(lake: Lake) -> Iterator[str]:
    """Yield the identifiers of the claims that no diagnostic settles."""
    settled = _settles_by_claim()
    yield from (claim_id for claim_id in lake.read("mart_claims")["claim_id"] if claim_id not in settled)
