"""What every benchmarked implementation has in common: it measures one round for each line that it reads.

The parent writes a line of JSON with the name of a kind, and gets a line of JSON with its milliseconds, and whatever else the
kind measured. So rounds of several programs take turns, and one that waits computes nothing.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

# Libraries print to stdout; the protocol has a descriptor of its own.
_replies = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

Measured = Mapping[str, Any]
Kind = Callable[[], Measured | None]


def timed(work: Kind) -> Measured:
    """Runs the work once. Returns its milliseconds and what it returned."""
    began = time.perf_counter()
    found = work()
    return {"millis": 1e3 * (time.perf_counter() - began), **(found or {})}


def say(message: Measured) -> None:
    """Sends a message to the parent."""
    _replies.write(json.dumps(message) + "\n")


def requests() -> Any:
    """Yields the kinds that the parent asks for, until it closes stdin."""
    for line in sys.stdin:
        yield json.loads(line)["kind"]


def serve(versions: Mapping[str, str], kinds: Mapping[str, Kind]) -> None:
    """Says what runs here, then measures what the parent asks for until it closes stdin."""
    say({"versions": dict(versions)})
    for kind in requests():
        say(timed(kinds[kind]))
