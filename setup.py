"""Build what is compiled: codec, JSON writer, values, tables. The rest is declared in pyproject.toml.

Switches, by environment variable: RSVP_DEBUG=1 turns bounds checks and line tracing on for
coverage, RSVP_SANITIZE=1 compiles with AddressSanitizer and UndefinedBehaviorSanitizer,
RSVP_FUZZ=1 counts branches and reports comparisons to libFuzzer.
"""

from __future__ import annotations

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

directives: dict[str, object] = {"language_level": 3}
macros: list[tuple[str, str | None]] = []
flags = ["-O2"]
links: list[str] = []

if os.environ.get("RSVP_DEBUG"):
    directives |= {"boundscheck": True, "wraparound": True, "linetrace": True}
    macros.append(("CYTHON_TRACE_NOGIL", "1"))
    flags = ["-O0", "-g"]
if os.environ.get("RSVP_SANITIZE"):
    flags += [
        "-g",
        "-fno-omit-frame-pointer",
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=undefined",
    ]
    links += ["-fsanitize=address,undefined"]

codec = Extension("rsvp._wire", ["rsvp/_wire.pyx"])
writer = Extension("rsvp._json", ["rsvp/_json.pyx"])
values = Extension("rsvp._values", ["rsvp/_values.pyx"])
table = Extension("rsvp._table", ["rsvp/_table.pyx"])
for extension in (codec, writer, values, table):
    extension.define_macros = macros
    extension.extra_compile_args = [*flags]
    extension.extra_link_args = links
if os.environ.get("RSVP_FUZZ"):
    codec.extra_compile_args += ["-fsanitize-coverage=trace-pc,trace-cmp"]
    codec.sources += ["tests/fuzz/coverage.c"]

# An extension built in place with other switches looks up to date, so its kind is written down.
kind = " ".join(name for name in ("RSVP_DEBUG", "RSVP_SANITIZE", "RSVP_FUZZ") if os.environ.get(name))
stamp = Path("build/kind")
other = (stamp.read_text() if stamp.exists() else "") != kind
stamp.parent.mkdir(exist_ok=True)
stamp.write_text(kind)

setup(
    options={"build_ext": {"force": other}},
    ext_modules=cythonize([codec, writer, values, table], compiler_directives=directives, force=other),
)
