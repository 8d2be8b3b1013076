"""The only module that names Streamlit's session state: keys of the shared selection, jumps, notices and own rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from cape.ingest.confirm import OwnReading
from cape.lake import OwnScores, ScoreEntry

NOTICES = "cape_notices"
SELECTION = "cape_selection"
LAW_SEARCH = "cape_law_search"
ADDED = "cape_added_rows"
OWN = "cape_own_scores"
READ = "cape_own_reading"
ROUND = "cape_own_round"
NEXT = "cape_next_selection"


def drop_if_not_among(key: str, options: Sequence[str]) -> str | None:
    """Forget the value of a widget that its options no longer hold; return it, or None when it is fine."""
    value = st.session_state.get(key)
    if value is None or value in options:
        return None
    del st.session_state[key]
    return str(value)


def holds_one_of(key: str, options: Sequence[str]) -> bool:
    """True when a widget already holds one of its options, whatever the address of the page still names."""
    return st.session_state.get(key) in options


def choose(selection: Mapping[str, Any]) -> None:
    """Set widgets of the shared selection before they are drawn (called from a button's callback)."""
    for key, value in selection.items():
        st.session_state[key] = value


def notices() -> list[str]:
    """Return the notices of this run, which the page frame shows; the router empties the list first."""
    return st.session_state.setdefault(NOTICES, [])


def clear_notices() -> None:
    """Forget the notices of the last run."""
    st.session_state[NOTICES] = []


def remember_selection(selection: Mapping[str, str]) -> None:
    """Keep the shared selection of this run for the page that the router is about to run."""
    st.session_state[SELECTION] = dict(selection)


def remembered_selection() -> dict[str, str]:
    """Return the shared selection that the router drew in this run."""
    return dict(st.session_state.get(SELECTION, {}))


def law_search() -> Any:
    """Return the symbolic search of this session, or None; its process ends with the session."""
    return st.session_state.get(LAW_SEARCH)


def keep_law_search(search: Any) -> None:
    """Keep a symbolic search in place of the last one, which is ended first."""
    last = st.session_state.get(LAW_SEARCH)
    if last is not None:
        last.search.cancel()
    st.session_state[LAW_SEARCH] = search


def added_rows() -> tuple[tuple[tuple[str, str], ...], ...]:
    """Return the scores that this browser session added, as pairs of field and text, in order."""
    return tuple(st.session_state.get(ADDED, ()))


def add_row(entry: ScoreEntry) -> None:
    """Keep a checked score for this browser session only."""
    st.session_state[ADDED] = (*added_rows(), tuple(asdict(entry).items()))


def drop_rows() -> None:
    """Forget the scores that this browser session added."""
    st.session_state[ADDED] = ()


def own() -> OwnScores | None:
    """Return the scores that this browser session brought, or None."""
    return st.session_state.get(OWN)


def own_digest() -> str:
    """Return the digest of the scores that this browser session brought, empty without any."""
    held = own()
    return "" if held is None else held.digest


def keep_own(scores: OwnScores) -> None:
    """Keep the scores of this browser session, in place of those before."""
    st.session_state[OWN] = scores


def own_reading() -> OwnReading | None:
    """Return what was read and waits for families and sizes to be confirmed, or None."""
    return st.session_state.get(READ)


def keep_own_reading(reading: OwnReading | None) -> None:
    """Keep what was read last."""
    st.session_state[READ] = reading


def drop_own() -> None:
    """Forget the scores of this browser session and what was read for it; the uploader starts empty."""
    st.session_state.pop(OWN, None)
    st.session_state.pop(READ, None)
    st.session_state[ROUND] = own_round() + 1


def own_round() -> int:
    """Return how often the scores were removed: part of the keys of the widgets that must then start empty."""
    return int(st.session_state.get(ROUND, 0))


def select_next(selection: Mapping[str, str]) -> None:
    """Make the next run start with this shared selection: its widgets are drawn already in this one."""
    st.session_state[NEXT] = dict(selection)


def apply_next_selection() -> None:
    """Set the shared selection that the last run asked for, before its widgets are drawn."""
    if asked := st.session_state.pop(NEXT, None):
        forget(("variant",))
        choose(asked)


def forget(keys: Sequence[str]) -> None:
    """Forget the values of widgets, which then start at their defaults (before they are drawn)."""
    for key in keys:
        st.session_state.pop(key, None)
