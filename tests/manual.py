"""The manual pages, from the command's own help and the tables of the configuration.

`RSVP_UPDATE=1 pytest tests/test_manual.py` writes them anew.
"""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

import typer

from rsvp.cli import command_line
from rsvp.config import InterfaceConfig, NodeConfig
from rsvp.proxies import ListenerTable, ReservationTable, SenderTable
from rsvp.tables import Checked, description
from rsvp.tables import keys as keys_of
from rsvp.units import format_rate

SHARE = Path(__file__).parent.parent / "share" / "man"
PAGES = {"rsvp.1": SHARE / "man1" / "rsvp.1", "rsvp.toml.5": SHARE / "man5" / "rsvp.toml.5"}

KEYS = {
    "control": "The control socket.",
    "refresh": "R, the refresh period, in seconds (RFC 2205 section 3.7).",
    "keep_multiplier": "K: K\u22121 messages in a row may be lost before state is.",
    "ttl": "The IP TTL of messages for which no application set one.",
    "control_group": "The group whose members may use the control socket, which has mode 0660.",
    "user": "Whom the daemon becomes once it has its control socket.",
    "metrics": "Where Prometheus finds GET /metrics.",
    "max_sessions": "The most sessions. What is over a limit is dropped, counted and logged seldom.",
    "max_senders_per_session": "The most senders of a session.",
    "max_reservations_per_session": "The most reservations of a session.",
    "max_state_per_neighbor": "The most senders and reservations of one neighbour.",
    "max_state": "The most senders and reservations of all neighbours together.",
    "max_message_rate": "Messages a second of one neighbour; four seconds' worth may come at once.",
    "record": "The file in which all that enters the engine is written down, for rsvp replay.",
    "record_limit": "Bytes of it; then it becomes FILE.1, and a new one begins.",
    "enabled": "Whether RSVP runs on the interface.",
    "bandwidth": "The link's rate, where the driver does not say or says wrong.",
    "reservable": "The share of it that reservations may take together.",
    "per_flow": "The most that one reservation may take.",
    "shape": "False leaves the queues alone: what is reserved is only counted and marked.",
    "guaranteed": "The share that guaranteed reservations may take, within reservable.",
    "controlled_load": "The share that controlled load may take, within reservable.",
    "mark_guaranteed": "What guaranteed packets that keep to their Tspec leave with; unmarked without it.",
    "mark_controlled_load": "The same for controlled load.",
    "first_routers": "The first routers with RSVP, of a host without raw sockets that has them on no link.",
    "first_router_ttl": "The IP TTL with which what goes there in UDP reaches them, and gets no further.",
    "heed_dclass": "Where packets are marked with the DSCP that a DCLASS asks for: entry, always or never.",
    "dclass_guaranteed": "The DSCP that nodes upstream are asked to mark guaranteed flows with.",
    "dclass_controlled_load": "The same of controlled load.",
    "latency": "Seconds to the next hop at least; receivers that ask for a delay count it.",
}
"""What each key means, where its type does not say all."""

KEYS_OF_PROXIES = {
    (SenderTable, "destination"): "Where the flow goes.",
    (SenderTable, "source"): "Where it comes from; a port alone for this host's address towards it.",
    (SenderTable, "rate"): "Its token rate.",
    (SenderTable, "bucket"): "Its token bucket; what 100 ms at the rate carry without it.",
    (SenderTable, "peak"): "Its peak rate.",
    (SenderTable, "min"): "Smaller packets count as this.",
    (SenderTable, "max"): "Its largest packet.",
    (SenderTable, "ttl"): "The multicast TTL of the data, and of its Paths.",
    (SenderTable, "interface"): "The one behind which its host is, where that is not this one.",
    (ReservationTable, "destination"): "Where the flow goes.",
    (ReservationTable, "senders"): "For these only; without it, for each that announces itself.",
    (ReservationTable, "style"): "Its own for each sender, one for all, or one for those named.",
    (ReservationTable, "service"): "Controlled load, or guaranteed service at the rate.",
    (ReservationTable, "rate"): "How much; what the sender announces without it.",
    (ReservationTable, "bucket"): "The bucket that goes with the rate.",
    (ReservationTable, "confirm"): "Whether to ask for a confirmation.",
    (ReservationTable, "interface"): "The one behind which the receiver is, where that is not this host.",
    (ReservationTable, "join"): "Where this host joins the group that is the destination.",
    (ListenerTable, "destination"): "The receivers for whose Paths this node answers.",
    (ListenerTable, "protocol"): "Of this protocol only.",
    (ListenerTable, "answer"): "Reserve, or tell the sender that nothing will be.",
}
KEYS_OF_PROXIES |= {
    (ListenerTable, key): KEYS_OF_PROXIES[ReservationTable, key]
    for key in ("style", "service", "rate", "bucket", "confirm")
}
"""The same of [[sender]], [[reservation]] and [[listener]]."""


def roff(text: str) -> str:
    """Text as troff takes it: no line begins with a control character, and a hyphen is one."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("\u2212", r"\-")
    return "\n".join(rf"\&{line}" if line.startswith((".", "'")) else line for line in text.splitlines())


def paragraphs(docstring: str) -> list[str]:
    """A docstring's paragraphs; the indented ones are examples, as they stand."""
    lines = []
    for block in inspect.cleandoc(docstring).split("\n\n"):
        if block.startswith("    "):
            lines += [".PP", ".nf", ".RS", roff(inspect.cleandoc(block)), ".RE", ".fi"]
        else:
            lines += [".PP", roff(" ".join(block.split()))]
    return lines


def options(command: Any) -> list[str]:
    """The arguments and options of one command."""
    lines = []
    for parameter in command.params:
        if getattr(parameter, "hidden", False) or parameter.name.endswith("_completion"):
            continue
        metavar = parameter.metavar or ("" if getattr(parameter, "is_flag", False) else "VALUE")
        if parameter.param_type_name == "argument":
            heading = rf"\fI{roff(metavar)}\fR"
        else:
            names = ", ".join(rf"\fB{roff(name)}\fR" for name in (*parameter.opts, *parameter.secondary_opts))
            heading = names + (rf" \fI{roff(metavar)}\fR" if metavar else "")
        lines += [".TP", heading, roff(" ".join((parameter.help or "").split()))]
    return lines


def command_page() -> str:
    """rsvp(1)."""
    group = typer.main.get_command(command_line(()))
    lines = [
        ".TH RSVP 1",
        ".SH NAME",
        r"rsvp \- reserve bandwidth for a flow along its path (RFC 2205)",
        ".SH SYNOPSIS",
        r".B rsvp",
        r"\fIWORD\fR [\fIARGUMENT\fR...] [\fIOPTION\fR...]",
        ".SH DESCRIPTION",
        *paragraphs(group.help or "")[1:],
    ]
    for word, command in group.commands.items():  # type: ignore[attr-defined]
        lines += [f".SH RSVP {word.upper()}", *paragraphs(command.help or "")[1:], *options(command)]
    lines += [
        *(".SH FILES", ".TP", ".I /run/rsvp/control.sock", "The control socket of the daemon."),
        *(".TP", ".I /etc/rsvp.toml", "The configuration in the unit of systemd; see rsvp.toml(5)."),
        *(".SH EXIT STATUS", "0: done. 1: what was asked for failed. 2: wrong usage. 130: interrupted."),
        *(".SH SHELL COMPLETION", r"\fBrsvp \-\-install\-completion\fR, in the shell that it is for."),
        *(".SH SEE ALSO", "rsvp.toml(5), tc(8), nft(8)"),
    ]
    return "\n".join(lines) + "\n"


def keys(kind: type[Checked]) -> list[str]:
    """The keys of one table."""
    lines = []
    for field in keys_of(kind).values():
        default = " Needed." if field.required else ""
        if not field.required and field.default not in (None, ()):
            default = f" Default: {shown(field.name, field.default)}."
        text = KEYS_OF_PROXIES.get((kind, field.name)) or KEYS.get(field.name, "")
        about = f"{description(field)}.{default}"
        lines += [".TP", rf"\fB{field.name}\fR", roff(f"{text} {about[0].upper()}{about[1:]}".strip())]
    return lines


def shown(name: str, value: Any) -> str:
    """A default as one would write it."""
    if value is True or value is False:
        return str(value).lower()
    if value == math.inf:
        return "no limit"
    return format_rate(value) if name in ("bandwidth", "per_flow") else f"{value}"


def configuration_page() -> str:
    """rsvp.toml(5)."""
    example = 'refresh = 30.0\n\n[interfaces.eth0]\nbandwidth = "10mbit"\nreservable = 0.75'
    lines = [
        *(".TH RSVP.TOML 5", ".SH NAME", r"rsvp.toml \- configuration of rsvp daemon", ".SH DESCRIPTION"),
        r"A TOML file for \fBrsvp daemon \-\-config\fR. Every key is optional. A rate with a unit",
        "(500kbit, 10mbit, 1gbit) is in bits, powers of ten; a bare number is bytes/s. An unknown key, a",
        "wrong type or a missing interface is named with its line. SIGHUP reads the file again without",
        "losing state.",
        *(".SH KEYS", *keys(NodeConfig)),
        ".SH KEYS OF AN INTERFACE",
        r"In a table \fB[interfaces.\fINAME\fB]\fR. Where the file names no interface that is enabled,",
        "all are taken.",
        *keys(InterfaceConfig),
        ".SH KEYS OF WHAT IS DONE FOR OTHERS",
        r"In as many tables \fB[[sender]]\fR, \fB[[reservation]]\fR and \fB[[listener]]\fR as there are",
        "flows. SIGHUP adds and removes them; what the file says as before goes on undisturbed.",
        *(".SS [[sender]]", *keys(SenderTable)),
        *(".SS [[reservation]]", *keys(ReservationTable)),
        *(".SS [[listener]]", *keys(ListenerTable)),
        *(".SH EXAMPLE", ".nf", roff(example), ".fi", ".SH SEE ALSO", "rsvp(1)"),
    ]
    return "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Each page's text, by its file."""
    return {PAGES["rsvp.1"]: command_page(), PAGES["rsvp.toml.5"]: configuration_page()}
