"""Pictures drawn with matplotlib, the extra `plot`: checked before long work, written whole or not at all."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import Any

from .errors import LocalError

FORMATS = (".png", ".svg", ".pdf")


def check(file: Path) -> None:
    """Raise LocalError now for what would keep `save` from writing `file` after a long run."""
    if file.suffix.lower() not in FORMATS:
        raise LocalError(f"{file} has to end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    if not file.absolute().parent.is_dir():
        raise LocalError(f"there is no directory {file.absolute().parent} to put {file.name} in")
    if file.is_dir():
        raise LocalError(f"{file} is a directory")
    if importlib.util.find_spec("matplotlib") is None:
        raise LocalError("--plot needs matplotlib: install it with 'pip install pyrsvp[plot]'")


def pyplot() -> Any:
    """matplotlib's pyplot, without a display."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def save(figure: Any, file: Path) -> None:
    """Write a figure; its form is `file`'s suffix. Raises OSError where it cannot be written."""
    # Written at once when complete: an interrupt leaves no half a picture.
    picture = io.BytesIO()
    figure.savefig(picture, dpi=150, format=file.suffix[1:].lower())
    pyplot().close(figure)
    file.write_bytes(picture.getvalue())
