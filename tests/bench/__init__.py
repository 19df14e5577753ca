"""Measurements, each with its own yardstick in the same run."""

from __future__ import annotations
