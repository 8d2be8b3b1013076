"""The only module that names Streamlit's session state: keys of the shared selection, jumps, notices and added rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import streamlit as st

from cape.lake import ScoreEntry

NOTICES = "cape_notices"
SELECTION = "cape_selection"
LAW_SEARCH = "cape_law_search"
ADDED = "cape_added_rows"
STEERING = "cape_steering"


def drop_if_not_among(key: str, options: Sequence[str]) -> str | None:
    """Forget the value of a widget that its options no longer hold; return it, or None when it is fine."""
    value = st.session_state.get(key)
    if value is None or value in options:
        return None
    del st.session_state[key]
    return str(value)


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


def steering(name: str) -> Any:
    """Return what this session keeps of steering under a name (its job, texts, scorecard), or None."""
    return st.session_state.get(STEERING, {}).get(name)


def keep_steering(name: str, value: Any) -> None:
    """Keep something of steering for this session; a job ends with the session."""
    st.session_state[STEERING] = {**st.session_state.get(STEERING, {}), name: value}
