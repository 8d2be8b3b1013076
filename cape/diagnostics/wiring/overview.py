"""Claims that `overview` settles."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics.wiring._common import INDEPENDENT, side

OVERVIEW: tuple[Settles, ...] = (
    Settles(
        claim_id="PAN-08",
        reproduced=side({"pc1_share": Answer(symbol="first_component_share", label=INDEPENDENT)}, panel=INDEPENDENT),
        supported=side({"pc1_share": Answer(symbol="first_component_share", label=INDEPENDENT)}, panel=INDEPENDENT),
    ),
)
