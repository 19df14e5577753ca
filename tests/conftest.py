"""Hypothesis profiles: "gate" is repeatable and quick, "hunt" is random and deep.

`HYPOTHESIS_PROFILE=hunt pytest tests/wire` goes looking for new examples; anything else, CI included,
runs "gate".
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "gate",
    derandomize=True,
    deadline=None,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "hunt",
    deadline=None,
    max_examples=20_000,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))
