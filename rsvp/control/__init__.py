"""The daemon's control socket: the application interface of RFC 2205 section 3.11.1 over a file name.

`schema` is what goes over it, `server` the daemon's end and `client` the application's.
"""

from __future__ import annotations
