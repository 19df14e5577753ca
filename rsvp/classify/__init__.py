"""Programs say what a message is, a policy file says how it is treated: DSCP, SO_PRIORITY, a reservation.

As IBM's sendmsg with classification data: an application token, a priority, or both, for one message or
for a connection from then on (`docs/ibm.md`). RFC 2474 has the DSCP; what reserves is `rsvp.attach`.
"""

from __future__ import annotations

from .policy import Action, Classification, Policy, Priority, Rule, load, read
from .sock import ClassifiedSocket, Scope

__all__ = [
    "Action",
    "Classification",
    "ClassifiedSocket",
    "Policy",
    "Priority",
    "Rule",
    "Scope",
    "load",
    "read",
]
