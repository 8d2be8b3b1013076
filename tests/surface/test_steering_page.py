"""The page of steering without torch: recorded results, the install line, what the operator has to switch on."""

from __future__ import annotations

import pytest

from cape.diagnostics._steering_live import ENDPOINT_SWITCH, HUB, HUB_SWITCH, model_kinds
from cape.internals import live
from cape.internals.models import INSTALL_LINE
from cape.lake import Lake
from cape.ui import steering_page
from tests.surface._app import estimates_on, open_page

SLUG = "steering"


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The light environment has no torch; where the tests run with it, the page is told that there is none."""
    monkeypatch.setattr(steering_page, "can_run", lambda: False)


def test_without_torch_the_page_shows_recorded_results_and_the_install_line(lake: Lake, without_torch: None) -> None:
    app = open_page(SLUG, resamples=200)
    assert any(code.value == INSTALL_LINE for code in app.code)
    assert any("torch" in info.value for info in app.info)
    assert not [button for button in app.button if button.key == "steer_write"]
    changed = [row for row in estimates_on(app) if row["symbol"] == "steering_changed"]
    assert len(changed) == 10
    assert any("changed is not corrected" in text.value for text in app.markdown)


def test_nothing_is_imported_to_know_whether_torch_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.importlib.util, "find_spec", lambda name: None if name == "torch" else object())
    assert not live.can_run()
    monkeypatch.setattr(live.importlib.util, "find_spec", lambda name: object())
    assert live.can_run()


@pytest.mark.parametrize(("value", "is_offered"), [("", False), ("0", False), ("1", True)])
def test_hub_ids_are_offered_only_where_the_operator_allows_them(
    monkeypatch: pytest.MonkeyPatch, value: str, is_offered: bool
) -> None:
    monkeypatch.setenv(HUB_SWITCH, value)
    assert (HUB in model_kinds()) is is_offered


def test_the_endpoint_is_off_until_it_is_switched_on(lake: Lake, without_torch: None) -> None:
    app = open_page(SLUG, resamples=200)
    assert any(ENDPOINT_SWITCH in info.value for info in app.info)
    assert not [field for field in app.text_input if field.key == "steer_key"]
