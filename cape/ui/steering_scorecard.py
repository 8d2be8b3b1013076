"""Run the full scorecard of a model as long work: progress, cancel, and going on from where it was stopped."""

from __future__ import annotations

import streamlit as st

from cape.diagnostics._steering_live import ScorecardAsked
from cape.errors import CapeError
from cape.internals.live import BENCH, CANCELLED, Standing
from cape.lake import LakePaths
from cape.organism.live_jobs import QUIZ, is_organism
from cape.organism.steering_sets import CONTEXTS
from cape.ui import state
from cape.ui.steering_live import Named

FOLLOW_EVERY = "1s"
FEWEST, MOST, USUAL = 20, 200, 20  # random directions; DEFINITIONS section 3 asks for at least 20


def scorecard_box(named: Named) -> None:
    """Draw the controls of a scorecard and, once there is one under way, its progress; keep it when it ends."""
    drawn, seeded, asked, button = st.columns([1, 1, 1, 2], vertical_alignment="bottom")
    n_random = drawn.number_input("Random directions", FEWEST, MOST, USUAL, key="steer_random")
    seed = seeded.number_input("Seed of the draws", 0, 2**31 - 1, 0, key="steer_seed")
    context = QUIZ
    if is_organism(named.model):
        context = asked.selectbox(
            "Questions asked as", list(CONTEXTS), key="steer_context", help="The first words of a question's prompt."
        )
    if button.button("Run the scorecard", type="primary", key="steer_score"):
        _start(ScorecardAsked(model=named.model, allow_hub=named.is_hub, n_random=n_random, seed=seed, context=context))
    st.caption(
        "Layer and strength are chosen on validation questions; every arm is scored on test questions. A cancelled "
        "scorecard goes on from where it was stopped when it is run again with the same settings."
    )
    job = state.steering("score")
    if job is None:
        return
    standing = job.poll()
    if standing.is_over:
        _ended(standing)
    else:
        _follow()


def _start(asked: ScorecardAsked) -> None:
    try:
        request = asked.request(LakePaths.from_environment())
        last = state.steering("score")
        if last is not None:
            last.cancel()
        state.keep_steering("score", BENCH.submit(request))
    except CapeError as error:
        st.error(str(error))


@st.fragment(run_every=FOLLOW_EVERY)
def _follow() -> None:
    """Show how far the scorecard is and offer to end it; draw the page again when it is over."""
    job = state.steering("score")
    standing = None if job is None else job.poll()
    if standing is None or standing.is_over:
        st.rerun()
    if standing.n_before:
        st.caption(f"Waiting: {standing.n_before} before this one.")
    else:
        _progress(standing)
    if st.button("Cancel", key="steer_score_cancel"):
        job.cancel()
        st.rerun()


def _progress(standing: Standing) -> None:
    now = standing.last("progress")
    if now is None:
        st.progress(0.0, text=f"Loading the model, {standing.seconds:.0f} s")
        return
    share = now["done"] / now["of"] if now["of"] else 0.0
    st.progress(min(share, 1.0), text=f"{now['what']}: {now['done']} of {now['of']}, {standing.seconds:.0f} s")


def _ended(standing: Standing) -> None:
    """Say how the scorecard ended and keep what it found for the page."""
    if standing.problem:
        st.error(standing.problem)
        return
    end = standing.last("end")
    if standing.stopped == CANCELLED or end is None:
        st.warning("Cancelled. Run it again with the same settings to go on from here.")
        return
    state.keep_steering("card", end["card"])
    st.success(f"The scorecard ended after {standing.seconds:.0f} s; it is shown below.")
    st.download_button(
        "The scorecard as JSON", data=end["card"], file_name="scorecard.json", mime="application/json",
        key="steer_card", on_click="ignore",
    )  # fmt: skip
