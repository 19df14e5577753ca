"""Tables of a TOML file whose fields are checked one by one, and the line where a mistake is.

Every kind of table is a `Checked`; the description of a field's type is how a message goes on after
"refresh has to be ...".
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import msgspec

from .errors import ConfigError
from .units import parse_rate

Rate = Annotated[
    float, msgspec.Meta(gt=0, description='a rate above 0, such as "10mbit" or a number of bytes/s')
]
Switch = Annotated[bool, msgspec.Meta(description="true or false")]
Share = Annotated[float, msgspec.Meta(ge=0, le=1, description="a share from 0 to 1")]
Seconds = Annotated[
    float, msgspec.Meta(ge=0.01, le=86400, description="a number of seconds from 0.01 to 86400")
]
Latency = Annotated[
    float, msgspec.Meta(ge=0, le=268, description="a number of seconds from 0 to 268, such as 0.002")
]
Wait = Annotated[float, msgspec.Meta(ge=0, le=3600, description="a number of seconds from 0 to 3600")]
Growth = Annotated[float, msgspec.Meta(gt=0, le=10, description="a share above 0 and up to 10, such as 0.3")]
Count = Annotated[int, msgspec.Meta(ge=1, le=255, description="a whole number from 1 to 255")]
Many = Annotated[int, msgspec.Meta(ge=1, le=10**9, description="a whole number from 1 to 1000000000")]
Messages = Annotated[float, msgspec.Meta(gt=0, description="a number of messages a second above 0")]
CodePoint = Annotated[int, msgspec.Meta(ge=0, le=63, description="a DSCP from 0 to 63")]
Heed = Annotated[
    Literal["entry", "always", "never"], msgspec.Meta(description='"entry", "always" or "never"')
]
Speech = Annotated[
    Literal["heard", "raw", "udp", "both"],
    msgspec.Meta(description='"heard", "raw", "udp" or "both"'),
]
Text = Annotated[str, msgspec.Meta(min_length=1, description="a path in quotes")]
Size = Annotated[int, msgspec.Meta(ge=1 << 16, description="a whole number of bytes, 65536 at the least")]

Name = Annotated[str, msgspec.Meta(min_length=1, description="a name in quotes")]
Addresses = Annotated[
    tuple[str, ...],
    msgspec.Meta(description='a list of addresses, one of each IP version, such as ["192.0.2.1"]'),
]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the file: fields are checked however the table is made."""

    no_keys: ClassVar[frozenset[str]] = frozenset()
    """Fields that are no keys of the table itself; who makes it answers for them."""

    readings: ClassVar[tuple[str, ...]] = ()
    """What is made of the keys, and may be wrong where each is of its kind."""

    def __post_init__(self) -> None:
        """Raises ValueError where a field is out of its range, WrongKey for what it says."""
        for name, field in keys(type(self)).items():
            check(field, getattr(self, name))
        for name in self.readings:
            getattr(self, name)


def keys(kind: type[Checked]) -> dict[str, msgspec.structs.FieldInfo]:
    """The keys that a table of this kind may have."""
    return {field.name: field for field in msgspec.structs.fields(kind) if field.name not in kind.no_keys}


T = TypeVar("T", bound=Checked)


class WrongKey(ValueError):
    """What one key says is right by itself and wrong all the same; the text is a sentence for people."""

    def __init__(self, key: str, sentence: str) -> None:
        super().__init__(f"{key}: {sentence}")
        self.key = key


@dataclass(frozen=True)
class Document:
    """A file's text, and its name in messages."""

    text: str
    file: str

    def read(self) -> dict[str, Any]:
        """All that the file says. Raises ConfigError."""
        try:
            return tomllib.loads(self.text)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(self._syntax_error(str(error))) from None

    def values(
        self, kind: type[Checked], table: dict[str, Any], *path: str | int, also: tuple[str, ...] = ()
    ) -> dict[str, Any]:
        """The checked values of the table at `path`, which is `table` but for the tables in it (`also`).

        Raises ConfigError.
        """
        known = keys(kind)
        values = {}
        for key, value in table.items():
            if key not in known:
                near = difflib.get_close_matches(key, [*known, *also], 1)
                names = f"did you mean {near[0]!r}?" if near else f"known are {', '.join([*known, *also])}"
                raise ConfigError(f"{self.where(*path, key)}: unknown key {key!r}, {names}")
            try:
                values[key] = _read(known[key], value)
            except ValueError as error:
                raise ConfigError(f"{self.where(*path, key)}: {error}") from None
        return values

    def listed(self, kind: type[T], tables: Any, name: str) -> tuple[T, ...]:
        """The tables [[name]], in their order. Raises ConfigError."""
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise ConfigError(f"{self.where(name)}: {name!r} is a list of tables: write [[{name}]]")
        return tuple(self._one(kind, table, name, number) for number, table in enumerate(tables))

    def _one(self, kind: type[T], table: dict[str, Any], name: str, number: int) -> T:
        values = self.values(kind, table, name, number)
        missing = [key for key, field in keys(kind).items() if field.required and key not in values]
        if missing:
            raise ConfigError(f"{self.where(name, number)}: a [[{name}]] needs {missing[0]!r}")
        try:
            return kind(**values)
        except WrongKey as error:
            key = (error.key,) if error.key in table else ()
            raise ConfigError(f"{self.where(name, number, *key)}: {error}") from None

    def where(self, *path: str | int) -> str:
        """ "rsvp.toml, line 4": where the key at `path` is; a number is the place in a list of tables.

        tomllib keeps no positions, so the file is read again up to each line in turn until the key
        is there; this happens only to tell people what is wrong, and in a file of their own size.
        """
        lines = self.text.splitlines(keepends=True)
        begun = 1
        for end in range(1, len(lines) + 1):
            try:
                document = tomllib.loads("".join(lines[:end]))
            except tomllib.TOMLDecodeError:
                continue  # inside a value of several lines
            if _has(document, path):
                return f"{self.file}, line {begun}"
            begun = end + 1
        return self.file

    def _syntax_error(self, message: str) -> str:
        """tomllib's own words, with the place at the front."""
        match = re.fullmatch(r"(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
        if match is None:
            return f"{self.file}: {message}"
        line = match[2] or str(max(1, len(self.text.splitlines())))
        words = match[1]
        return f"{self.file}, line {line}: {words[0].lower()}{words[1:]}"


def _has(value: Any, path: tuple[str | int, ...]) -> bool:
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _read(field: msgspec.structs.FieldInfo, value: Any) -> Any:
    """A value of the file as its field wants it. Raises ValueError."""
    if isinstance(value, str) and description(field).startswith("a rate"):
        try:
            value = parse_rate(value)
        except ValueError as error:
            raise ValueError(f"{field.name}: {error}") from None
    return check(field, value)


def check(field: msgspec.structs.FieldInfo, value: Any) -> Any:
    """The value as its field wants it (an integer becomes a float). Raises ValueError."""
    try:
        found = msgspec.convert(value, field.type)
        if field.type == Addresses and len({ip_address(one).version for one in found}) < len(found):
            raise ValueError
        return found
    except ValueError:
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        raise ValueError(f"{field.name} has to be {description(field)}, not {shown}") from None


def description(field: msgspec.structs.FieldInfo) -> str:
    """What a field has to be, in words."""
    kinds = getattr(field.type, "__args__", ()) if not hasattr(field.type, "__metadata__") else (field.type,)
    for kind in kinds:
        for meta in getattr(kind, "__metadata__", ()):
            return str(meta.description)
    return "of another type"
