"""Tests of the control socket, its client and the application interface."""

from __future__ import annotations
