"""A headless Chromium on a server of the app: start, open, and what went wrong meanwhile."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from playwright.sync_api import BrowserContext, Page

from tests.surface._app import REPOSITORY

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # routes would do, but turn the browser's cache off
)
SCREENSHOTS = REPOSITORY / "artifacts" / "screenshots"
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
LAST = '#reproduce-and-cite, [data-testid="stException"], [data-testid="stAlertContentError"]'
HARMLESS = re.compile(r"^http://127\.0\.0\.1:\d+/\w+/_stcore/(health|host-config)$")  # every deep link logs these
ELSEWHERE = re.compile(r"^(?!data:|blob:|(http|ws)://127\.0\.0\.1[:/])")
WAIT_MS = 30_000


@contextmanager
def serving(log: Path) -> Iterator[str]:
    """Run the app on a free port and give its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"]
    command += ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.fileWatcherType", "none"]
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=REPOSITORY, stdout=out, stderr=out, env=dict(os.environ))
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server)
        yield address
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_for(address: str, server: subprocess.Popen) -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{address}/_stcore/health", timeout=2):
                return
        except OSError:
            assert server.poll() is None, "the server ended"
            time.sleep(0.1)
    raise AssertionError("the server did not answer within 30 s")


@dataclass(slots=True)
class Visit:
    """One browser page and every fault it had."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)

    def open(self, slug: str = "", **params: object) -> Page:
        """Open a page of the app by its link and wait until it is drawn."""
        path = "" if slug == "overview" else slug
        query = f"?{urlencode(params)}" if params else ""
        self.page.goto(f"{self.address}/{path}{query}")
        return self.settle()

    def settle(self) -> Page:
        """Wait until the script has ended, every chart is drawn and nothing moves."""
        page = self.page
        page.wait_for_selector(READY, timeout=WAIT_MS)
        page.wait_for_selector(LAST, timeout=WAIT_MS, state="attached")
        page.wait_for_function(
            """() => {
                const app = document.querySelector('[data-testid="stApp"]');
                const waiting = document.querySelector('[data-stale="true"], [data-testid="stSkeleton"]');
                const charts = [...document.querySelectorAll('[data-testid="stPlotlyChart"]')];
                const drawn = charts.every((chart) => chart.querySelector('.main-svg'));
                return app.dataset.testScriptState === 'notRunning' && !waiting && drawn;
            }""",
            timeout=WAIT_MS,
        )
        page.wait_for_timeout(150)
        return page

    def permalink(self) -> dict[str, str]:
        """Return the parameters of the permalink that the page shows."""
        self.page.get_by_role("tab", name="Permalink").click()
        block = self.page.locator('[data-testid="stCode"]:visible', has_text="lake=").last
        return dict(parse_qsl(urlsplit(block.inner_text().strip()).query, keep_blank_values=True))

    def command(self) -> str:
        self.page.get_by_role("tab", name="Command").click()
        return self.page.locator('[data-testid="stCode"]:visible', has_text="cape ").first.inner_text().strip()

    def chosen(self, label: str) -> str:
        """Return what a select box shows."""
        box = self.page.locator('[data-testid="stSelectbox"]:visible', has=self.page.get_by_text(label, exact=True))
        return box.first.locator("input").first.input_value() or box.first.inner_text().split("\n")[-1]

    def choose(self, label: str, value: str) -> None:
        """Pick an entry of a select box as a user does."""
        box = self.page.locator('[data-testid="stSelectbox"]:visible', has=self.page.get_by_text(label, exact=True))
        field_ = box.first.locator("input").first
        field_.click()
        field_.fill(value)
        self.page.get_by_role("option", name=value, exact=True).first.click()
        self.page.wait_for_timeout(300)
        self.settle()

    def text(self) -> str:
        return self.page.locator('[data-testid="stApp"]').inner_text()


@contextmanager
def visiting(context: BrowserContext, address: str, *, width: int = 1400) -> Iterator[Visit]:
    """Open a browser page and record every fault, requests to other hosts among them."""
    visit = Visit(page=context.new_page(), address=address)
    faults, page = visit.faults, visit.page
    page.set_viewport_size({"width": width, "height": 1400})
    page.set_default_timeout(WAIT_MS)
    page.on("websocket", lambda ws: faults.append(f"socket to another host: {ws.url}") if _is_out(ws.url) else None)
    page.on("pageerror", lambda error: faults.append(f"uncaught: {error}"))
    page.on("request", lambda r: faults.append(f"request to another host: {r.url}") if _is_out(r.url) else None)
    page.on("response", lambda r: faults.append(f"{r.status}: {r.url}") if _is_fault(r.status, r.url) else None)
    page.on("console", lambda m: faults.append(f"console: {m.text} {m.location['url']}") if _is_error(m) else None)
    try:
        yield visit
    finally:
        page.close()


def _is_out(url: str) -> bool:
    return ELSEWHERE.match(url) is not None


def _is_fault(status: int, url: str) -> bool:
    return status >= 400 and not HARMLESS.match(url)


def _is_error(message: object) -> bool:
    return message.type == "error" and not HARMLESS.match(message.location.get("url", ""))  # type: ignore[attr-defined]
