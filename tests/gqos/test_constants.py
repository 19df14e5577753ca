"""The numbers against tables of their own, and errors that carry them."""

from __future__ import annotations

import json
from enum import IntEnum
from pathlib import Path

import pytest

from rsvp import iana, iana_policy
from rsvp.errors import LocalError
from rsvp.gqos import constants as c
from rsvp.gqos import errors
from rsvp.gqos.extended import Extended
from tests.pages import DOCS

NUMBERS = json.loads((Path(__file__).parent.parent / "constants.json").read_text())

FAMILIES: dict[str, type[IntEnum]] = {
    "SERVICETYPE": c.ServiceType,
    "OBJECT_TYPE": c.ObjectType,
    "TC_NONCONF": c.ShapeMode,
    "RSVP_STYLE": c.ReservationStyle,
    "FILTER_TYPE": c.FilterType,
    "SIO_CHK_QOS_ITEM": c.Check,
    "WSA_QOS": c.Status,
    "GQOS_EXTENDED": Extended,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_numbers(family):
    """Sections 1.3, 2.1, 2.3 to 2.7."""
    members = {name: int(value) for name, value in FAMILIES[family].__members__.items()}
    members.pop("EUNKOWNPSOBJ", None)  # the other spelling of EUNKNOWNPSOBJ
    assert members == NUMBERS[family]


def test_flags_and_special_values():
    """Sections 1.1, 2.2, 2.4 and 2.8."""
    flags = {f"SERVICE_{name}": int(value) for name, value in c.ServiceFlag.__members__.items()}
    assert flags.pop("SERVICE_IMMEDIATE_TRAFFIC_CONTROL") == 0x80000000
    assert flags == NUMBERS["SERVICE_FLAGS"]
    for name, value in NUMBERS["SPECIAL_U32"].items():
        assert getattr(c, name) == value, name
    assert {f"SIO_{name}": int(value) for name, value in c.Sio.__members__.items()} == NUMBERS["SIO"]
    sockets = {
        **{f"FD_{name}": value for name, value in c.NetworkEvent.__members__.items()},
        **{f"JL_{name}": value for name, value in c.Join.__members__.items()},
        **{f"WSA_FLAG_{name}": value for name, value in c.SocketFlag.__members__.items()},
        **{f"XP1_{name}": value for name, value in c.ProviderFlag.__members__.items()},
        **{f"CF_{name}": value for name, value in c.Condition.__members__.items()},
        **{f"SD_{name}": value for name, value in c.Shutdown.__members__.items()},
    }
    assert sockets == NUMBERS["WINSOCK_FLAGS"]


def test_defaults_of_paths_and_marking():
    """Sections 1.1, 2.5 and 4.3."""
    assert NUMBERS["PATH_DEFAULTS"] == {
        "MaxSduSize": c.MAX_SDU_SIZE,
        "MinimumPolicedSize": c.MINIMUM_POLICED_SIZE,
        "RSVP_MULTICAST_TTL": iana.DEFAULT_TTL,
    }
    spelled = {"NONCONFORMING": "NONCONFORMANT"}
    for table, name in ((c.DSCP, "DSCP_DEFAULT"), (c.USER_PRIORITY, "USER_PRIORITY_8021P_DEFAULT")):
        assert {spelled.get(t.name, t.name): value for t, value in table.items()} == NUMBERS[name]
    assert [int(service) for service in c.PRIORITY] == [10, 3, 2, 1, 13, 9]


def test_traffic_control_errors_are_7501_to_7521():
    """Section 2.5."""
    assert [int(error) for error in c.TcError] == list(range(7501, 7522))


def test_the_mask_gives_back_every_type():
    """Section 2.2: value & 0x0FFF."""
    for service in c.ServiceType:
        for flag in (c.ServiceFlag.NO_QOS_SIGNALING, c.ServiceFlag.NO_TRAFFIC_CONTROL):
            assert (service | flag) & c.SERVICE_TYPE_MASK == service


def test_filter_types_are_the_wire_s():
    """Section 1.3: FilterType can be written as the C-Type (RFC 2205 A.9, RFC 2207)."""
    assert c.FilterType.V4 == iana.CType.IPV4
    assert c.FilterType.V6 == iana.CType.IPV6
    assert c.FilterType.V6_FLOW == iana.CType.IPV6_FLOW_LABEL
    assert c.FilterType.V4_GPI == iana.CType.FILTER_IPV4_GPI
    assert c.FilterType.V6_GPI == iana.CType.FILTER_IPV6_GPI


def test_numbers_of_policy_elements_and_services():
    """Section 2.8, and the numbers of RFC 3182, RFC 2210 and RFC 2215, by their names there."""
    kinds = {
        "PE_TYPE_APPID": iana_policy.PolicyElementType.AUTH_APP,
        "PE_ATTRIB_POLICY_LOCATOR": iana_policy.PolicyAttribute.POLICY_LOCATOR,
        "PE_ATTRIB_CREDENTIAL": iana_policy.PolicyAttribute.CREDENTIAL,
        "LOCATOR_ASCII_DN": iana_policy.PolicyLocatorType.ASCII_DN,
        "LOCATOR_UNICODE_DN": iana_policy.PolicyLocatorType.UNICODE_DN,
        "LOCATOR_ASCII_DN_ENC": iana_policy.PolicyLocatorType.ASCII_DN_ENCRYPT,
        "LOCATOR_UNICODE_DN_ENC": iana_policy.PolicyLocatorType.UNICODE_DN_ENCRYPT,
        "CRED_ASCII_ID": iana_policy.CredentialType.ASCII_ID,
        "CRED_UNICODE_ID": iana_policy.CredentialType.UNICODE_ID,
        "CRED_KERBEROS": iana_policy.CredentialType.KERBEROS_TKT,
        "CRED_X509_V3": iana_policy.CredentialType.X509_V3_CERT,
        "CRED_PGP": iana_policy.CredentialType.PGP_CERT,
    }
    assert kinds == NUMBERS["POLICY_ELEMENT"]
    services = iana.Service
    assert NUMBERS["INTSERV_SERVICE"] == {
        "GENERAL": services.DEFAULT,
        "GUARANTEED": services.GUARANTEED,
        "CONTROLLED_LOAD": services.CONTROLLED_LOAD,
        "NULL_SERVICE": services.NULL,
    }
    parameters = {int(one) for one in iana.Parameter} - {iana.Parameter.NULL_TSPEC}
    assert parameters == set(NUMBERS["INTSERV_PARAM"].values())
    assert NUMBERS["SERVICE_FLAGS_OLD"] == {
        "SERVICE_IMMEDIATE_TRAFFIC_CONTROL": c.ServiceFlag.IMMEDIATE_TRAFFIC_CONTROL,
        "NULL_QOS_TYPE": c.NULL_QOS_TYPE,
    }


def test_every_number_is_looked_at():
    """Those of RAPI and RSVP in tests/control/test_rapi.py; IBM's requests have no numbers here."""
    here = {*FAMILIES, "SPECIAL_U32", "SERVICE_FLAGS", "SERVICE_FLAGS_OLD", "SIO", "WINSOCK_FLAGS"}
    here |= {"PATH_DEFAULTS", "DSCP_DEFAULT", "USER_PRIORITY_8021P_DEFAULT", "POLICY_ELEMENT"}
    here |= {"INTSERV_SERVICE", "INTSERV_PARAM", "QTOQ_REQ"}
    rapi = {"STYLE", "EVENT", "EVENT_ISI", "FLAG", "FORMAT", "QOS_SERVICE", "ERR"}
    assert set(NUMBERS) - here == {"RSVP_ERR", *(f"RAPI_{name}" for name in rapi)}


def test_there_is_an_error_for_every_argument_code():
    """Section 2.6: 11016 to 11031, each with an exception of its own."""
    kinds: list[type[errors.GqosError]] = []
    pending = [errors.GqosError]
    while pending:
        below = pending.pop().__subclasses__()
        kinds += below
        pending += below
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert set(range(11016, 11032)) <= set(codes)
    assert {10014, 10022, 10035, 10038, 10045, 10050, 10055, 995, 11004} <= set(codes)
    for kind in kinds:
        assert issubclass(kind, LocalError)


def test_an_error_says_why():
    error = errors.FlowspecError("no")
    assert (error.code, error.extended, str(error)) == (11017, 56812, "no")
    assert errors.FlowspecError("no", Extended.NO_MEMORY).extended == 56503
    assert errors.NoBuffers("too small", 72).needed == 72


def test_every_exception_is_in_the_guide():
    guide = (DOCS / "gqos.md").read_text()
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.GqosError):
            assert f"`{name}`" in guide
