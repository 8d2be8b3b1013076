"""HTML of a report: escaped text, tables, figures drawn by one inlined plotly in the reader's light or dark scheme."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import plotly.graph_objects as go
import polars as pl
from plotly.io import to_json
from plotly.offline import get_plotlyjs

from cape.figures.report_style import STYLE

SIZE_MARK = "@@size@@"
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
DRAW = """
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const draw = (isDark) => {
  for (const box of document.querySelectorAll("[data-figure]")) {
    const theme = isDark ? "dark" : "light";
    const figure = read(box.dataset.figure + "-" + theme);
    figure.layout.template = read("template-" + theme);
    figure.layout.autosize = true;
    Plotly.react(box, figure.data, figure.layout, {displaylogo: false, responsive: true});
  }
};
draw(dark.matches);
dark.addEventListener("change", (event) => draw(event.matches));
window.addEventListener("beforeprint", () => draw(false));
window.addEventListener("afterprint", () => draw(dark.matches));
"""


class Figures:
    """The figures of a document: their data, each in both themes, and the templates they share."""

    def __init__(self) -> None:
        self._data: list[str] = []
        self._templates: dict[str, str] = {}

    def add(self, name: str, themed: Mapping[str, go.Figure], *, alt: str) -> str:
        """Keep a figure and return the place where it is drawn, with its words for those who cannot see it."""
        height = 0.0
        for theme, figure in themed.items():
            plain = json.loads(to_json(figure, validate=False))
            template = plain["layout"].pop("template", {})
            self._templates.setdefault(theme, _data(f"template-{theme}", template))
            self._data.append(_data(f"{name}-{theme}", plain))
            height = float(plain["layout"].get("height") or 0)
        style = f' style="min-height:{height:.0f}px"' if height else ""
        box = f'<div data-figure="{escape(name)}" role="img" aria-label="{escape(alt, quote=True)}"{style}></div>'
        return f"<figure>{box}<figcaption>{escape(alt)}</figcaption></figure>"

    @property
    def scripts(self) -> str:
        """The data of every figure."""
        return "".join([*self._templates.values(), *self._data])


def document(title: str, body: Iterable[str], figures: Figures) -> str:
    """Return the whole file; its own size replaces SIZE_MARK."""
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}"><style>{STYLE}</style></head>'
        f"<body><main>{''.join(body)}</main>{figures.scripts}"
        f"<script>{get_plotlyjs()}</script><script>{DRAW}</script></body></html>"
    )
    return text.replace(SIZE_MARK, f"{len(text.encode()) / 1e6:.1f}")


def escaped(text: str) -> str:
    """Return text that is safe between tags."""
    return escape(text)


def element(tag: str, inner: str, *, label: str = "") -> str:
    """Return an element around HTML."""
    named = f' aria-label="{escape(label, quote=True)}"' if label else ""
    return f"<{tag}{named}>{inner}</{tag}>"


def heading(level: int, text: str) -> str:
    """Return a heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraphs(lines: Iterable[str], *, kind: str = "") -> str:
    """Return one paragraph per line."""
    named = f' class="{kind}"' if kind else ""
    return "".join(f"<p{named}>{escape(line)}</p>" for line in lines)


def bullets(items: Iterable[str]) -> str:
    """Return a list of HTML items."""
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def link(address: str, text: str) -> str:
    """Return a link."""
    return f'<a href="{escape(address, quote=True)}">{escape(text)}</a>'


def code(text: str) -> str:
    """Return text as it is typed."""
    return f"<pre><code>{escape(text)}</code></pre>"


def details(title: str, inner: str, *, is_open: bool = False) -> str:
    """Return HTML that folds away under a title."""
    return f"<details{' open' if is_open else ''}><summary>{escape(title)}</summary>{inner}</details>" if inner else ""


def section(name: str, title: str, inner: str) -> str:
    """Return a section with its heading, reachable by its name."""
    return f'<section id="{escape(name)}" aria-labelledby="{escape(name)}-title">' + (
        f'<h2 id="{escape(name)}-title">{escape(title)}</h2>{inner}</section>'
    )


def table(frame: pl.DataFrame, *, caption: str, units: Mapping[str, str] | None = None) -> str:
    """Return a table with its caption and the unit of each column in its heading."""
    named = units or {}
    heads = [f"{name} ({named[name]})" if named.get(name) else name for name in frame.columns]
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    rows = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in frame.iter_rows())
    return (
        f'<div class="wide" tabindex="0"><table><caption>{escape(caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def saved_file(name: str, content: bytes) -> str:
    """Return a link that saves bytes which the document itself holds."""
    address = f"data:text/csv;base64,{base64.b64encode(content).decode()}"
    return f'<p><a download="{escape(name)}" href="{address}">Save {escape(name)}</a></p>'


def _cell(value: Any) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, float):
        return f'<td class="number">{value:.4g}</td>'
    if isinstance(value, int) and not isinstance(value, bool):
        return f'<td class="number">{value}</td>'
    return f"<td>{escape(str(value))}</td>"


def _data(name: str, value: Any) -> str:
    """Return JSON that a script can read; no text in it can end the element."""
    text = json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    return f'<script type="application/json" id="{escape(name)}">{text}</script>'
