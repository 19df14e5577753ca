"""Contents of POLICY_DATA: options and policy elements (RFC 2750 section 3, 3181, 3182, 2872).

A policy element says who asks for a reservation or how important it is. RSVP itself only carries
elements; policy decision points read them. Elements and attributes of unknown types keep their
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

from .iana_policy import (
    IDENTITY_TYPES,
    CredentialType,
    MergeStrategy,
    PolicyAttribute,
    PolicyElementType,
    PolicyLocatorType,
    PreemptionError,
)
from .objects import check_bits


@dataclass(frozen=True, slots=True)
class PreemptionPriority:
    """How important a flow is, higher is more (PREEMPTION_PRI, RFC 3181 section 4).

    `preemption` counts while the flow asks to be admitted, `defending` once it is; 0 to 65535, and
    by the RFC preemption is at most defending. `error` is a `PreemptionError` in a report.
    """

    preemption: int
    defending: int
    strategy: int = MergeStrategy.HIGHEST_QOS
    error: int = PreemptionError.NO_ERROR
    flags: int = 0
    p_type: ClassVar[PolicyElementType] = PolicyElementType.PREEMPTION_PRI

    def __post_init__(self) -> None:
        check_bits(self.preemption, 16, "a preemption priority")
        check_bits(self.defending, 16, "a defending priority")
        check_bits(self.strategy, 8, "a merge strategy")
        check_bits(self.error, 8, "a preemption error")
        check_bits(self.flags, 8, "preemption flags")


TEXT_ENCODINGS: Final = {
    (PolicyAttribute.POLICY_LOCATOR, PolicyLocatorType.ASCII_DN): "ascii",
    (PolicyAttribute.POLICY_LOCATOR, PolicyLocatorType.UNICODE_DN): "utf-16-be",
    (PolicyAttribute.CREDENTIAL, CredentialType.ASCII_ID): "ascii",
    (PolicyAttribute.CREDENTIAL, CredentialType.UNICODE_ID): "utf-16-be",
}
"""(attribute, sub-type) -> encoding of those attributes that are text."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """One authentication attribute and its octets, without padding (RFC 3182 section 3.3).

    A policy locator, a credential, a digital signature, or one of a type that is not known.
    """

    a_type: int
    sub_type: int
    value: bytes

    def __post_init__(self) -> None:
        check_bits(self.a_type, 8, "an attribute's type")
        check_bits(self.sub_type, 8, "an attribute's sub-type")
        if self.a_type == PolicyAttribute.POLICY_ERROR and len(self.value) >= 4:
            raise ValueError("a policy error is a PolicyError")

    @property
    def text(self) -> str | None:
        """The attribute as text, without trailing NULs; None where it is no text."""
        for (a_type, sub_type), encoding in TEXT_ENCODINGS.items():
            if (a_type, sub_type) == (self.a_type, self.sub_type):
                try:
                    return self.value.decode(encoding).rstrip("\0")
                except UnicodeDecodeError:
                    return None
        return None


@dataclass(frozen=True, slots=True)
class PolicyError:
    """Why an identity was not accepted (POLICY_ERROR_OBJECT, RFC 3182 section 3.3.4).

    `error` is a `PolicyErrorValue`; `value` may say more, for instance as text.
    """

    error: int
    value: bytes = b""
    sub_type: int = 0
    a_type: ClassVar[PolicyAttribute] = PolicyAttribute.POLICY_ERROR

    def __post_init__(self) -> None:
        check_bits(self.error, 16, "a policy error")
        check_bits(self.sub_type, 8, "an attribute's sub-type")


@dataclass(frozen=True, slots=True)
class Identity:
    """A user or an application, by name and credentials (AUTH_USER, AUTH_APP; RFC 3182, RFC 2872)."""

    p_type: int
    attributes: tuple[Attribute | PolicyError, ...]

    def __post_init__(self) -> None:
        if self.p_type not in IDENTITY_TYPES:
            raise ValueError(f"an identity is of a user or of an application, not of type {self.p_type}")

    @property
    def locator(self) -> str | None:
        """The distinguished name, if there is one that is text (RFC 3182 section 3.3.1)."""
        return self._text(PolicyAttribute.POLICY_LOCATOR)

    @property
    def credential(self) -> str | None:
        """The user's or application's name, if there is one that is text (RFC 3182 section 3.3.2)."""
        return self._text(PolicyAttribute.CREDENTIAL)

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """The locator's parts, such as ("APP", "SAP"), in their order (RFC 2872 section 2)."""
        parts = (part.partition("=") for part in (self.locator or "").split(","))
        return tuple((key.strip(), value.strip()) for key, equals, value in parts if equals)

    def _text(self, a_type: PolicyAttribute) -> str | None:
        for attribute in self.attributes:
            if isinstance(attribute, Attribute) and attribute.a_type == a_type:
                return attribute.text
        return None


def application(name: str, locator: str) -> Identity:
    """An application's identity from its name and, e.g., "APP=SAP, VER=1.1" (RFC 2872 section 2).

    Raises UnicodeEncodeError for what is not ASCII.
    """
    return _identity(PolicyElementType.AUTH_APP, name, locator)


def user(name: str, locator: str) -> Identity:
    """A user's identity from a login name and a distinguished name, both ASCII (RFC 3182 section 4.1)."""
    return _identity(PolicyElementType.AUTH_USER, name, locator)


def _identity(p_type: PolicyElementType, name: str, locator: str) -> Identity:
    where = Attribute(PolicyAttribute.POLICY_LOCATOR, PolicyLocatorType.ASCII_DN, locator.encode("ascii"))
    who = Attribute(PolicyAttribute.CREDENTIAL, CredentialType.ASCII_ID, name.encode("ascii"))
    return Identity(p_type, (where, who))


@dataclass(frozen=True, slots=True)
class UnknownElement:
    """A policy element of a type that this package does not know, or an empty one.

    An empty element of any type deletes what was said with that type before (RFC 2750 section 3.4).
    """

    p_type: int
    data: bytes = b""

    def __post_init__(self) -> None:
        check_bits(self.p_type, 16, "a policy element's type")
        if len(self.data) % 4:
            raise ValueError("a policy element is a multiple of 4 bytes long")


PolicyElement: TypeAlias = PreemptionPriority | Identity | UnknownElement
"""What POLICY_DATA is there to carry."""
