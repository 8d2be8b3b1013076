"""Benchmark of item rows: Parquet files of 5 x 10^5 to 5 x 10^7 rows landed, paired at build and read as marts.

As a program (`python -m scripts.bench.items folder n_rows`) it measures one synthetic lake in its own process.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from cape.lake import Lake, LakePaths, build_lake
from cape.lake.land import SourceRecord, land_tables
from scripts.bench.common import Row, copy_shipped_lake, in_child, peak_rss_mib

PART = "Items"
SIZES = (500_000, 5_000_000)
HUGE = 50_000_000
QUICK = (50_000, 500_000)
ITEMS = 1_000  # of every model and benchmark
MODELS_PER_FAMILY = 8
SETS_PER_FILE = 2_500
BENCHMARKS = (("hellaswag", None), ("truthfulqa", "mc2"))
PAIR = {"x": "hellaswag", "y": "truthfulqa_mc2"}
MOST_MIB = 2048.0
SOURCE = SourceRecord(
    source_id="bench-items", title="t", url="internal", kind="user", date="2026-01-01", licence="private"
)


def measure(folder: Path, *, is_quick: bool, is_huge: bool) -> list[Row]:
    """Return time and peak memory of each size, with the cost per row against the size before."""
    rows: list[Row] = []
    previous = None
    for n_rows in QUICK if is_quick else (*SIZES, HUGE) if is_huge else SIZES:
        place = folder / f"items_{n_rows}"
        found = in_child("scripts.bench.items", str(place), str(n_rows), lake=place / "lake")
        rows += _rows_of(n_rows, found, previous)
        previous = (n_rows, found)
        shutil.rmtree(place)
    return rows


def _rows_of(n_rows: int, found: dict, previous: tuple[int, dict] | None) -> list[Row]:
    name = f"{n_rows:,} item rows"
    rows = [
        Row(
            part=PART,
            what=f"{name}: copy and pair at build",
            measured=f"{found['land']:.2f} + {found['build']:.2f} s",
            note=f"{found['cpu']:.1f} s of processor time over all cores; {found['file_mib']:.1f} MiB of Parquet",
        ),
        Row(
            part=PART,
            what=f"{name}: first read of gamma and of the paired steps",
            measured=f"{found['read']:.2f} s",
            note=f"{found['n_pairs']:,} pairs of models, all with paired errors",
        ),
        Row(
            part=PART,
            what=f"{name}: peak memory of the process",
            measured=f"{found['rss_mib']:.0f} MiB",
            target=f"< {MOST_MIB:.0f} MiB",
            is_met=found["rss_mib"] < MOST_MIB,
            note=f"{found['rss_start_mib']:.0f} MiB before the build",
        ),
    ]
    if previous is not None:
        before, cheap = previous
        ratio = (found["cpu"] / n_rows) / (cheap["cpu"] / before)
        what = f"{name}: processor time per row, relative to {before:,}"
        rows.append(
            Row(part=PART, what=what, measured=f"{ratio:.2f} x", target="<= 1.5 x (linear)", is_met=ratio <= 1.5)
        )
    return rows


def _write_items(folder: Path, n_rows: int) -> tuple[list[Path], dict[str, Path]]:
    """Write item files of SETS_PER_FILE sets each, and the scores and models they belong to."""
    rng, n_models = np.random.default_rng(1), n_rows // ITEMS // len(BENCHMARKS)
    difficulty = rng.random((len(BENCHMARKS), ITEMS))
    names = pl.Series("item_id", [f"q{i}" for i in range(ITEMS)])
    categories = pl.Series("category", [f"topic {i % 20}" for i in range(ITEMS)])
    sets = [(model, place) for model in range(n_models) for place in range(len(BENCHMARKS))]
    files: list[Path] = []
    scores: list[dict[str, object]] = []
    for start in range(0, len(sets), SETS_PER_FILE):
        frames = []
        for model, place in sets[start : start + SETS_PER_FILE]:
            level = 0.3 + 0.05 * (model % MODELS_PER_FAMILY)
            right = (difficulty[place] + rng.normal(0, 0.1, ITEMS) < level).astype(np.uint8)
            benchmark, variant = BENCHMARKS[place]
            fixed = {"model_id": f"m{model}", "benchmark": benchmark, "variant": variant}
            scores.append({**fixed, "score": f"{100 * right.mean():.4f}", "n_items": ITEMS})
            columns = [pl.lit(text, dtype=pl.String).alias(name) for name, text in fixed.items()]
            frames.append(pl.DataFrame([names, categories, pl.Series("value", right)]).with_columns(columns))
        files.append(folder / f"given_{len(files)}.parquet")
        pl.concat(frames).write_parquet(files[-1])
    tables = {"scores": folder / "scores.csv", "models": folder / "models.csv"}
    pl.DataFrame(scores, schema_overrides={"variant": pl.String}).write_csv(tables["scores"])
    models = [
        {"model_id": f"m{m}", "family": f"f{m // MODELS_PER_FAMILY}", "params_b": 2.0 ** (m % MODELS_PER_FAMILY)}
        for m in range(n_models)
    ]
    pl.DataFrame(models).write_csv(tables["models"])
    return files, tables


def main(folder: Path, n_rows: int) -> None:
    """Measure one synthetic lake and print the result as JSON."""
    paths = LakePaths(copy_shipped_lake(folder))
    scratch = folder / "given"
    scratch.mkdir()
    files, tables = _write_items(scratch, n_rows)
    file_mib = sum(file.stat().st_size for file in files) / 2**20
    rss_start, started, cpu = peak_rss_mib(), time.perf_counter(), time.process_time()
    land_tables(tables, source=SOURCE, paths=paths, is_local=True, items=files)
    landed = time.perf_counter() - started
    shutil.rmtree(scratch)
    started = time.perf_counter()
    build_lake(paths)
    built = time.perf_counter() - started
    lake, started = Lake.open(paths), time.perf_counter()
    gamma = lake.read("mart_gamma", panel=SOURCE.source_id, **PAIR)
    pairs = lake.read("mart_items_paired", panel=SOURCE.source_id)
    read = time.perf_counter() - started
    assert set(gamma["x_stderr_method"]) == set(gamma["y_stderr_method"]) == {"paired items"}
    lake.close()
    found = {"land": landed, "build": built, "read": read, "cpu": time.process_time() - cpu, "n_pairs": pairs.height}
    memory = {"rss_start_mib": rss_start, "rss_mib": peak_rss_mib(), "file_mib": file_mib}
    sys.stdout.write(json.dumps({**found, **memory}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
