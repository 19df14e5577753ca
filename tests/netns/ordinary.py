"""Being nobody in particular, whoever runs the tests: for what is promised to ordinary users."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from rsvp.lab import CLONE_NEWUSER

USER = 1000


def become_ordinary() -> bool:
    """Go on as user 1000 of a new user namespace; False where the kernel makes none.

    The rights that come with it are its own only, and end with the next program that is executed.
    """
    user, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
        return False
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{USER} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{USER} {group} 1")
    return True
