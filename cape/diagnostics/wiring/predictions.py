"""Claims that `predictions` settles: how many dated predictions there are, and the third falsifier."""

from __future__ import annotations

from cape.diagnostics._diagnostic import Answer, Settles
from cape.diagnostics._falsifiers import AT_INTERVAL, AT_TURN
from cape.diagnostics.wiring._common import same, side

PREDICTIONS: tuple[Settles, ...] = (
    same("FRO-19", {"predictions": Answer(symbol="n_predictions", label="dated")}),
    Settles(
        claim_id="FAL-03",
        reproduced=side({"counterexamples": Answer(symbol="n_competing_at_n_c", label=AT_INTERVAL)}),
        supported=side(
            {"counterexamples": Answer(symbol="n_competing_at_n_c", label=AT_TURN)},
            context=(("n_competing_at_n_c", AT_INTERVAL),),
        ),
    ),
)
