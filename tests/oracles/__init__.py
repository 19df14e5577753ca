"""Other people's codecs, as witnesses."""

from __future__ import annotations
