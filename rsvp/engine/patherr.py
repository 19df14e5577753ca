"""PathErr: refusals of Paths made here, passed on, or delivered (RFC 2205 section 3.1.7)."""

from __future__ import annotations

from dataclasses import replace

from ..messages import AnyHop, AnySession, Path, PathErr, Sender
from ..objects import AnyObject, ErrorSpec, PolicyData
from .core import Core, forwarded
from .inputs import Received
from .interfaces import LOCAL
from .outputs import PathError
from .psb import PathStateBlock
from .refusals import Refusal
from .reject import Drop, Reject


def answer(core: Core, message: Path, interface: int, refusal: Reject) -> None:
    """Tell the previous hop that sent a Path why it was refused."""
    send(
        core,
        interface,
        message.session,
        message.hop,
        message.sender,
        refusal,
        message.policy,
        message.extra,
    )


def send(
    core: Core,
    interface: int,
    session: AnySession,
    hop: AnyHop,
    sender: Sender | None,
    refusal: Reject,
    policy: tuple[PolicyData, ...] = (),
    extra: tuple[AnyObject, ...] = (),
) -> None:
    """Send a PathErr to the neighbour `hop`, behind an interface."""
    templates = () if sender is None else (sender.template,)
    core.note_refusal(
        Refusal(
            session, "Path", hop.address, interface, templates, refusal.code, refusal.value, refusal.flags
        )
    )
    node = core.own_address(interface, hop.address.version)
    message = PathErr(
        session=session,
        error=ErrorSpec(node, refusal.code, refusal.value, refusal.flags),
        sender=sender,
        policy=policy,
        extra=forwarded(extra),
        send_ttl=core.hop_ttl(interface),
    )
    core.to_neighbor(message, interface, hop.address)


def report(core: Core, psb: PathStateBlock, code: int, value: int) -> None:
    """Tell the application that sends from here of an error found here."""
    assert psb.handle is not None
    session = psb.state.session
    core.note_refusal(Refusal(session, "Path", None, LOCAL, (psb.template,), code, value))
    interface = psb.outgoing[0] if psb.outgoing else next(iter(core.interfaces), 0)
    node = core.own_address(interface, session.destination.version)
    core.out.append(PathError(psb.handle, session, node, code, value, psb.path.sender))


def arrived(core: Core, received: Received, message: PathErr, now: float) -> None:
    """Deliver an error to the sender's application, or pass it on upstream (RFC 2209, PERR)."""
    state = core.find_session(message.session)
    template = message.sender.template if message.sender is not None else None
    found = False
    for psb in list(state.psbs.values()) if state is not None else ():
        # A PathErr comes from downstream, whatever arrives from upstream is no answer to our Path.
        if psb.template != template or psb.local_only or psb.iif == received.interface:
            continue
        found = True
        if psb.handle is not None:
            error = message.error
            core.out.append(
                PathError(
                    psb.handle,
                    psb.state.session,
                    error.node,
                    error.code,
                    error.value,
                    message.sender,
                    message.policy,
                    error.flags,
                )
            )
        else:
            onward = replace(
                message,
                extra=forwarded(message.extra),
                integrity=None,
                flags=0,
                send_ttl=core.hop_ttl(psb.iif),
            )
            core.to_neighbor(onward, psb.iif, psb.path.hop.address)
    if not found:
        raise Drop("PathErr without path state")
