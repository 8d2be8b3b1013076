"""`cape report`: one panel as one self-contained HTML file."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from cape.diagnostics import choices_for
from cape.errors import BadParameterError, UnknownNameError
from cape.lake import OWN_SOURCE, Lake
from cape.report import Report, build_report


def report(
    panel: Annotated[str, typer.Option(help="Panel: a shipped one, or your own source after `cape ingest`.")],
    out: Annotated[Path, typer.Option(help="HTML file to write.")],
    family: Annotated[str, typer.Option(help="One family, or all.")] = "all",
    pair: Annotated[str, typer.Option(help="Two benchmarks parted by a comma; empty: the panel's default.")] = "",
    resamples: Annotated[int, typer.Option(help="Bootstrap resamples and simulations.")] = 10_000,
    seed: Annotated[int, typer.Option(help="Seed of all draws.")] = 0,
) -> None:
    """Write figures, estimates, doubts and what reproduces them for one panel into one HTML file."""
    if not out.parent.is_dir():
        raise BadParameterError(f"There is no folder {out.parent} to write {out.name} into. Make it, or name another.")
    lake = Lake.ensure()
    _check_panel(panel, lake)
    x, y = _pair(pair)
    given = {"panel": panel, "family": family, "x": x, "y": y, "resamples": resamples, "seed": seed}
    with Progress(*Progress.get_default_columns(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("diagnostics")
        made = build_report(
            given,
            lake,
            made_on=date.today().isoformat(),
            on_progress=lambda name, n, total: bar.update(task, description=name, completed=n - 1, total=total),
        )
    out.write_text(made.html, encoding="utf-8")
    typer.echo(summary(made, out.name))


def summary(made: Report, name: str) -> str:
    """Return what a report holds, in lines for a terminal."""
    lines = [f"{name}: {made.n_bytes / 1e6:.1f} MB, {len(made.ran)} diagnostics."]
    return "\n".join([*lines, *(f"Not computed, {slug}: {reason}" for slug, reason in made.refused)])


def _pair(text: str) -> tuple[str, str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if len(names) not in (0, 2):
        raise BadParameterError(f"--pair is {text!r}; write two benchmarks parted by a comma, as hellaswag, mmlu.")
    return (names[0], names[1]) if names else ("", "")


def _check_panel(panel: str, lake: Lake) -> None:
    try:
        choices_for(panel, lake)
    except UnknownNameError as error:
        if panel != OWN_SOURCE:
            raise
        raise UnknownNameError(
            f"The lake holds no panel {OWN_SOURCE!r} yet. Add your results first: `cape ingest PATH... --source-id "
            f"{OWN_SOURCE}`, then `cape report --panel {OWN_SOURCE} --out {OWN_SOURCE}.html`. The page "
            "bring_your_scores makes the report of a browser session without that."
        ) from error
