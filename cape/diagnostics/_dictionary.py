"""The paper's dictionary between condensed matter and machine learning, and its levers, in our own words.

Each record says where in the source texts the pairing stands and which symbol of the workbench measures it, if any.
A pairing is an analogy: nothing here is a result.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import polars as pl

from cape.quantities import Table

MEASURED_ELSEWHERE = "not measured here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One concept of physics, what it stands for among models, where the text has it and what measures it."""

    physics: str
    meaning: str
    source: str
    measured_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """One knob of a laboratory, what it does there, the knob of a training run it is likened to, and its effect."""

    lever: str
    effect: str
    analogue: str
    analogue_effect: str
    source: str
    measured_by: str


CARD, TABLE_2 = "dashboard, physics to ML dictionary", "paper A.10, Table 2; dashboard, lever map"
MAP = "dashboard, lever map"

DICTIONARY: tuple[Entry, ...] = (
    Entry(
        physics="order parameter of Ginzburg and Landau",
        meaning="gamma_12 as a function of size: its sign and its magnitude",
        source=CARD,
        measured_by="gamma_12, gamma_line_slope (local_coupling, this page)",
    ),
    Entry(
        physics="phase transition at a critical temperature",
        meaning="change of sign of gamma_12 at the size N_c",
        source=CARD,
        measured_by="N_c (critical_scale)",
    ),
    Entry(
        physics="breaking of time-reversal symmetry",
        meaning="second eigenvector settles at a fixed angle",
        source=f"{CARD}; paper A.9",
        measured_by="theta_star (this page)",
    ),
    Entry(
        physics="soft mode",
        meaning="second eigenvalue of the score correlations falls with size",
        source=f"{CARD}; paper A.9",
        measured_by="effective_dimension",
    ),
    Entry(
        physics="external magnetic field",
        meaning="offset h(D) that the choice of training data adds to the second score",
        source=f"{CARD}; paper A.7",
        measured_by="h_curation (this page)",
    ),
    Entry(
        physics="Meissner screening",
        meaning="interventions for truthfulness last longer above N_c (a prediction)",
        source=CARD,
        measured_by=MEASURED_ELSEWHERE,
    ),
    Entry(
        physics="flux pinning",
        meaning="curated data hold the eigenvector in the cooperative direction",
        source=f"{CARD}; paper A.10",
        measured_by="h_c (this page), as a design rule only",
    ),
    Entry(
        physics="Ginzburg number",
        meaning="a number above 1 is read as a crossover and not a sharp transition",
        source=CARD,
        measured_by=MEASURED_ELSEWHERE,
    ),
    Entry(
        physics="divergence of a susceptibility",
        meaning="1 / |gamma_12| where gamma_12 passes zero",
        source=CARD,
        measured_by="chi_gamma (this page)",
    ),
    Entry(
        physics="self-reinforcing feedback of heavy fermions",
        meaning="a correlation of quantities that the text does not name",
        source=CARD,
        measured_by=MEASURED_ELSEWHERE,
    ),
    Entry(
        physics="determinant of a stiffness matrix goes to zero",
        meaning="two scores no longer suffice to describe models beyond some size",
        source=f"{CARD}; paper A.9",
        measured_by="effective_dimension",
    ),
    Entry(
        physics="topological protection",
        meaning="a winding number of the eigenvector (a prediction there, a result on the topology card)",
        source=f"{CARD}; dashboard, topology",
        measured_by="winding, e2_rotation (this page)",
    ),
)

LEVERS: tuple[Lever, ...] = (
    Lever(
        lever="pressure",
        effect="compresses the lattice and shifts its bands",
        analogue="number of parameters",
        analogue_effect="compresses or widens the representation",
        source=TABLE_2,
        measured_by="gamma_12 by size (local_coupling)",
    ),
    Lever(
        lever="magnetic field along c",
        effect="orbital limiting, vortices",
        analogue="emphasis of the training recipe (field h)",
        analogue_effect="shifts weight from one capability to another",
        source=TABLE_2,
        measured_by="h (residual_field), h_curation (this page)",
    ),
    Lever(
        lever="magnetic field in the ab plane",
        effect="limits pairing through spin",
        analogue="another pair of benchmarks",
        analogue_effect="another direction of coupling",
        source=f"{MAP}; Table 2 of paper A.10 has one magnetic field for both",
        measured_by="any pair, by x and y",
    ),
    Lever(
        lever="doping",
        effect="changes the number of carriers",
        analogue="curation of the training data",
        analogue_effect="changes the distribution trained on",
        source=TABLE_2,
        measured_by="h_curation, curation_ratio (this page)",
    ),
    Lever(
        lever="temperature",
        effect="thermal fluctuations",
        analogue="learning rate and noise",
        analogue_effect="fluctuations of training",
        source=TABLE_2,
        measured_by=MEASURED_ELSEWHERE,
    ),
    Lever(
        lever="strain",
        effect="distorts the lattice",
        analogue="architecture: width and depth",
        analogue_effect="changes structure at equal size",
        source=TABLE_2,
        measured_by="width_normalization",
    ),
    Lever(
        lever="impurities without a magnetic moment",
        effect="leave superconductivity alone (Anderson)",
        analogue="dropout and augmentation",
        analogue_effect="leave the coupling alone",
        source=TABLE_2,
        measured_by=MEASURED_ELSEWHERE,
    ),
    Lever(
        lever="impurities with a magnetic moment",
        effect="break pairs",
        analogue="contaminated data",
        analogue_effect="destroys the coupling",
        source=TABLE_2,
        measured_by=MEASURED_ELSEWHERE,
    ),
    Lever(
        lever="twist between layers",
        effect="flat bands at certain angles",
        analogue="routing among experts, per-layer embeddings",
        analogue_effect="coupling set by the routing",
        source=MAP,
        measured_by=MEASURED_ELSEWHERE,
    ),
    Lever(
        lever="spin-orbit coupling",
        effect="mixes spin channels",
        analogue="attention across heads",
        analogue_effect="mixes the representations of capabilities",
        source=MAP,
        measured_by=MEASURED_ELSEWHERE,
    ),
)


def dictionary_tables() -> list[Table]:
    """Return the dictionary and the levers as tables."""
    return [
        Table(
            name="dictionary",
            title="Physics and machine learning, as the paper pairs them",
            frame=pl.DataFrame([asdict(entry) for entry in DICTIONARY]),
        ),
        Table(
            name="levers",
            title="Levers, as the paper pairs them",
            frame=pl.DataFrame([asdict(lever) for lever in LEVERS]),
        ),
    ]
