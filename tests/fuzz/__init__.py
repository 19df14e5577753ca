"""Coverage-guided fuzzing of everything that bytes from the network reach."""

from __future__ import annotations
