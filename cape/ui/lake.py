"""The lake of the app: built on first start, opened once per published file, picked up again after a new build."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from cape import diagnostics
from cape.errors import CapeError, LakeBuildError, LakeNotBuiltError
from cape.lake import (
    Lake,
    LakePaths,
    OwnScores,
    ScoreEntry,
    build_lake,
    is_current,
    published,
    with_entries,
    with_own,
)
from cape.quantities import Result
from cape.ui import state

KEPT_RESULTS = 48
KEPT_OVERLAYS = 4  # lakes in memory, a few MB each
AddedRows = tuple[tuple[tuple[str, str], ...], ...]


def current_lake() -> Lake:
    """Return the published lake with this session's own rows over it, building it first when missing or stale.

    A build that fails while an older lake is published leaves that one serving; `build_fault` says why.
    Raises CapeError when there is no lake to serve.
    """
    paths = _paths()
    _built_at_start(str(paths.root))
    real = published(paths)
    if real is None:
        build_lake(paths)
        real = published(paths)
    try:
        return _with_rows(str(real), state.added_rows(), state.own_digest(), state.own())
    except LakeBuildError as error:  # the rows stood on the lake before; this one has other benchmarks or models
        if state.own() is None:
            raise
        state.drop_own()
        state.notices().append(f"Your scores do not stand on the lake as it is now and were removed. {error}")
    return _with_rows(str(real), state.added_rows(), "", None)


def lake_with(own: OwnScores) -> Lake:
    """Return the lake of this session with these scores for its own; raises CapeError where they cannot stand."""
    real = published(_paths())
    if real is None:
        raise LakeNotBuiltError("The lake has gone. Run `cape build`.")
    return _with_rows(str(real), state.added_rows(), own.digest, own)


def build_fault() -> str:
    """Return why the build at start failed, as long as what is published is not what the folders hold."""
    paths = _paths()
    fault = _built_at_start(str(paths.root))
    return fault if fault and not is_current(paths) else ""


def _paths() -> LakePaths:
    paths = LakePaths.from_environment()
    if not paths.raw.is_dir():
        raise LakeNotBuiltError(
            f"There is no lake in {paths.root}, which CAPE_LAKE names: it has no raw folder. "
            "Correct CAPE_LAKE, or unset it to use the lake beside the package."
        )
    return paths


def result_of(slug: str, params: Mapping[str, Any], lake: Lake) -> Result:
    """Run a diagnostic, or return the result of the same parameters on the same lake."""
    session = state.added_rows(), state.own_digest(), state.own()
    return _result(slug, tuple(sorted(params.items())), str(lake.database), *session)


@st.cache_resource(show_spinner="Building the lake ...")
def _built_at_start(root: str) -> str:
    """Build once per process if needed; return the reason when that failed but an older lake serves."""
    paths = LakePaths(Path(root))
    try:
        if not is_current(paths):
            build_lake(paths)
    except CapeError as error:
        if published(paths) is None:
            raise
        return str(error)
    return ""


@st.cache_resource(max_entries=2, on_release=Lake.close, show_spinner=False)
def _open(real: str) -> Lake:
    return Lake.open_file(Path(real))


def _with_rows(real: str, added: AddedRows, digest: str, own: OwnScores | None) -> Lake:
    """Return the lake of a file, or one in memory that holds a session's own rows as well."""
    return _laid_over(real, added, digest, own) if added or own is not None else _open(real)


@st.cache_resource(max_entries=KEPT_OVERLAYS, show_spinner="Adding rows ...")
def _laid_over(real: str, added: AddedRows, digest: str, _own: OwnScores | None) -> Lake:
    """Lay the rows of a session over the lake; each was checked when it was added, and is checked on this lake again.

    digest : of the session's own scores; only a session that holds the same scores gets the same lake. A lake that
    falls out of the cache closes when the last page that reads it is done.
    """
    entries = [ScoreEntry(**dict(row)) for row in added]
    return with_entries(_open(real), entries) if _own is None else with_own(_open(real), _own, entries)


@st.cache_resource(max_entries=KEPT_RESULTS, show_spinner="Computing ...")
def _result(
    slug: str,
    params: tuple[tuple[str, Any], ...],
    database: str,
    added: AddedRows,
    digest: str,
    _own: OwnScores | None,
) -> Result:
    return diagnostics.run(slug, dict(params), _with_rows(database, added, digest, _own))
