"""Build the lake: draft file, load, views, checks, then publish by an atomic symlink swap.

A build that fails or is killed leaves the published file serving. Builds of one lake take turns by a file
lock, so that two started together end with one file and no harm.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cape import __version__
from cape.errors import LakeBuildError
from cape.lake.exchange import recover
from cape.lake.load import load_lake
from cape.lake.paths import LakePaths
from cape.lake.version import build_id, lake_version
from cape.lake.views import all_views, create_views

KEPT_BUILDS = 3  # readers may still hold the last ones open
OFFENDERS_SHOWN = 10
READ_ATTEMPTS = 3  # a file that changes while it is read would be published under the wrong version


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """What a build did. `is_new` is False when the published file was already this build."""

    database: Path
    lake_version: str
    is_new: bool
    seconds: float


def build_lake(paths: LakePaths, *, force: bool = False) -> BuildReport:
    """Build and publish the lake; return at once when the published file is already current.

    Raises IngestError for a file that cannot be read as declared and LakeBuildError when a check finds
    offenders; in both cases nothing is published.
    """
    started = time.perf_counter()
    if not paths.raw.is_dir():
        raise LakeBuildError(f"{paths.root} is no lake: it has no raw folder. Correct CAPE_LAKE, or unset it.")
    paths.built.mkdir(parents=True, exist_ok=True)
    with turn(paths):
        recover(paths)
        version, build = lake_version(paths), build_id(paths)
        target = _target(paths, version, build)
        if not force and published(paths) == target.resolve():
            return BuildReport(
                database=target, lake_version=version, is_new=False, seconds=time.perf_counter() - started
            )
        _sweep(paths)
        draft = paths.built / f"draft-{os.getpid()}.duckdb"
        try:
            for _ in range(READ_ATTEMPTS):
                draft.unlink(missing_ok=True)
                _write(draft, paths, version=version, build=build)
                read = (version, build)
                version, build = lake_version(paths), build_id(paths)
                if (version, build) == read:
                    break
            else:
                raise LakeBuildError("Files of the lake keep changing while they are read. Wait, then build again.")
            target = _target(paths, version, build)
            os.replace(draft, target)
        finally:
            for leftover in paths.built.glob(f"{draft.name}*"):
                leftover.unlink()
        _publish(paths, target)
        _retire(paths, keep=target)
    return BuildReport(database=target, lake_version=version, is_new=True, seconds=time.perf_counter() - started)


def published(paths: LakePaths) -> Path | None:
    """Return the real path of the published file, or None."""
    real = paths.link.resolve()
    return real if paths.link.is_symlink() and real.is_file() else None


def is_current(paths: LakePaths) -> bool:
    """True when the published file was built from what the folders hold now."""
    real = published(paths)
    return real is not None and real.name == _target(paths, lake_version(paths), build_id(paths)).name


def fill(connection: duckdb.DuckDBPyConnection, paths: LakePaths, *, version: str, build: str) -> None:
    """Load every raw table into the open database, create the views and run the checks."""
    load_lake(connection, paths)
    connection.execute(
        "create table raw_lake as select $version as lake_version, $build as build_id, $code as code_version",
        {"version": version, "build": build, "code": __version__},
    ).fetchall()
    views = all_views()
    create_views(connection, views=views)
    run_checks(connection, checks=tuple(view.name for view in views if view.name.startswith("chk_")))


def run_checks(connection: duckdb.DuckDBPyConnection, *, checks: tuple[str, ...]) -> None:
    """Read every check view; raise LakeBuildError listing the offenders of all of them."""
    offenders = tuple(
        (check, f"{place}: {description}")
        for check in checks
        for place, description in connection.execute(f"select place, description from {check}").fetchall()
    )
    if offenders:
        shown = "\n".join(f"  {check}: {text}" for check, text in offenders[:OFFENDERS_SHOWN])
        more = f"\n  and {len(offenders) - OFFENDERS_SHOWN} more" if len(offenders) > OFFENDERS_SHOWN else ""
        raise LakeBuildError(
            f"{len(offenders)} rows fail the checks of sql/40_checks; the lake was not published:\n{shown}{more}\n"
            "Correct the rows named, then run `cape build` again.",
            offenders=offenders,
        )


def _write(draft: Path, paths: LakePaths, *, version: str, build: str) -> None:
    connection = duckdb.connect(str(draft))
    try:
        fill(connection, paths, version=version, build=build)
        connection.execute("checkpoint").fetchall()
    finally:
        connection.close()


def _publish(paths: LakePaths, target: Path) -> None:
    swap = paths.root / f".cape-{os.getpid()}.link"
    swap.unlink(missing_ok=True)
    swap.symlink_to(target.relative_to(paths.root))
    os.replace(swap, paths.link)


def _target(paths: LakePaths, version: str, build: str) -> Path:
    return paths.built / f"cape-{version}-{build}.duckdb"


def _sweep(paths: LakePaths) -> None:
    """Remove what killed builds left; the lock is held, so nothing of a living build is among it."""
    for leftover in (*paths.built.glob("draft-*"), *paths.root.glob(".cape-*.link")):
        leftover.unlink(missing_ok=True)


def _retire(paths: LakePaths, *, keep: Path) -> None:
    """Remove all but the newest builds, and the public copies of builds that are gone."""
    builds = sorted(paths.built.glob("cape-*.duckdb"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in [file for file in builds if file != keep][KEPT_BUILDS - 1 :]:
        old.unlink()
    for copy in paths.built.glob("public-*.duckdb"):
        if not copy.with_name(copy.name.replace("public-", "cape-", 1)).is_file():
            copy.unlink(missing_ok=True)


@contextmanager
def turn(paths: LakePaths) -> Iterator[None]:
    """Hold the lake's build lock; it falls with the process, so a killed build never blocks the next."""
    with (paths.built / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
