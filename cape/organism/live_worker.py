"""The process that holds a model for the live page: `python -m cape.organism.live_worker`.

JSON requests come in, one a line, and events go out, one a line; see `cape.organism.live_jobs` for both. An empty line
says that somebody still follows the job at work. The process ends with the one that started it (its input closes),
when it has had nothing to do for IDLE_S, and when nobody has followed its job for LEASE_S.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from typing import Any, TextIO

IDLE_S, LEASE_S, LOOK_S = 600.0, 150.0, 1.0
NICE = 5  # a model must not slow the pages
UNFOLLOWED = 3  # exit status


class Desk:
    """What has come in, and when somebody last asked."""

    def __init__(self) -> None:
        self.requests: queue.Queue[dict[str, Any]] = queue.Queue()
        self.asked = time.monotonic()

    def read(self, source: TextIO) -> None:
        """Take lines until the input closes, then end the process, whatever it is doing."""
        for line in source:
            self.asked = time.monotonic()
            if line.strip():
                self.requests.put(json.loads(line))
        os._exit(0)


def main() -> int:
    """Work through requests in order until there is nothing more to do."""
    desk = Desk()
    threading.Thread(target=desk.read, args=(sys.stdin,), daemon=True).start()
    answers = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no event
    from cape.organism.live_jobs import Bearer

    bearer = Bearer(lambda event: _tell(answers, event))
    while True:
        try:
            request = desk.requests.get(timeout=IDLE_S)
        except queue.Empty:
            return 0
        guard = _Guard(desk)
        bearer.work(request)
        guard.stop()


class _Guard:
    """Ends the process while a job is at work and nobody follows it."""

    def __init__(self, desk: Desk) -> None:
        self._over = threading.Event()
        desk.asked = time.monotonic()
        threading.Thread(target=self._watch, args=(desk,), daemon=True).start()

    def _watch(self, desk: Desk) -> None:
        while not self._over.wait(LOOK_S):
            if time.monotonic() - desk.asked > LEASE_S:
                os._exit(UNFOLLOWED)

    def stop(self) -> None:
        """Stop watching: the job is over."""
        self._over.set()


def _tell(target: TextIO, event: dict[str, Any]) -> None:
    target.write(json.dumps(event) + "\n")
    target.flush()


if __name__ == "__main__":
    os.nice(NICE)
    sys.exit(main())
