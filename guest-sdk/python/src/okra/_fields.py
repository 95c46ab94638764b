"""What is known of each message and enum: the tables that generated modules bring.

A row of a table describes a field, its words separated by spaces::

    NUMBER NAME LABEL TYPE [TYPE_NAME] [as=ATTRIBUTE] [json=JSON_NAME]

LABEL is ``implicit``, ``optional``, ``required``, ``repeated``, ``packed``, ``map:KEY``
with the type of the key, or ``case:ONEOF:ATTRIBUTE:CLASS`` of a case of a oneof.
TYPE is a scalar type of protobuf, ``message``, ``group`` or ``enum`` with the full name
of the type, ``wrapper:SCALAR``, ``mask``, ``struct``, ``value`` or ``list``.
Rows are read when a message is first encoded or decoded, so that imports are quick.
"""

from __future__ import annotations

import enum
import functools
import importlib
import keyword
import typing

SIGNED_32 = frozenset({"int32", "sint32", "sfixed32"})
UNSIGNED_32 = frozenset({"uint32", "fixed32"})
SIGNED_64 = frozenset({"int64", "sint64", "sfixed64"})
UNSIGNED_64 = frozenset({"uint64", "fixed64"})
INTEGERS = SIGNED_32 | UNSIGNED_32 | SIGNED_64 | UNSIGNED_64

WRAPPERS = {
    "bool": "BoolValue",
    "bytes": "BytesValue",
    "double": "DoubleValue",
    "float": "FloatValue",
    "int32": "Int32Value",
    "int64": "Int64Value",
    "string": "StringValue",
    "uint32": "UInt32Value",
    "uint64": "UInt64Value",
}
"""The wrapper message of each scalar that has one."""

WELL_KNOWN = {
    "mask": "google.protobuf.FieldMask",
    "struct": "google.protobuf.Struct",
    "value": "google.protobuf.Value",
    "list": "google.protobuf.ListValue",
}
"""The messages of fields whose values are Python's own types."""


def integer_range(scalar: str) -> tuple[int, int]:
    """The lowest and the highest number of a type of integers."""
    bits = 32 if scalar.endswith("32") else 64
    if scalar in UNSIGNED_32 or scalar in UNSIGNED_64:
        return 0, (1 << bits) - 1
    return -(1 << bits - 1), (1 << bits - 1) - 1


class Field:
    """A field of a message, named as in ``google.protobuf.descriptor``."""

    def __init__(self, message: type, row: str) -> None:
        row, _, json = row.partition(" json=")
        number, name, label, kind, *rest = row.split(" ")
        attribute = [word[3:] for word in rest if word.startswith("as=")]
        self.message = message
        self.number = int(number)
        self.name = name
        self.label, _, detail = label.partition(":")
        self.type, _, self.scalar = kind.partition(":")
        self.type_name = rest[0] if rest and "=" not in rest[0] else ""
        self.json_name = json or json_name(name)
        self.attribute = attribute[0] if attribute else name
        self.key = detail if self.label == "map" else ""
        self.oneof = self._case = ""
        if self.label == "case":
            self.oneof, self.attribute, self._case = detail.split(":")
        if self.type == "wrapper":
            self.type_name = f"google.protobuf.{WRAPPERS[self.scalar]}"
        elif self.type in WELL_KNOWN:
            self.type_name = WELL_KNOWN[self.type]

    @property
    def full_name(self) -> str:
        return f"{table(self.message).full_name}.{self.name}"

    @property
    def is_repeated(self) -> bool:
        """Whether it has a list of values; a map is none."""
        return self.label in ("repeated", "packed")

    @property
    def has_presence(self) -> bool:
        """Whether absence is visible."""
        return self.label in ("optional", "required", "case")

    @functools.cached_property
    def case_class(self) -> typing.Any:
        """Of a case of a oneof: the class that holds the value."""
        made: typing.Any = self.message
        for part in self._case.split("."):
            made = getattr(made, part)
        return made

    @functools.cached_property
    def entry(self) -> tuple[Field, Field]:
        """Of a map: the fields of the messages that its entries are."""
        kind = f"{self.type}:{self.scalar}" if self.scalar else self.type
        key = Field(self.message, f"1 {self.name}.key implicit {self.key}")
        value = f"2 {self.name}.value implicit {kind} {self.type_name}".rstrip()
        return key, Field(self.message, value)

    @functools.cached_property
    def type_class(self) -> typing.Any:
        """The class of its messages or enums."""
        # Messages of the SDK hold those of the SDK, though a project may have its own.
        is_own = self.message.__module__.startswith("okra.")
        found = _own_types.get(self.type_name) if is_own else None
        return find(self.type_name) if found is None else found

    def __repr__(self) -> str:
        return f"<field {self.full_name}>"


class Table:
    """What is known of a message, named as in ``google.protobuf.descriptor``."""

    def __init__(self, message: type, full_name: str, rows: tuple[str, ...]) -> None:
        self.message = message
        self.full_name = full_name
        self._rows = rows
        self.codec: typing.Any = None

    @property
    def name(self) -> str:
        """The last part of the full name."""
        return self.full_name.rpartition(".")[2]

    @functools.cached_property
    def fields(self) -> tuple[Field, ...]:
        """In the order of the dataclass: the cases of a oneof stand together."""
        return tuple(Field(self.message, row) for row in self._rows)

    @functools.cached_property
    def fields_by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    @functools.cached_property
    def fields_by_number(self) -> dict[int, Field]:
        return {field.number: field for field in self.fields}

    @functools.cached_property
    def fields_by_json_name(self) -> dict[str, Field]:
        """JSON takes both names."""
        return {
            **self.fields_by_name,
            **{field.json_name: field for field in self.fields},
        }

    @functools.cached_property
    def oneofs(self) -> dict[str, list[Field]]:
        """The cases of each oneof."""
        found: dict[str, list[Field]] = {}
        for field in self.fields:
            if field.label == "case":
                found.setdefault(field.oneof, []).append(field)
        return found

    def field(self, name: str) -> Field:
        """The field of a name. Raises ``ValueError`` if there is none."""
        try:
            return self.fields_by_name[name]
        except KeyError:
            raise ValueError(f"{self.full_name} has no field `{name}`") from None


_types: dict[str, typing.Any] = {}
_own_types: dict[str, typing.Any] = {}


class _EnumNames(typing.NamedTuple):
    """The names of an enum that its class does not tell: a member may be called
    otherwise than in the ``.proto`` file."""

    full_name: str
    members: dict[str, str]
    """The member of each protobuf name that is not its own."""
    names: dict[str, str]
    """The protobuf name of each member that has another."""


_enum_names: dict[type, _EnumNames] = {}


def describe(described: type, full_name: str, *rows: str) -> None:
    """Says which message or enum of protobuf a class is. Generated modules call it.

    A row of an enum is a name and the member that Python calls otherwise, ``mro mro_``,
    or a second name of a member's number: ``OTHER NAME alias``.
    """
    _types[full_name] = described
    if described.__module__.startswith("okra."):
        _own_types[full_name] = described
    if issubclass(described, enum.IntEnum):
        words = [row.split(" ") for row in rows]
        members = {name: member for name, member, *_ in words}
        names = {member: name for name, member, *alias in words if not alias}
        _enum_names[described] = _EnumNames(full_name, members, names)
    else:
        setattr(described, "__okra__", Table(described, full_name, rows))


def table(message: typing.Any) -> Table:
    """The table of a message or of its class. Raises ``TypeError`` for anything else."""
    found = getattr(message, "__okra__", None)
    if not isinstance(found, Table):
        kind = message if isinstance(message, type) else type(message)
        raise TypeError(f"{kind.__name__} is not a message")
    return found


def find(full_name: str) -> typing.Any:
    """The class of a message or an enum of the project. Raises ``KeyError`` for others."""
    if full_name in _types:
        return _types[full_name]
    # A module of `gen` that nothing has imported so far.
    parts = full_name.split(".")[:-1]
    while parts and full_name not in _types:
        names = (part + "_" if keyword.iskeyword(part) else part for part in parts)
        module = ".".join(["gen", *names])
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as missing:
            if not f"{module}.".startswith(f"{missing.name}."):
                raise
        parts.pop()
    return _types[full_name]


def json_name(name: str) -> str:
    """The name that a field has in JSON unless its file gives another one."""
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def enum_full_name(kind: type[enum.IntEnum]) -> str:
    """The full name of an enum."""
    return _enum_names[kind].full_name


def enum_name(kind: type[enum.IntEnum], number: int) -> str | None:
    """The protobuf name of a number; None if it has none."""
    try:
        member = kind(number).name
    except ValueError:
        return None
    if member not in kind.__members__:
        return None
    return _enum_names[kind].names.get(member, member)


def enum_number(kind: type[enum.IntEnum], name: str) -> int | None:
    """The number of a protobuf name; None if the enum lacks it."""
    names = _enum_names[kind]
    member = names.members.get(name)
    if member is None and name not in names.names:
        member = name
    found = kind.__members__.get(member or "")
    return None if found is None else int(found)
