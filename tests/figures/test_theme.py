"""The theme: sizes in words, a shape for every category, and no colour anywhere else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import cape.figures
from cape.claims import Verdict
from cape.figures import theme as look
from cape.quantities import Phase


def test_sizes_read_as_millions_and_billions() -> None:
    figure = look.new_figure("light", x_title="", y_title="")
    look.size_axis(figure, [7e7, 4e11], title="Model size")
    assert figure.layout.xaxis.ticktext == ("100M", "1B", "10B", "100B")
    assert look.score_title("hellaswag") == "hellaswag (%)"


def test_every_phase_has_a_colour_and_a_shape_of_its_own() -> None:
    assert set(look.PHASE_STYLES) == set(Phase)
    assert len({style.symbol for style in look.PHASE_STYLES.values()}) == len(Phase)


def test_every_verdict_has_a_style() -> None:
    assert list(look.VERDICT_STYLES) == [str(verdict) for verdict in Verdict]


MODULES = sorted(Path(cape.figures.__file__).parent.glob("*.py"))
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgba?|hsla?)\(")
NAMES = frozenset("black white red green blue grey gray orange purple yellow brown pink cyan magenta".split())


def colour_faults(source: str) -> list[str]:
    texts = [n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    return [text for text in texts if COLOUR.search(text) or text in NAMES]


def imports_of(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_colours_live_in_the_theme_and_no_figure_uses_numpy(module: Path) -> None:
    source = module.read_text(encoding="utf-8")
    if module.stem != "theme":
        assert colour_faults(source) == []
    own = {name for name in imports_of(source) if name.partition(".")[0] in {"cape", "numpy", "streamlit", "scipy"}}
    assert all(name in ("cape.positions", "cape.quantities") or name.startswith("cape.figures") for name in own), own


@pytest.mark.parametrize("source", ["f('#0072B2')", "f(color='red')", "x = f'rgba({a},0,0,1)'"])
def test_a_colour_outside_the_theme_is_seen(source: str) -> None:
    assert colour_faults(source)
