"""What the jobs of the tests do; worker processes import this module by name."""

from __future__ import annotations

import time
from pathlib import Path

from cape.sweep.jobs import write_whole


def work(*, out: str, calls: str, wait_for: str = "", fail_until: str = "", gib: float = 0.0) -> None:
    """Note the call, wait for a file where one is named, fail while one is missing, and write the output whole."""
    with Path(calls).open("a", encoding="utf-8") as stream:
        stream.write(f"{Path(out).name}\n")
    held = bytearray(int(gib * 2**30))
    held[::4096] = b"x" * len(held[::4096])
    while wait_for and not Path(wait_for).exists():
        time.sleep(0.05)
    if fail_until and not Path(fail_until).exists():
        raise ValueError("the switch is off")
    write_whole(Path(out), f"{len(held)}")


def forget(*, out: str) -> None:
    """End without writing anything."""
