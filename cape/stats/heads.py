"""When a head is called cooperative or competing."""

from __future__ import annotations

COOPERATIVE_ABOVE = 0.1  # cosine of the two vectors of a head; the workbench's rule, paper A.5 names none
COMPETING_BELOW = -0.5  # cosine, on more than half of the prompt pairs; paper A.5
