"""Prompt-only steering through an endpoint of the reader's own: plain, and with an instruction to be truthful.

The key is a password field of this browser session: it is in no address, no record and no log.
"""

from __future__ import annotations

import streamlit as st

from cape.diagnostics._steering_live import ENDPOINT_SWITCH, MOST_WORDS, endpoint_row, is_allowed
from cape.errors import CapeError
from cape.internals.endpoint import PROMPT_MAX, Endpoint
from cape.internals.steering_sets import INSTRUCTION
from cape.ui.steering_live import FIRST_WORDS, add_text


def endpoint_box() -> None:
    """Draw the endpoint's controls where the operator has switched it on, else how to switch it on."""
    if not is_allowed(ENDPOINT_SWITCH):
        st.info(f"Off. Whoever runs this server switches it on by setting {ENDPOINT_SWITCH}=1 in its environment.")
        return
    address, model, secret = st.columns(3)
    url = address.text_input("Address, without /chat/completions", key="steer_url", placeholder="https://host/v1")
    name = model.text_input("Model", key="steer_endpoint_model")
    key = secret.text_input("Key (kept in this browser session only)", type="password", key="steer_key")
    instruction = st.text_input("Instruction of the second text", value=INSTRUCTION, key="steer_instruction")
    prompt = st.text_area("Prompt", max_chars=PROMPT_MAX, key="steer_endpoint_prompt")
    words = st.number_input("New words", 1, MOST_WORDS, FIRST_WORDS, key="steer_endpoint_words")
    st.caption("The prompt and the key go to this address and nowhere else; texts come at temperature 0.")
    if not st.button("Ask without and with the instruction", type="primary", key="steer_ask"):
        return
    try:
        endpoint = Endpoint(url=(url or "").strip(), model=(name or "").strip(), key=(key or "").strip())
        with st.spinner("Asking ..."):
            before = endpoint.complete(prompt or "", new_words=words)
            after = endpoint.complete(prompt or "", instruction=instruction or "", new_words=words)
    except CapeError as error:
        st.error(str(error))
        return
    add_text(endpoint_row(endpoint.model, prompt or "", before, after))
