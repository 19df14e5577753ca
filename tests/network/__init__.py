"""Tests of whole nodes over the in-memory network."""

from __future__ import annotations
