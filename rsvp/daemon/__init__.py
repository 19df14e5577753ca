"""The daemon: a node, its control socket and its configuration file in one process of their own.

`service` is its life from start to signal, `notify` its word to the service manager.
"""

from __future__ import annotations
