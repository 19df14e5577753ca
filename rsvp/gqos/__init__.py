"""Winsock's Generic QoS over sockets of Linux: what programs were promised by GQoS, kept in Python.

- `constants`, `extended`: the numbers, under GQoS's names
- `structures`, `packing`: QOS, FLOWSPEC and the provider-specific objects, as values and as bytes
- `errors`: an exception for each error code
"""

from __future__ import annotations
