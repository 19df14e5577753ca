"""The `rsvp` command: its words, and the one place where errors become sentences and exit statuses.

0: done. 1: what was asked for failed. 2: wrong usage. 130: interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any

import typer

from . import __version__
from .errors import RsvpError

WORDS = (
    *("demo", "daemon", "show", "clear", "log", "send", "reserve", "run"),
    *("sender-host", "reservation-host", "sender", "reservation"),
    *("admit", "decode", "replay", "sim"),
)
"""Each one a function of its own name in a module of its own name, in the order in which help lists them.

What is "-" in a word is "_" in the two names.
"""

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""click's, which typer brings along under different names in different versions."""


def command_line(arguments: Sequence[str]) -> typer.Typer:
    """The `rsvp` command, of its words only the one that is asked for: each brings its modules along."""
    words = arguments[:1] if arguments and arguments[0] in WORDS else WORDS
    app = typer.Typer(
        name="rsvp",
        add_completion=words is WORDS,  # a shell asks without arguments
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(rsvp)
    for word in words:
        name = word.replace("-", "_")
        module = import_module(f".commands.{name}", __package__)
        app.command(word, context_settings=getattr(module, "CONTEXT", None))(getattr(module, name))
    return app


def _version(wanted: bool) -> None:
    if wanted:
        print(f"rsvp {__version__}")
        raise typer.Exit


def rsvp(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """RSVP (RFC 2205): reserve bandwidth for a flow along its path.

    Example: see what a reservation does, without root; then announce a
    flow on one host and reserve for it on the other, with a daemon on each
    router between them.

        rsvp demo

        rsvp daemon

        rsvp send 10.1.0.2:5000 --source 4000 --rate 1mbit

        rsvp reserve 10.1.0.2:5000 --style ff --confirm

        rsvp show reservations
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the result is the exit status."""
    _open_standard_streams()
    words = _with_period(sys.argv[1:] if arguments is None else arguments)
    try:
        status = typer.main.get_command(command_line(words)).main(words, "rsvp", standalone_mode=False)
        sys.stdout.flush()
    except UsageError as error:
        return _usage(error)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        return _unread()
    except SystemExit as end:
        # typer's answer to a pipe that is broken: 1, without a word.
        if isinstance(end.__context__, BrokenPipeError):
            return _unread()
        raise
    except (RsvpError, OSError) as error:
        print(f"rsvp: {_sentence(error)}", file=sys.stderr)
        return 1
    return status if isinstance(status, int) else 0


def _unread() -> int:
    """Whoever reads has seen enough; the flush at exit must not say so again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _open_standard_streams() -> None:
    """Nobody need read what is printed: a stream that was closed (`>&-`) leads nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _with_period(words: Sequence[str]) -> list[str]:
    """`show --watch` may come without its seconds, which typer has no word for."""
    if "show" not in words[:1] or "--watch" not in words:
        return list(words)
    from .commands.show import DEFAULT_PERIOD

    after = list(words[words.index("--watch") + 1 :])
    if not after or not after[0].replace(".", "", 1).isdecimal():
        after = [str(DEFAULT_PERIOD), *after]
    return [*words[: words.index("--watch") + 1], *after]


def _usage(error: Any) -> int:
    """Say what is wrong with the command line, in one sentence."""
    context = error.ctx
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())
        return 2
    message = error.format_message().rstrip(".")
    words = context.command_path if context is not None else "rsvp"
    print(f"rsvp: {message[:1].lower()}{message[1:]} (see {words} --help)", file=sys.stderr)
    return 2


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror.lower()}"
    return str(error)
