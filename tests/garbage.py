"""What waits for the collector of garbage, in tests of what does not."""

from __future__ import annotations

import gc


def collect() -> None:
    """Take away all that waits now, such as what earlier tests left behind.

    Twice or more: what an engine's `Seen` holds points at each other only after the engine has gone.
    """
    for _ in range(9):
        if not gc.collect():
            break
