"""Controls drawn from the options of a diagnostic, bound to the URL; what the URL asked for and was refused is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from cape.diagnostics import (
    ALL_FAMILIES,
    EVERY,
    NO_PANEL,
    PROBES,
    SHARED,
    Choices,
    Diagnostic,
    Option,
    choices_for,
    defaults_of,
    measurements,
    options_of,
)
from cape.errors import CapeError
from cape.lake import OWN_SOURCE, Lake
from cape.ui import state

AS_NAMED = "as named"
LINK_VERSION = "lake"
MOST_COLUMNS = 3


def selection(lake: Lake, *, is_used: bool) -> dict[str, str]:
    """Draw the shared selection in the sidebar and return it by parameter name.

    The sidebar is drawn on every page, so that the selection follows the user; on a page that does not use it
    a caption says so.
    """
    with st.sidebar:
        st.subheader("Selection")
        panels = lake.read("mart_panels")
        held = [row["panel"] for row in panels.iter_rows(named=True) if row["n_scores"]]
        held.sort(key=lambda name: name != OWN_SOURCE)  # the session's own stands first; the order is kept otherwise
        panel = choice("panel", "Panel", held, held.index("author") if "author" in held else 0)
        about = _row(panels, panel)
        st.caption(f"{about['label']}: {about['n_models']} models in {about['n_families']} families.")
        choices = choices_for(panel, lake)
        family = choice("family", "Family", list(choices.families), 0)
        benchmarks = list(choices.benchmarks)
        x = choice("x", "First benchmark", benchmarks, benchmarks.index(choices.default_x))
        y = choice("y", "Second benchmark", benchmarks, benchmarks.index(choices.default_y))
        variant = _variant(choices, (x, y))
        st.caption(f"Lake {lake.version}")
        if not is_used:
            st.caption("This page shows the whole lake and does not use the selection.")
    return {"panel": panel, "family": family, "x": x, "y": y, "variant": "" if variant == AS_NAMED else variant}


def page_controls(diagnostic: Diagnostic, lake: Lake, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the controls that belong to one page and return all its parameters by name."""
    params = dict(chosen) if diagnostic.uses_selection else {}
    names = [name for name in diagnostic.controls if name in options_of(diagnostic.params)]
    _columns([name for name in names if name in diagnostic.inputs], params, diagnostic, lake)
    if folded := [name for name in names if name not in diagnostic.inputs]:
        with st.expander("Settings of this page", expanded=False):
            _columns(folded, params, diagnostic, lake)
    return params


def _columns(names: list[str], params: dict[str, Any], diagnostic: Diagnostic, lake: Lake) -> None:
    """Draw the controls of these names in columns and add what they hold to the parameters."""
    options, defaults = options_of(diagnostic.params), defaults_of(diagnostic.params)
    columns = st.columns(min(len(names), MOST_COLUMNS)) if names else []
    for index, name in enumerate(names):
        with columns[index % len(columns)]:
            params[name] = control(name, options[name], defaults[name], lake, params)


def report_refusals(raw: Mapping[str, str], diagnostic: Diagnostic) -> None:
    """Say on the page which parameters of the URL are unknown to it."""
    known = {*SHARED, *diagnostic.controls, LINK_VERSION}
    for name in raw:
        if name not in known:
            state.notices().append(f"The link sets {name!r}, which this page does not have. It was ignored.")


def _listed(about: Option, default: Any, lake: Lake, params: Mapping[str, Any]) -> list[str] | None:
    """Return what an option may be where the lake or another option says so, or None."""
    if about.source == "panel or none":
        return [NO_PANEL, *(row["panel"] for row in lake.read("mart_panels").iter_rows(named=True) if row["n_scores"])]
    if about.source == "compared family":
        panel = params.get("compare_panel", NO_PANEL)
        return [ALL_FAMILIES] if panel == NO_PANEL else list(choices_for(panel, lake).families)
    if about.source == "view":
        return [mart for mart in lake.marts() if mart not in ("mart_gamma", "mart_pairs", "mart_phases")]
    if about.source == "frontier benchmark":
        return lake.read("mart_frontier_scores")["benchmark_id"].unique().sort().to_list()
    if about.source in PROBES:
        return [EVERY, *measurements(lake.read, about.source)]
    if about.source == "steering model":
        return [default, *lake.read("mart_steering_scorecards")["model_id"].to_list()]
    return list(about.choices) or None


def control(name: str, about: Option, default: Any, lake: Lake, params: Mapping[str, Any]) -> Any:
    """Draw the control of one option, bound to the URL by its name, and return what it holds."""
    listed = _listed(about, default, lake, params)
    if listed is not None:
        place = listed.index(default) if default in listed else 0
        return choice(name, about.label, listed, place, help_text=about.help)
    if about.low is None and about.high is None:
        return st.text_input(about.label, value=default, key=name, help=about.help, bind="query-params").strip()
    kind = int if about.is_whole else float
    asked = st.query_params.get(name)  # read first: the widget clears what it does not accept
    draw = st.slider if about.is_slider else st.number_input
    value = draw(
        about.label,
        min_value=None if about.low is None else kind(about.low),
        max_value=None if about.high is None else kind(about.high),
        value=kind(default),
        key=name,
        help=about.help,
        bind="query-params",
    )
    report_number(name, about, asked, value)
    return value


def choice(name: str, label: str, options: list[str], index: int, *, help_text: str | None = None) -> str:
    asked = st.query_params.get(name)
    default = options[index]
    if asked is not None and asked not in options and not state.holds_one_of(name, options):
        state.notices().append(f"{name}={asked} is not one of the choices here; {name}={default} is shown instead.")
    dropped = state.drop_if_not_among(name, options)
    if dropped is not None and dropped != asked:
        state.notices().append(f"{name} {dropped!r} is not held by this panel; {default!r} is shown instead.")
    return st.selectbox(label, options, index=index, key=name, help=help_text, bind="query-params")


def _variant(choices: Choices, pair: tuple[str, str]) -> str:
    for base, variants in choices.variants.items():
        if any(name.startswith(f"{base}_") for name in pair):
            options = [AS_NAMED, *variants]
            return choice("variant", f"Variant of {base}", options, 0, help_text="Overrides the variant named above.")
    return AS_NAMED


def report_number(name: str, about: Option, asked: str | None, used: float | None) -> None:
    """Say when the link asked for a number that is not accepted, and which one is used instead."""
    if asked is None:
        return
    try:
        number = int(asked) if about.is_whole else float(asked)
        fine = (about.low is None or number >= about.low) and (about.high is None or number <= about.high)
    except ValueError:
        fine = False
    if not fine:
        kind = "a whole number" if about.is_whole else "a number"
        state.notices().append(
            f"{name}={asked} is not {kind} from {about.low:,.0f} to {about.high:,.0f}; {used:g} is used instead."
        )


def _row(panels: Any, panel: str) -> dict[str, Any]:
    return next(row for row in panels.iter_rows(named=True) if row["panel"] == panel)


def stop_on(error: CapeError) -> None:
    """Show a deliberate error in place of the result and end the run."""
    st.error(str(error))
    st.stop()
