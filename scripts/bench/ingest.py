"""Benchmark of bringing results in: folders of leaderboard v1 files, read alone and landed with the build.

As a program (`python -m scripts.bench.ingest folder n_files`) it measures one folder in its own process.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
import time
from pathlib import Path

from cape.ingest.reading import ReadOptions, read_results
from cape.lake import LakePaths
from cape.lake.bring import BringOptions, bring_results
from cape.lake.land import SourceRecord
from cape.lake.load import read_benchmarks
from scripts.bench.common import Row, copy_shipped_lake, in_child, peak_rss_mib

PART = "Ingest"
SIZES, QUICK = (70, 700, 7_000), (70, 700)
MOST_SECONDS, JUDGED, CORES = 60.0, 7_000, 2
LINEAR = 1.5
STAMP = "2024-01-01T00-00-00.000000"
SIZES_B = (1, 3, 7, 13, 30, 70)
N_SUBJECTS = 57
SOURCE = SourceRecord(
    source_id="bench", title="Benchmark", url="internal", kind="user", date="2025-01-01", licence="private"
)


def measure(folder: Path, *, is_quick: bool) -> list[Row]:
    """Return the rows of each size with its cost per file."""
    rows: list[Row] = []
    previous: tuple[int, float] | None = None
    for n_files in QUICK if is_quick else SIZES:
        place = folder / f"files_{n_files}"
        place.mkdir()
        root = copy_shipped_lake(place)
        found = in_child("scripts.bench.ingest", str(place), str(n_files), lake=root)
        rows += _rows_of(n_files, found, previous)
        previous = (n_files, found["cpu"])
        shutil.rmtree(place)
    return rows


def _rows_of(n_files: int, found: dict, previous: tuple[int, float] | None) -> list[Row]:
    is_judged = n_files == JUDGED
    note = f"{found['cpu']:.1f} s of processor time, {found['mib']:.0f} MiB of files, {found['rss_mib']:.0f} MiB memory"
    rows = [
        Row(part=PART, what=f"{n_files:,} leaderboard files: read", measured=f"{found['read']:.2f} s", note=note),
        Row(
            part=PART,
            what=f"{n_files:,} leaderboard files: read, land, build; {CORES} processes",
            measured=f"{found['bring']:.2f} s",
            target=f"< {MOST_SECONDS:g} s" if is_judged else "",
            is_met=found["bring"] < MOST_SECONDS if is_judged else None,
            note=f"{found['scores']:,} scores; the same folder again: {found['again']:.2f} s",
        ),
    ]
    if previous is not None:
        ratio = (found["cpu"] / n_files) / (previous[1] / previous[0])
        rows.append(
            Row(
                part=PART,
                what=f"{n_files:,} leaderboard files: processor time per file read, relative to {previous[0]:,}",
                measured=f"{ratio:.2f} x",
                target=f"<= {LINEAR} x (linear)",
                is_met=ratio <= LINEAR,
            )
        )
    return rows


def leaderboard_file(model: str, score: float) -> str:
    """Return a results file with every task of the leaderboard v1."""
    entry = {"acc": score, "acc_stderr": 0.01, "acc_norm": score, "acc_norm_stderr": 0.01}
    results: dict[str, dict[str, float]] = {"harness|arc:challenge|25": entry, "harness|hellaswag|10": entry}
    results |= {f"harness|hendrycksTest-subject_{number}|5": entry for number in range(N_SUBJECTS)}
    results["harness|truthfulqa:mc|0"] = {"mc1": 0.25, "mc1_stderr": 0.01, "mc2": 0.4, "mc2_stderr": 0.01}
    results |= {"harness|winogrande|5": entry, "harness|gsm8k|5": entry, "all": entry}
    general = {"model_name": model, "model_sha": f"{abs(hash(model)):040x}"[:40], "model_dtype": "torch.float16"}
    return json.dumps({"config_general": general, "results": results, "versions": dict.fromkeys(results, 0)}, indent=1)


def write_files(folder: Path, n_files: int) -> float:
    """Write the files as the archive lays them out; return their size in MiB."""
    total = 0
    for number in range(n_files):
        family, place = divmod(number, len(SIZES_B))
        model = f"org{family}/model-{SIZES_B[place]}b"
        text = leaderboard_file(model, 0.3 + 0.05 * place + 0.0001 * (family % 100))
        target = folder / model
        target.mkdir(parents=True)
        (target / f"results_{STAMP}.json").write_text(text)
        total += len(text)
    return total / 2**20


def main(folder: Path, n_files: int) -> dict:
    """Return the wall times of reading, of bringing in, and of doing it again."""
    paths = LakePaths.from_environment()
    runs = folder / "runs"
    mib = write_files(runs, n_files)
    known = read_benchmarks(paths)
    before = _cpu()
    started = time.perf_counter()
    reading = read_results([runs], known_benchmarks=known, options=ReadOptions(workers=CORES))
    read, cpu = time.perf_counter() - started, _cpu() - before
    options = BringOptions(source=SOURCE, read=ReadOptions(workers=CORES))
    started = time.perf_counter()
    report = bring_results([runs], options, paths)
    bring = time.perf_counter() - started
    started = time.perf_counter()
    bring_results([runs], options, paths)
    again = time.perf_counter() - started
    held = {"read": read, "bring": bring, "again": again, "cpu": cpu, "mib": mib, "rss_mib": peak_rss_mib()}
    return held | {"scores": reading.scores.height, "landed": len(report.landed)}


def _cpu() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))) + "\n")
