"""Texts on shaded cells can be read: the colours agree with published contrast ratios and are the better of two."""

from __future__ import annotations

import pytest

from cape.figures import theme as look
from cape.figures._contrast import cell_texts, contrast, shade, text_on
from cape.quantities import Phase

READABLE = 4.5  # WCAG 2.2, success criterion 1.4.3
BLACK, WHITE, GREY_OF_THE_STANDARD = (0.0,) * 3, (255.0,) * 3, (0x76,) * 3


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast(BLACK, WHITE) == pytest.approx(21.0)
    assert contrast(WHITE, BLACK) == pytest.approx(21.0)
    assert contrast(GREY_OF_THE_STANDARD, WHITE) == pytest.approx(4.54, abs=0.01)  # the known darkest passing grey


def test_a_shade_lies_between_its_stops() -> None:
    stops = ((0.0, "#000000"), (0.5, "#FF0000"), (1.0, "#FFFFFF"))
    assert shade(stops, 0.25) == pytest.approx((127.5, 0, 0))
    assert shade(stops, 0.75) == pytest.approx((255, 127.5, 127.5))
    assert shade(stops, -1) == BLACK and shade(stops, 2) == WHITE


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_shade_of_every_scale_carries_readable_text(theme: str) -> None:
    two = tuple((float(place), colour) for place, colour in enumerate(look.INK[theme].scale))
    styles = (look.PHASE_STYLES[Phase.TAX], look.PHASE_STYLES[Phase.BONUS])
    three = ((0.0, styles[0].colour(theme)), (0.5, look.INK[theme].hover), (1.0, styles[1].colour(theme)))
    for stops in (two, three):
        for step in range(101):
            ground = shade(stops, step / 100)
            found = text_on(ground)
            ratios = {
                ink: contrast(tuple(int(ink[i : i + 2], 16) for i in (1, 3, 5)), ground) for ink in look.CELL_INKS
            }
            assert ratios[found] == max(ratios.values()) and ratios[found] >= READABLE


def test_blank_cells_have_no_text() -> None:
    trace = cell_texts([["1", ""], ["2", "x"]], [[0.0, 0.5], [None, 1.0]], ((0.0, "#000000"), (1.0, "#FFFFFF")))
    assert list(trace.text) == ["1", "x"]
    assert (list(trace.x), list(trace.y)) == ([0, 1], [0, 1])
    assert list(trace.textfont.color) == list(reversed(look.CELL_INKS))
