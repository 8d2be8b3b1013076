"""Files that a browser session uploads, read within caps into memory; nothing of them stays on the server's disk."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path, PurePosixPath

import polars as pl

from cape.ingest.reading import Finding, Reading, ReadOptions, Severity, read_results
from cape.lake.bring import REGISTRY
from cape.lake.paths import PACKAGE
from cape.lake.read import Lake

UPLOAD_BYTES = 50_000_000  # of all files of one upload, as .streamlit/config.toml allows for each
UNPACKED_BYTES = 500_000_000  # of a zip, by what it says of itself; the reader counts what really comes out
MOST_FILES = 2_000
MOST_ITEMS = 500_000
SAMPLE = PACKAGE / "samples" / "lm_eval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What uploaded files give: the reading, and item rows of ITEM_SCHEMA where samples were among the files."""

    reading: Reading
    items: pl.DataFrame | None = None


def read_upload(files: Sequence[tuple[str, bytes]], lake: Lake) -> Upload:
    """Return what files, by name and content, give against the benchmarks and models of a lake.

    Never raises on content: what cannot be read or is beyond a cap is a refused finding and gives no row.
    """
    if fault := _beyond(files):
        return Upload(reading=Reading(findings=(fault,)))
    with tempfile.TemporaryDirectory(prefix="cape-upload-") as work:
        folder = Path(work) / "upload"
        shown = _written(files, folder)
        upload = _read([folder / name for name in shown], lake, Path(work) / "items")
    named = tuple(replace(each, file=_shown(each.file, shown)) for each in upload.reading.findings)
    return replace(upload, reading=replace(upload.reading, findings=named))


def read_sample(lake: Lake) -> Upload:
    """Return what the shipped sample of result files gives: invented scores of invented models."""
    with tempfile.TemporaryDirectory(prefix="cape-upload-") as work:
        return _read([SAMPLE], lake, Path(work) / "items")


def sample_zip() -> bytes:
    """Return the shipped sample as a zip, to look at and to upload."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(SAMPLE.rglob("*.json")):
            archive.write(file, file.relative_to(SAMPLE.parent).as_posix())
    return packed.getvalue()


def _read(paths: Sequence[Path], lake: Lake, items_folder: Path) -> Upload:
    """Read on one core: the pages of other visitors run in the same process."""
    benchmarks = lake.read("mart_benchmarks").select("benchmark", "variant", "chance_pct")
    known = {(name, variant or ""): chance for name, variant, chance in benchmarks.rows()}
    registry = lake.read("mart_models").select(REGISTRY)
    options = ReadOptions(registry=registry, items_folder=items_folder, workers=1)
    reading = read_results(paths, known_benchmarks=known, options=options)
    items, finding = _items(reading.items)
    findings = (*reading.findings, finding) if finding is not None else reading.findings
    return Upload(reading=replace(reading, items=(), findings=findings), items=items)


def _items(files: Sequence[Path]) -> tuple[pl.DataFrame | None, Finding | None]:
    """Return the item rows in memory, or none and why where they are too many."""
    if not files:
        return None, None
    rows = pl.concat([pl.scan_parquet(file) for file in files], how="diagonal_relaxed")
    n_rows = int(rows.select(pl.len()).collect().item())
    if n_rows <= MOST_ITEMS:
        return rows.collect(), None
    found = f"{n_rows:,} item rows are more than a browser session holds ({MOST_ITEMS:,}): they were left out."
    action = "The scores keep their own standard errors; `cape ingest` on the server takes items of any number."
    return None, Finding(file="samples", severity=Severity.FLAGGED, found=found, action=action, n_rows=n_rows)


def _beyond(files: Sequence[tuple[str, bytes]]) -> Finding | None:
    """Return the finding on an upload beyond a cap, or None."""
    size = sum(len(content) for _, content in files)
    if size > UPLOAD_BYTES or len(files) > MOST_FILES:
        found = f"{len(files):,} files of {size / 1e6:,.0f} MB are more than a browser session takes "
        found += f"({MOST_FILES:,} files, {UPLOAD_BYTES / 1e6:,.0f} MB)."
        return _refused("upload", found, "Upload fewer, or use `cape ingest` on the server.")
    for name, content in files:
        if name.lower().endswith(".zip") and (total := _unpacked(content)) > UNPACKED_BYTES:
            found = f"It unpacks to {total / 1e6:,.0f} MB, more than {UNPACKED_BYTES / 1e6:,.0f} MB."
            return _refused(PurePosixPath(name).name, found, "Upload fewer files at a time.")
    return None


def _refused(file: str, found: str, action: str) -> Finding:
    return Finding(file=file, severity=Severity.REFUSED, found=found, action=action)


def _unpacked(content: bytes) -> int:
    """Return the bytes that a zip says it holds; 0 for one that cannot be opened, which the reader then refuses."""
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            return sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError):
        return 0


def _written(files: Sequence[tuple[str, bytes]], folder: Path) -> dict[str, str]:
    """Write the files under names of our own and return the given name by ours; no given name becomes a path.

    Files keep one folder, so that samples stand beside their results, unless two have the same name.
    """
    names = [PurePosixPath(name.replace("\\", "/")).name or "file" for name, _ in files]
    alike = len(set(names)) < len(names)
    shown = {}
    for number, ((_, content), name) in enumerate(zip(files, names, strict=True)):
        safe = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in name)[-150:].lstrip(".")
        place = f"{number:04d}/{safe or 'file'}" if alike else (safe or "file")
        file = folder / place
        if file.exists():
            place = f"{number:04d}/{safe}"
            file = folder / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        shown[place] = name
    return shown


def _shown(file: str, shown: Mapping[str, str]) -> str:
    """Return the name that a file was uploaded under."""
    return shown.get(file, file)
