"""Prompt-only steering through an endpoint of the reader's own: plain, and with an instruction to be truthful."""

from __future__ import annotations

import streamlit as st

from cape.diagnostics._steering_live import ENDPOINT_SWITCH, is_allowed


def endpoint_box() -> None:
    """Draw the endpoint's controls where the operator has switched it on, else how to switch it on."""
    if not is_allowed(ENDPOINT_SWITCH):
        st.info(f"Off. Whoever runs this server switches it on by setting {ENDPOINT_SWITCH}=1 in its environment.")
