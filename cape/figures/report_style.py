"""Style sheet of a report: the colours of the figures' themes, readable in light, dark and on paper."""

from __future__ import annotations

from cape.figures.theme import BLUE, FONT, INK, SKY


def _colours(theme: str, accent: str) -> str:
    ink = INK[theme]
    return (
        f"--ground:{ink.ground};--text:{ink.text};--muted:{ink.muted};--line:{ink.grid};--soft:{ink.hover};"
        f"--accent:{accent};"
    )


STYLE = f"""
:root{{color-scheme:light dark;{_colours("light", BLUE)}}}
@media (prefers-color-scheme:dark){{:root{{{_colours("dark", SKY)}}}}}
@media print{{:root{{{_colours("light", BLUE)}}}details{{display:block}}section{{break-inside:auto}}
figure,tr{{break-inside:avoid}}nav{{display:none}}}}
*{{box-sizing:border-box}}
body{{margin:0;background:var(--ground);color:var(--text);font:15px/1.5 {FONT}}}
main{{max-width:1100px;margin:0 auto;padding:24px}}
h1{{font-size:30px;line-height:1.2}}
h2{{font-size:23px;margin-top:48px;border-top:1px solid var(--line);padding-top:20px}}
h3{{font-size:17px;margin-top:26px}}
a{{color:var(--accent);overflow-wrap:anywhere}}
.question{{color:var(--muted)}}
nav ul{{columns:2;padding-left:18px}}
figure{{margin:0}}figcaption{{color:var(--muted);font-size:13px}}
pre{{background:var(--soft);padding:10px 12px;overflow:auto;border-radius:6px;white-space:pre-wrap}}
details{{margin:10px 0}}summary{{cursor:pointer;color:var(--accent)}}
.wide{{overflow-x:auto;max-height:520px}}
table{{border-collapse:collapse;font-size:13px;width:100%}}
caption{{text-align:left;color:var(--muted);padding:6px 0}}
th,td{{text-align:left;vertical-align:top;padding:4px 8px;border-bottom:1px solid var(--line);max-width:340px}}
th{{position:sticky;top:0;background:var(--soft)}}
.number{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}
"""
