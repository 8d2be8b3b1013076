"""A process that answers like the one that holds a model, without one: `python -m tests.internals.fake_worker`."""

from __future__ import annotations

import json
import sys
import time


def tell(**event: object) -> None:
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main() -> None:
    sys.stdout.write("a library prints this\n")
    for line in sys.stdin:
        if not line.strip():
            continue
        asked = json.loads(line)
        kind = asked["kind"]
        if kind == "die":
            sys.stderr.write("the last words")
            sys.stderr.flush()
            raise SystemExit(7)
        if kind == "refuse":
            tell(event="error", kind="ModelLoadError", message="There is no such folder.")
            continue
        for piece in asked.get("pieces", []):
            tell(event="text", side="after", text=piece)
        while kind == "hang":
            time.sleep(0.05)
        tell(event="end", changed=True)


if __name__ == "__main__":
    main()
