"""Tests of capture reading and of `rsvp decode`."""

from __future__ import annotations
