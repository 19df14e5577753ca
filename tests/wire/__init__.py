"""Tests of the wire codec."""

from __future__ import annotations
