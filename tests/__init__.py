"""Tests of rsvp, one folder for each room."""

from __future__ import annotations
