"""Laws and worked examples of the integrated services arithmetic (RFC 2210, 2211, 2212, 2215)."""

from __future__ import annotations
