"""Exchange a source's folder whole: a process killed at any moment leaves the old folder or the new one, never both.

Two renames are needed where a folder exists. Between them the old one stands aside under a name that `recover` knows;
whoever takes the lake's build lock next puts it back.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cape.lake.paths import LakePaths

ASIDE = "landing-aside"


def stage(folder: Path, staging: Path) -> None:
    """Make a staging folder that holds what the folder holds; files are linked, not copied."""
    shutil.rmtree(staging, ignore_errors=True)
    if folder.is_dir():
        shutil.copytree(folder, staging, copy_function=_linked)
    else:
        staging.mkdir(parents=True)


def swap(folder: Path, staging: Path, paths: LakePaths) -> None:
    """Put the staging folder in the folder's place; the build lock is held by the caller."""
    aside = _aside(paths) / folder.parent.name / folder.name
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        aside.parent.mkdir(parents=True, exist_ok=True)
        os.rename(folder, aside)
    try:
        os.rename(staging, folder)
    except OSError:
        if aside.exists():
            os.rename(aside, folder)
        raise
    shutil.rmtree(_aside(paths), ignore_errors=True)


def recover(paths: LakePaths) -> None:
    """Put back what a killed exchange left aside; the build lock is held by the caller."""
    for aside in _aside(paths).glob("*/*"):
        folder = paths.root / aside.parent.name / aside.name
        if not folder.exists():
            os.rename(aside, folder)
    shutil.rmtree(_aside(paths), ignore_errors=True)


@contextmanager
def one_at_a_time(paths: LakePaths) -> Iterator[None]:
    """Hold the lock of additions, so that two started together do not lose one another's rows."""
    with (paths.built / ".addition.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def as_it_was(folder: Path, paths: LakePaths) -> Iterator[None]:
    """Put a source's folder back as it was when what follows fails."""
    kept = paths.built / f"kept-{os.getpid()}"
    if folder.is_dir():
        stage(folder, kept)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        if kept.is_dir():
            os.rename(kept, folder)
        raise
    finally:
        shutil.rmtree(kept, ignore_errors=True)


def _aside(paths: LakePaths) -> Path:
    return paths.built / ASIDE


def _linked(source: str, target: str) -> str:
    """Link a file; copy it where the file system knows no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
    return target
