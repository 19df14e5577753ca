"""QOS by name (section 4.4)."""

from __future__ import annotations

import pytest

from rsvp.gqos import InvalidArgument, NoBuffers, NoData, Qos, Templates, pack
from rsvp.gqos.checks import Direction, check_flowspec

NAMES = ("G711", "G723.1", "G729", "H263QCIF", "H263CIF", "H261QCIF", "H261CIF", "GSM6.10")


def test_the_built_in_names():
    assert Templates().names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_template_can_be_set(name: str):
    qos = Templates().get(name)
    check_flowspec(qos.sending, Direction.SENDING)
    check_flowspec(qos.receiving, Direction.RECEIVING)


def test_voice_is_what_its_codec_sends():
    """Payload and 40 bytes of headers, so many times a second."""
    found = {name: Templates().get(name).sending for name in NAMES}
    rates = {name: found[name].token_rate for name in ("G711", "G723.1", "G729", "GSM6.10")}
    assert rates == {"G711": 10_000, "G723.1": 2134, "G729": 3000, "GSM6.10": 3650}
    assert (found["G711"].max_sdu_size, found["G711"].token_bucket_size) == (200, 400)


def test_names_that_are_not_there():
    with pytest.raises(NoData) as caught:
        Templates().get("G728")
    assert caught.value.code == 11004
    with pytest.raises(NoData):
        Templates().remove("G728")


def test_installing_replaces_and_the_base_set_stays():
    templates = Templates()
    templates.install("ours", Qos())
    templates.install("G711", Qos())
    assert templates.names() == (*NAMES, "ours")
    assert templates.get("G711") == templates.get("ours") == Qos()
    templates.remove("G711")
    assert templates.get("G711").sending.token_rate == 10_000
    with pytest.raises(InvalidArgument):
        templates.remove("G711")
    templates.remove("ours")
    assert templates.names() == NAMES
    for name in ("", "a\0b"):
        with pytest.raises(InvalidArgument):
            templates.install(name, Qos())


def test_as_bytes():
    """Empty name: all names, NUL-ended, then an empty one; a small buffer is ENOBUFS."""
    templates = Templates()
    names = templates.get_packed("", 1000)
    assert names == b"".join(name.encode() + b"\0" for name in NAMES) + b"\0"
    assert templates.get_packed("G729", 1000) == pack(templates.get("G729"))
    with pytest.raises(NoBuffers) as caught:
        templates.get_packed("", len(names) - 1)
    assert (caught.value.code, caught.value.needed) == (10055, len(names))
