"""A small lake with planted answers: every source, model and score is written here."""

from __future__ import annotations

import csv
import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cape.lake import Lake, LakePaths, build_lake

X, Y = "hellaswag", "truthfulqa_mc2"
HALF_DECADES = tuple(10.0**p for p in (-1, -0.5, 0, 0.5, 1))
PANEL_COLUMNS = "panel,source_id,label,description,default_x,default_y,uses_printed_truthfulqa,uses_panel_families"


def ladder(
    family: str,
    sizes: Sequence[float],
    x: Sequence[float],
    y: Sequence[float],
    *,
    se: float = 0.1,
    variant: str = "mc2",
) -> list[dict[str, Any]]:
    """Return the models of one family with both scores, in percent, and one standard error for all."""
    return [
        {
            "model_id": f"{family.lower()}-{i}",
            "family": family,
            "params_b": size,
            "se": se,
            "scores": {("hellaswag", ""): first, ("truthfulqa", variant): second},
        }
        for i, (size, first, second) in enumerate(zip(sizes, x, y, strict=True))
    ]


def climb(start: float, step: float, gammas: Iterable[float]) -> tuple[list[float], list[float]]:
    """Return scores that rise by `step` on the first benchmark and by gamma times that on the second."""
    x, y = [start], [50.0]
    for gamma in gammas:
        x.append(x[-1] + step)
        y.append(y[-1] + gamma * step)
    return x, y


def with_gammas(family: str, gammas: Sequence[float], *, sizes: Sequence[float] = HALF_DECADES, **more: Any) -> list:
    """Return a ladder whose consecutive steps have these gammas."""
    return ladder(family, sizes[: len(gammas) + 1], *climb(20.0, 10.0, gammas), **more)


def orthogonal_residuals(log10_n: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two residual vectors of equal length, orthogonal to each other, to a constant and to log10 N."""
    n = log10_n.size
    basis = np.column_stack([np.ones(n), log10_n, np.random.default_rng(seed).standard_normal((n, 2))])
    q, _ = np.linalg.qr(basis)
    return q[:, 2], q[:, 3]


def build(root: Path, shipped: Path, sources: Mapping[str, list], panels: Sequence[str], *, printed: str = "") -> Lake:
    """Write the sources under root, build the lake and open it; `printed` names a source in paper mode."""
    (root / "raw").mkdir(parents=True)
    for name in ("benchmarks", "claims"):
        shutil.copy(shipped / f"{name}.csv", root)
    (root / "panels.csv").write_text("\n".join([PANEL_COLUMNS, *panels, ""]), encoding="utf-8")
    models = {row["model_id"]: row for rows in sources.values() for row in rows}
    for source_id, rows in sources.items():
        scores = [
            (row["model_id"], benchmark, variant, score, row["se"])
            for row in rows
            for (benchmark, variant), score in row["scores"].items()
        ]
        tables = {"scores": (("model_id", "benchmark", "variant", "score", "stderr"), scores)}
        if source_id == next(iter(sources)):
            listed = [(m["model_id"], m["family"], m["params_b"] or "", m.get("d_model", "")) for m in models.values()]
            tables["models"] = (("model_id", "family", "params_b", "d_model"), listed)
        _write(root / "raw" / source_id, tables, is_printed=source_id == printed)
    paths = LakePaths(root)
    build_lake(paths)
    return Lake.open(paths)


def _write(folder: Path, tables: Mapping[str, tuple[tuple[str, ...], list]], *, is_printed: bool) -> None:
    folder.mkdir()
    record = [f'{key} = "{folder.name}"' for key in ("source_id", "title")]
    record += ['url = "internal"', 'kind = "user"', 'date = "2026-01-01"', 'licence = "private"']
    record.append(f"paper_mode = {str(is_printed).lower()}")
    for name, (header, rows) in tables.items():
        file = folder / f"{name}.csv"
        with file.open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([header, *rows])
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        record += ["", "[[files]]", f'name = "{file.name}"', f'sha256 = "{digest}"', f"rows = {len(rows)}"]
    (folder / "source.toml").write_text("\n".join([*record, ""]), encoding="utf-8")
