"""Numbers inside POLICY_DATA: elements, attributes, strategies (RFC 2750, RFC 3181, RFC 3182).

An annex of `iana`, for the two rooms that look into policy elements.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class PolicyElementType(IntEnum):
    """P-Types of policy elements (RFC 2750 section 5)."""

    PREEMPTION_PRI = 1  # RFC 3181
    AUTH_USER = 2  # RFC 3182
    AUTH_APP = 3


IDENTITY_TYPES: Final = frozenset({2, 3})
"""P-Types whose elements are lists of authentication attributes (RFC 3182 section 3.2)."""


class PolicyAttribute(IntEnum):
    """A-Types of authentication attributes (RFC 3182 section 3.3)."""

    POLICY_LOCATOR = 1
    CREDENTIAL = 2
    DIGITAL_SIGNATURE = 3
    POLICY_ERROR = 4


class PolicyLocatorType(IntEnum):
    """Sub-types of a policy locator (RFC 3182 section 3.3.1)."""

    ASCII_DN = 1
    UNICODE_DN = 2
    ASCII_DN_ENCRYPT = 3
    UNICODE_DN_ENCRYPT = 4


class CredentialType(IntEnum):
    """Sub-types of a credential (RFC 3182 section 3.3.2)."""

    ASCII_ID = 1
    UNICODE_ID = 2
    KERBEROS_TKT = 3
    X509_V3_CERT = 4
    PGP_CERT = 5


class PolicyErrorValue(IntEnum):
    """Why an identity was not accepted (RFC 3182 section 3.3.4)."""

    NO_MORE_INFO = 1
    UNSUPPORTED_CREDENTIAL_TYPE = 2
    INSUFFICIENT_PRIVILEGES = 3
    EXPIRED_CREDENTIAL = 4
    IDENTITY_CHANGED = 5


class MergeStrategy(IntEnum):
    """What priority a merged reservation has (RFC 3181 section 5.1)."""

    HIGHEST_QOS = 1
    HIGHEST_PRIORITY = 2
    ERROR_IF_HETEROGENEOUS = 3


class PreemptionError(IntEnum):
    """Error codes of a PREEMPTION_PRI element (RFC 3181 section 4)."""

    NO_ERROR = 0
    PREEMPTION = 1
    HETEROGENEOUS = 2
