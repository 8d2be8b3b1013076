"""Memory of a server while browsers open every page; needs playwright, psutil and a Chromium."""

from __future__ import annotations

import importlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.bench.common import MIB, ROOT, Row, below

PART = "Pages"
WHAT = "server memory, every page opened in {n} browsers"
BROWSERS, QUICK_BROWSERS = 8, 2
MOST_MIB = 450.0
START_S, PAGE_MS = 60, 60_000
IDLE = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def measure_memory(lake: Path, slugs: tuple[str, ...], *, is_quick: bool) -> Row:
    """Return the row of the server's largest resident memory, or a skipped row that says what is missing."""
    n_browsers = QUICK_BROWSERS if is_quick else BROWSERS
    what = WHAT.format(n=n_browsers)
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    browser = next((path for path in found if path), "")
    missing = [name for name in ("playwright.sync_api", "psutil") if not _is_installed(name)]
    if missing or not browser:
        reason = f"not installed: {', '.join([*missing, *([] if browser else ['chromium'])])}"
        return Row(part=PART, what=what, measured="skipped", note=reason)
    with _server(lake) as (process, address):
        idle, most = _open_all(process, address, slugs, n_browsers=n_browsers, browser=browser)
    note = f"{idle:.0f} MiB before the first page; browsers not counted"
    return below(PART, what, most, most=MOST_MIB, unit="MiB", note=note)


def _is_installed(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        return False
    return True


@contextmanager
def _server(lake: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)]
    process = subprocess.Popen(
        [*command, "--server.address", "127.0.0.1", "--server.fileWatcherType", "none"],
        cwd=ROOT,
        env={**os.environ, "CAPE_LAKE": str(lake)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/_stcore/health")
        yield process, address
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait_for(url: str) -> None:
    limit = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.2)


def _open_all(
    process: subprocess.Popen, address: str, slugs: tuple[str, ...], *, n_browsers: int, browser: str
) -> tuple[float, float]:
    """Return resident memory in MiB, children included, before the first page and at its largest."""
    from playwright.sync_api import sync_playwright

    idle = most = _resident(process)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        for _ in range(n_browsers):
            page: Any = chromium.new_context().new_page()
            for slug in slugs:
                page.goto(f"{address}/{slug if slug != slugs[0] else ''}", timeout=PAGE_MS)
                page.wait_for_selector("h1", timeout=PAGE_MS)
                page.wait_for_selector(IDLE, timeout=PAGE_MS)
                most = max(most, _resident(process))
        chromium.close()
    return idle, most


def _resident(process: subprocess.Popen) -> float:
    psutil = importlib.import_module("psutil")  # ships no types
    server = psutil.Process(process.pid)
    return sum(each.memory_info().rss for each in (server, *server.children(recursive=True))) / MIB
