"""What a call of RAPI raises, in place of the error number that C had for a result."""

from __future__ import annotations

from ..errors import LocalError
from ..iana import error_text
from .constants import ERROR_TEXTS, ErrorCode, RSVP_Err_API


class RapiError(LocalError):
    """A call that failed; `code` is the `ErrorCode`."""

    def __init__(self, code: ErrorCode, detail: str | None = None) -> None:
        text = f"{code.name}: {ERROR_TEXTS[code]}"
        super().__init__(text if detail is None else f"{text} ({detail})")
        self.code = code


def rapi_strerror(code: int, value: int = 0) -> str:
    """Words for the code and value of an error event."""
    if code != RSVP_Err_API:
        return error_text(code, value)
    try:
        return ERROR_TEXTS[ErrorCode(value)]
    except ValueError:
        return f"error {value} of the RSVP interface"
