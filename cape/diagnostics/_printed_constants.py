"""Constants that the paper and its dashboard print, and what follows from one for another: arithmetic on the ledger.

Every number here is read from the ledger's parts or from a printed series; this module holds only the relations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import polars as pl

from cape.claims import Part, PartKind, parse_parts
from cape.diagnostics._diagnostic import Read
from cape.quantities import Estimate, Table
from cape.stats.curation import EXPONENT
from cape.stats.isocline import PERCENT

HALF_TURN = 180.0
ONE_BILLION = 9.0  # log10 N of the Pythia model whose gamma the paper prints
Constants = Mapping[tuple[str, str], Part]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One number derived from printed ones beside the number printed for it.

    statement : what is derived, and of what. sources : (claim, part) of the numbers used. rule : arithmetic on them.
    printed : (claim, part) of the number it should equal at its printed decimals.
    """

    statement: str
    sources: tuple[tuple[str, str], ...]
    rule: Callable[..., float]
    printed: tuple[str, str]
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Consistency:
    """A relation as computed; agrees where the derived number rounds to the printed one."""

    relation: Relation
    derived: float
    printed: float
    decimals: int

    @property
    def agrees(self) -> bool:
        """Equal at the printed decimals."""
        return abs(self.derived - self.printed) <= 0.5 * 10.0**-self.decimals * (1 + 1e-9)


def _line_zero(slope: float, intercept: float) -> float:
    return 10.0 ** (-intercept / slope - 9)


def _kink_zero(amplitude: float, centre: float, width: float, offset: float) -> float:
    return 10.0 ** (centre + width * math.atanh(-offset / amplitude) - 9)


def _stable_zero(quadratic: float, linear: float, constant: float) -> float:
    return (-linear - math.sqrt(linear**2 - 4 * quadratic * constant)) / (2 * quadratic)


def _n_c_of_share(percent: float, size_b: float) -> float:
    return size_b / (1 - (percent / PERCENT) ** (1 / EXPONENT))


SLOPE, INTERCEPT = ("NC-21", "slope"), ("NC-21", "intercept")
KINK = tuple(("PHY-11", name) for name in ("amplitude", "centre", "width", "offset"))
BETA = tuple(("PHY-09", name) for name in ("quadratic", "linear", "constant"))
N_C = ("NC-01", "n_c")
RELATIONS: tuple[Relation, ...] = (
    Relation(
        statement="zero of the printed line of gamma",
        sources=(SLOPE, INTERCEPT),
        rule=_line_zero,
        printed=("NC-24", "zero"),
        unit="billion parameters",
    ),
    Relation(
        statement="centre of the printed kink",
        sources=(KINK[1],),
        rule=lambda centre: 10.0 ** (centre - 9),
        printed=("PHY-12", "n_c"),
        unit="billion parameters",
    ),
    Relation(
        statement="zero of the printed kink",
        sources=KINK,
        rule=_kink_zero,
        printed=("PHY-12", "n_c"),
        unit="billion parameters",
    ),
    Relation(
        statement="N_c as the kink prints it",
        sources=(("PHY-12", "n_c"),),
        rule=float,
        printed=N_C,
        unit="billion parameters",
    ),
    Relation(
        statement="printed line at 1 B",
        sources=(SLOPE, INTERCEPT),
        rule=lambda slope, intercept: intercept + slope * ONE_BILLION,
        printed=("OLM-06", "gamma12"),
        unit="pp/pp",
    ),
    Relation(
        statement="printed kink at 1 B",
        sources=KINK,
        rule=lambda amplitude, centre, width, offset: amplitude * math.tanh((ONE_BILLION - centre) / width) + offset,
        printed=("OLM-06", "gamma12"),
        unit="pp/pp",
    ),
    Relation(
        statement="stable zero of the printed beta function",
        sources=BETA,
        rule=_stable_zero,
        printed=("PHY-08", "gamma_star"),
        unit="pp/pp",
    ),
    Relation(
        statement="fixed point printed for OPT",
        sources=(("ODE-25", "gamma_star"),),
        rule=float,
        printed=("PHY-08", "gamma_star"),
        unit="pp/pp",
    ),
    Relation(
        statement="exchange rate printed above N_c",
        sources=(("PHY-06", "gamma12"),),
        rule=float,
        printed=("PHY-08", "gamma_star"),
        unit="pp/pp",
    ),
    Relation(
        statement="sine of the printed Riccati fixed point",
        sources=(("PHY-04", "theta_star"),),
        rule=math.sin,
        printed=("PHY-05", "sin_theta_star"),
        unit="",
    ),
    Relation(
        statement="difference of the printed sine and slope",
        sources=(("PHY-05", "sin_theta_star"), ("PHY-05", "slope")),
        rule=lambda sine, slope: PERCENT * abs(slope - sine) / slope,
        printed=("PHY-05", "difference"),
        unit="%",
    ),
    Relation(
        statement="printed geometric phase in units of pi",
        sources=(("PHY-13", "phase_degrees"),),
        rule=lambda degrees: degrees / HALF_TURN,
        printed=("PHY-13", "phase_pi"),
        unit="pi",
    ),
    Relation(
        statement="exponential of the printed action exponent",
        sources=(("PHY-14", "exponent"),),
        rule=lambda exponent: math.exp(exponent) / 1000,
        printed=("PHY-14", "value"),
        unit="thousand",
    ),
    Relation(
        statement="N_c that the printed h_c at 1 B needs",
        sources=(("PHY-20", "at_1b"),),
        rule=lambda percent: _n_c_of_share(percent, 1.0),
        printed=N_C,
        unit="billion parameters",
    ),
    Relation(
        statement="N_c that the printed h_c at 3 B needs",
        sources=(("PHY-20", "at_3b"),),
        rule=lambda percent: _n_c_of_share(percent, 3.0),
        printed=N_C,
        unit="billion parameters",
    ),
    Relation(
        statement="intervals between the printed number of Pythia models",
        sources=(("NC-18", "pythia"),),
        rule=lambda models: models - 1,
        printed=("NC-23", "intervals"),
        unit="intervals",
    ),
)


def printed_constants(read: Read) -> Constants:
    """Return every numeric part of the ledger as printed, by claim and part."""
    found = {}
    for row in read("mart_claims_as_printed").iter_rows(named=True):
        for part in parse_parts(row["claim_id"], row["parts"]):
            if part.kind in (PartKind.NUMBER, PartKind.COUNT):
                found[row["claim_id"], part.name] = part
    return found


def consistencies(constants: Constants) -> list[Consistency]:
    """Return the relations whose numbers the ledger prints, computed."""
    found = []
    for relation in RELATIONS:
        if not {*relation.sources, relation.printed} <= set(constants):
            continue
        printed = constants[relation.printed]
        derived = relation.rule(*(_number(constants[source]) for source in relation.sources))
        found.append(
            Consistency(relation=relation, derived=derived, printed=_number(printed), decimals=printed.decimals or 0)
        )
    return found


def _number(part: Part) -> float:
    return float(part.value)  # type: ignore[arg-type]  # only numbers and counts are kept


def constant_estimates(found: list[Consistency]) -> list[Estimate]:
    """Return every derived number, and how many relations hold."""
    estimates = [
        Estimate(
            symbol="derived_constant",
            label=item.relation.statement,
            value=item.derived,
            low=None,
            high=None,
            n=len(item.relation.sources),
            unit=item.relation.unit,
            method=f"arithmetic on {_places(item.relation.sources)}",
            caveats=(
                "no interval: it follows from printed numbers",
                f"{' '.join(item.relation.printed)} prints {item.printed:g}",
            ),
        )
        for item in found
    ]
    holding = sum(item.agrees for item in found)
    return [
        *estimates,
        Estimate(
            symbol="n_relations_hold",
            label="printed constants",
            value=float(holding),
            low=None,
            high=None,
            n=len(found),
            unit="relations",
            method="relations among printed constants that hold at the printed decimals",
            caveats=("no interval: a count of relations",),
        ),
    ]


def _places(sources: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(f"{claim} {part}" for claim, part in sources)


def constant_table(found: list[Consistency]) -> Table:
    """Return one row per relation: what follows, what is printed, and whether they agree."""
    rows = [
        {
            "statement": item.relation.statement,
            "derived": item.derived,
            "printed": item.printed,
            "unit": item.relation.unit,
            "agrees": "yes" if item.agrees else "no",
            "derived_from": _places(item.relation.sources),
            "printed_in": " ".join(item.relation.printed),
        }
        for item in found
    ]
    schema = {"statement": pl.String, "derived": pl.Float64, "printed": pl.Float64, "unit": pl.String}
    schema |= dict.fromkeys(("agrees", "derived_from", "printed_in"), pl.String)
    return Table(
        name="printed_constants",
        title="What printed constants say of each other",
        frame=pl.DataFrame(rows, schema=schema),
    )


def constant_sentence(found: list[Consistency]) -> str:
    """Return how many relations hold and name those that do not."""
    if not found:
        return "The ledger holds no printed constants to compare."
    broken = [
        f"{item.relation.statement}: {item.derived:.3g}, printed {item.printed:g}" for item in found if not item.agrees
    ]
    head = f"{len(found) - len(broken)} of {len(found)} relations among printed constants hold at the printed decimals"
    return f"{head}. Those that do not: {'; '.join(broken)}." if broken else f"{head}."
