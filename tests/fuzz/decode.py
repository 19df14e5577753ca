"""The fuzz target: bytes of one RSVP message, read in every way there is, under atheris (libFuzzer).

`tox -e fuzz` builds the codec with counters and runs this for ten minutes. By hand, after
`RSVP_FUZZ=1 python setup.py build_ext --inplace --force`:

    python -m tests.fuzz.corpus corpus
    python -m tests.fuzz.decode corpus -max_total_time=600 -max_len=1024

A crash leaves a file that `python -m tests.fuzz.decode FILE` runs again; it becomes a case in
`tests/fuzz/test_laws.py`.
"""

from __future__ import annotations

import ctypes
import sys
from importlib.util import find_spec

import atheris

with atheris.instrument_imports(include=["rsvp.jsonform", "rsvp.capture"]):
    from rsvp import _wire
    from tests.fuzz.laws import check, repaired


def count_branches() -> None:
    """Tell libFuzzer of the codec's counters."""
    codec = ctypes.CDLL(_wire.__file__)
    if not hasattr(codec, "rsvp_coverage"):
        sys.exit("the codec was built without RSVP_FUZZ: fuzzing would not be guided by its branches")
    spec = find_spec("atheris.core_with_libfuzzer")
    assert spec is not None
    assert spec.origin is not None
    fuzzer = ctypes.CDLL(spec.origin)
    functions = (ctypes.c_void_p * 8)(
        *(
            ctypes.cast(getattr(fuzzer, f"__sanitizer_cov_trace_{kind}{size}"), ctypes.c_void_p)
            for kind in ("cmp", "const_cmp")
            for size in (1, 2, 4, 8)
        )
    )
    bounds = (ctypes.c_void_p * 4)()
    codec.rsvp_coverage(bounds, functions)
    start, stop, table, table_end = map(ctypes.c_void_p, bounds)
    fuzzer.__sanitizer_cov_8bit_counters_init(start, stop)
    fuzzer.__sanitizer_cov_pcs_init(table, table_end)


def one(data: bytes) -> None:
    """What libFuzzer calls."""
    check(repaired(data))


def main() -> None:
    """Fuzz until told to stop."""
    atheris.Setup(sys.argv, one)
    count_branches()
    atheris.Fuzz()


if __name__ == "__main__":
    main()
