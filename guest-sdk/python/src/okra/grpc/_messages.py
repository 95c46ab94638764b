"""protobuf's message classes, as protoc's generator for Python makes them: views of the
SDK's messages, with fields of oneofs as attributes, and messages that are there as soon
as something is set in them."""

from __future__ import annotations

import copy
import datetime
import enum
import typing

from .. import _fields, _message, _values, _well_known
from .._fields import Field
from .._json_reader import parse_duration, parse_timestamp
from .._json_writer import duration_text, timestamp_text
from ._containers import Map, Repeated, Touch

_ZERO: dict[str, typing.Any] = {
    "bool": False,
    "bytes": b"",
    "double": 0.0,
    "float": 0.0,
    "string": "",
}
_OWN = {"mask": "paths", "struct": "fields", "list": "values", "value": "value"}


def zero(field: Field) -> typing.Any:
    """What a scalar or an enum is when it is absent."""
    if field.type == "enum":
        numbers = [int(member) for member in field.type_class]
        return numbers[0] if _values.is_closed(field.type_class) else 0
    return _ZERO.get(field.type, 0)


class EnumType:
    """An enum as protoc makes it: its values are numbers."""

    def __init__(self, kind: type[enum.IntEnum]) -> None:
        self._kind = kind

    def Name(self, number: int) -> str:
        name = _fields.enum_name(self._kind, number)
        if name is None:
            raise ValueError(f"{self._kind.__name__} has no name for {number}")
        return name

    def Value(self, name: str) -> int:
        number = _fields.enum_number(self._kind, name)
        if number is None:
            raise ValueError(f"{self._kind.__name__} has no value `{name}`")
        return number

    def keys(self) -> list[str]:
        return [name for name, _ in self.items()]

    def values(self) -> list[int]:
        return [number for _, number in self.items()]

    def items(self) -> list[tuple[str, int]]:
        return [(self.Name(member), int(member)) for member in self._kind]

    def __getattr__(self, name: str) -> int:
        number = None if name[:2] == "__" else _fields.enum_number(self._kind, name)
        if number is None:
            raise AttributeError(f"{self._kind.__name__} has no value `{name}`")
        return number


def type_of(full_name: str) -> typing.Any:
    """The class of a message, or the type of an enum. Raises ``KeyError``."""
    found = _fields.find(full_name)
    return EnumType(found) if issubclass(found, enum.IntEnum) else message_class(found)


def attribute(scope: str, name: str) -> typing.Any:
    """What a package, or a message, has of this name: a message, an enum, or a value of
    one of its enums."""
    full_name = f"{scope}.{name}" if scope else name
    try:
        if not name.startswith("__"):
            return type_of(full_name)
    except KeyError:
        pass
    for other, kind in list(_fields._types.items()):
        if other.rpartition(".")[0] == scope and issubclass(kind, enum.IntEnum):
            number = _fields.enum_number(kind, name)
            if number is not None:
                return number
    raise AttributeError(f"`{scope}` has no `{name}`")


class _Kind(type):
    """The type of the classes: nested types are attributes."""

    def __getattr__(cls, name: str) -> typing.Any:
        kind = cls.__dict__.get("_type")
        if kind is None:
            raise AttributeError(name)
        return attribute(_fields.table(kind).full_name, name)


class _Descriptor:
    """``DESCRIPTOR`` of a message or of its class."""

    def __get__(self, view: object, kind: typing.Any) -> _fields.Table:
        return _fields.table(kind._type)


class Message(metaclass=_Kind):
    """Base of protobuf's message classes."""

    DESCRIPTOR: typing.ClassVar[_Descriptor] = _Descriptor()
    _type: typing.ClassVar[typing.Any]

    def __init__(self, **fields: typing.Any) -> None:
        self._message = self._type()
        self._attach: Touch | None = None
        for name, value in fields.items():
            if value is not None:
                self._assign(_fields.table(self._type).field(name), value)

    @classmethod
    def _of(cls, message: typing.Any, attach: Touch | None = None) -> typing.Any:
        made = cls.__new__(cls)
        made._message, made._attach = message, attach
        return made

    @classmethod
    def _copied(cls, value: typing.Any) -> typing.Any:
        """The SDK's message of a value that a field takes."""
        if isinstance(value, dict):
            return cls(**value)._message
        if not isinstance(value, cls):
            raise TypeError(f"expected {cls.__name__}, got {type(value).__name__}")
        return copy.deepcopy(value._message)

    def _touch(self) -> None:
        if self._attach is not None:
            self._attach()

    def _assign(self, field: Field, value: typing.Any) -> None:
        """Sets a field to what the constructor takes for it."""
        if field.is_repeated:
            getattr(self, field.name).extend(value)
        elif field.label == "map":
            entries = getattr(self, field.name)
            for key, item in value.items():
                if entries._kind is None:
                    entries[key] = item
                else:
                    entries._items[key] = entries._kind._copied(item)
        elif is_message(field):
            child = getattr(self, field.name)
            if isinstance(child, Struct) and isinstance(value, dict):
                child.update(value)
            else:
                child._become(child._copied(value))
            child._touch()
        else:
            setattr(self, field.name, value)

    def _become(self, message: typing.Any) -> None:
        for field in _fields.table(message).fields:
            setattr(self._message, field.attribute, getattr(message, field.attribute))
        if isinstance(message, _well_known.Value):
            self._message.value = message.value

    def __setattr__(self, name: str, value: typing.Any) -> None:
        if not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(f"{type(self).__name__} has no field `{name}`")
        super().__setattr__(name, value)

    def SerializeToString(self, *, deterministic: bool = False) -> bytes:
        encoded: bytes = self._message.SerializeToString(deterministic=deterministic)
        return encoded

    SerializePartialToString = SerializeToString

    def ByteSize(self) -> int:
        return len(self.SerializeToString())

    @classmethod
    def FromString(cls, data: bytes) -> typing.Any:
        return cls._of(cls._type.FromString(data))

    def ParseFromString(self, data: bytes) -> int:
        self._become(self._type.FromString(data))
        self._touch()
        return len(data)

    def MergeFromString(self, data: bytes) -> int:
        self._message.MergeFromString(data)
        self._touch()
        return len(data)

    def CopyFrom(self, other: typing.Any) -> None:
        if other is not self:
            self._become(self._copied(other))
        self._touch()

    def MergeFrom(self, other: typing.Any) -> None:
        _message.merge(self._message, self._copied(other))
        self._touch()

    def Clear(self) -> None:
        self._become(self._type())
        self._touch()

    def HasField(self, name: str) -> bool:
        return bool(self._message.HasField(name))

    def ClearField(self, name: str) -> None:
        self._message.ClearField(name)
        self._touch()

    def WhichOneof(self, name: str) -> str | None:
        found: str | None = self._message.WhichOneof(name)
        return found

    def ListFields(self) -> list[tuple[Field, typing.Any]]:
        fields = self._message.ListFields()
        return [(field, getattr(self, field.name)) for field, _ in fields]

    def IsInitialized(self) -> bool:
        return True

    def SetInParent(self) -> None:
        self._touch()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return bool(self._message == other._message)

    __hash__ = None  # type: ignore[assignment]

    def __deepcopy__(self, memo: typing.Any) -> typing.Any:
        return type(self)._of(copy.deepcopy(self._message))

    def __str__(self) -> str:
        return text_of(self, "")

    def __repr__(self) -> str:
        return str(self)


def text_of(message: Message, indent: str) -> str:
    """The text format of a message, with a field a line."""
    lines = []
    for field, value in message.ListFields():
        entries = value if field.is_repeated else [value]
        if field.label == "map":
            entries = [f"{key!r}: {item!r}" for key, item in value.items()]
        for entry in entries:
            if isinstance(entry, Message):
                inner = text_of(entry, indent + "  ")
                lines.append(f"{indent}{field.name} {{\n{inner}{indent}}}\n")
            elif field.type == "enum" and field.label != "map":
                name = _fields.enum_name(field.type_class, entry) or entry
                lines.append(f"{indent}{field.name}: {name}\n")
            else:
                shown = f'"{entry}"' if field.type == "string" else repr(entry)
                lines.append(f"{indent}{field.name}: {shown}\n")
    return "".join(lines)


def is_message(field: Field) -> bool:
    """Whether protoc has a class for its values."""
    return field.type in ("message", "group", "wrapper") or field.type in _OWN


_classes: dict[type, typing.Any] = {}


def message_class(kind: type) -> typing.Any:
    """protobuf's class for a class of the SDK."""
    if kind not in _classes:
        full_name = _fields.table(kind).full_name
        base = _BASES.get(full_name, Message)
        body: dict[str, typing.Any] = {"_type": kind, "__module__": kind.__module__}
        for field in _fields.table(kind).fields:
            if full_name != "google.protobuf.Struct":
                body[field.name] = _property(field)
        for field in _fields.table(kind).fields:
            body[f"{field.name.upper()}_FIELD_NUMBER"] = field.number
        _classes[kind] = _Kind(full_name.rpartition(".")[2], (base,), body)
    return _classes[kind]


def prepare(full_names: list[str]) -> None:
    """Makes the classes of these messages and of all that they hold."""
    kinds = [_fields.find(name) for name in full_names]
    done: set[type] = set()
    while kinds:
        kind = kinds.pop()
        if kind not in done:
            done.add(kind)
            message_class(kind)
            inner = (field for field in _fields.table(kind).fields if is_message(field))
            kinds += [field.type_class for field in inner]


def _property(field: Field) -> property:
    if field.is_repeated:
        return property(lambda self: _repeated(self, field))
    if field.label == "map":
        return property(lambda self: _map(self, field))
    if is_message(field):
        return property(lambda self: _child(self, field))
    return property(
        lambda self: _scalar(self, field),
        lambda self, value: _set_scalar(self, field, value),
    )


def _scalar(view: Message, field: Field) -> typing.Any:
    value = getattr(view._message, field.attribute)
    if field.label == "case":
        value = value.value if type(value) is field.case_class else None
    if value is None:
        return zero(field)
    return int(value) if field.type == "enum" else value


def _set_scalar(view: Message, field: Field, value: typing.Any) -> None:
    _store(view, field, _checked(field, value))


def _checked(field: Field, value: typing.Any) -> typing.Any:
    """A value as the SDK's message has it. Raises ``TypeError`` and ``ValueError`` as
    protobuf's setters do."""
    if field.type == "enum":
        if isinstance(value, str):
            value = EnumType(field.type_class).Value(value)
        return field.type_class(value)
    if field.type == "bytes" and isinstance(value, str):
        raise TypeError(f"{field.full_name}: expected bytes, got str")
    if field.type == "string" and isinstance(value, bytes):
        value = value.decode()
    if field.type in ("double", "float") and isinstance(value, int):
        value = float(value)
    try:
        _values._check_value(field, value, field.full_name, 1)
    except ValueError as error:
        kind = ValueError if "out of range" in str(error) else TypeError
        raise kind(str(error)) from None
    return value


def _store(view: Message, field: Field, value: typing.Any) -> None:
    value = field.case_class(value) if field.label == "case" else value
    setattr(view._message, field.attribute, value)
    view._touch()


def _child(view: Message, field: Field) -> typing.Any:
    """The message of a field. One that is absent is set once something is set in it."""
    kind = message_class(field.type_class)
    value = getattr(view._message, field.attribute)
    if field.label == "case":
        value = value.value if type(value) is field.case_class else None
    own = _OWN.get(field.type, "value" if field.type == "wrapper" else "")
    if not own:
        held = field.type_class() if value is None else value
    elif value is None:
        held = field.type_class()
    else:
        held = field.type_class(value)

    def attach() -> None:
        _store(view, field, getattr(held, own) if own else held)

    return kind._of(held, attach)


def _repeated(view: Message, field: Field) -> Repeated:
    items = getattr(view._message, field.attribute)
    is_view = field.type in ("message", "group")
    kind = message_class(field.type_class) if is_view else None
    return Repeated(items, view._touch, kind)


def _map(view: Message, field: Field) -> Map:
    items = getattr(view._message, field.attribute)
    value = field.entry[1]
    is_view = value.type in ("message", "group")
    kind = message_class(value.type_class) if is_view else None
    return Map(items, view._touch, kind, zero(value))


class Timestamp(Message):
    """``google.protobuf.Timestamp``, with the methods that protobuf gives it."""

    def GetCurrentTime(self) -> None:
        self._become(_well_known.Timestamp.now())
        self._touch()

    def ToDatetime(self, tzinfo: datetime.tzinfo | None = None) -> datetime.datetime:
        when: datetime.datetime = self._message.to_datetime()
        return when.astimezone(tzinfo) if tzinfo else when.replace(tzinfo=None)

    def FromDatetime(self, when: datetime.datetime) -> None:
        # Without a time zone it is UTC here.
        aware = when if when.tzinfo else when.replace(tzinfo=datetime.timezone.utc)
        self._become(_well_known.Timestamp.from_datetime(aware))
        self._touch()

    def ToSeconds(self) -> int:
        return int(self._message.seconds)

    def FromSeconds(self, seconds: int) -> None:
        self._become(_well_known.Timestamp(seconds))
        self._touch()

    def ToMilliseconds(self) -> int:
        return self.ToNanoseconds() // 1_000_000

    def FromMilliseconds(self, millis: int) -> None:
        self.FromNanoseconds(millis * 1_000_000)

    def ToNanoseconds(self) -> int:
        return int(self._message.seconds * 10**9 + self._message.nanos)

    def FromNanoseconds(self, nanos: int) -> None:
        self._become(_well_known.Timestamp(*divmod(nanos, 10**9)))
        self._touch()

    def ToJsonString(self) -> str:
        return timestamp_text(self._message.seconds, self._message.nanos)

    def FromJsonString(self, text: str) -> None:
        self._become(_well_known.Timestamp(*parse_timestamp(text, "Timestamp")))
        self._touch()


class Duration(Message):
    """``google.protobuf.Duration``, with the methods that protobuf gives it."""

    def ToTimedelta(self) -> datetime.timedelta:
        delta: datetime.timedelta = self._message.to_timedelta()
        return delta

    def FromTimedelta(self, delta: datetime.timedelta) -> None:
        self._become(_well_known.Duration.from_timedelta(delta))
        self._touch()

    def ToSeconds(self) -> int:
        return int(self._message.seconds)

    def FromSeconds(self, seconds: int) -> None:
        self._become(_well_known.Duration(seconds))
        self._touch()

    def ToMilliseconds(self) -> int:
        return int(self.ToNanoseconds() / 1_000_000)

    def FromMilliseconds(self, millis: int) -> None:
        self.FromNanoseconds(millis * 1_000_000)

    def ToNanoseconds(self) -> int:
        return int(self._message.seconds * 10**9 + self._message.nanos)

    def FromNanoseconds(self, nanos: int) -> None:
        sign = -1 if nanos < 0 else 1
        seconds, rest = divmod(abs(nanos), 10**9)
        self._become(_well_known.Duration(sign * seconds, sign * rest))
        self._touch()

    def ToJsonString(self) -> str:
        return duration_text(self._message.seconds, self._message.nanos)

    def FromJsonString(self, text: str) -> None:
        self._become(_well_known.Duration(*parse_duration(text, "Duration")))
        self._touch()


class Any(Message):
    """``google.protobuf.Any``, with the methods that protobuf gives it."""

    def Pack(
        self, message: Message, type_url_prefix: str = "type.googleapis.com/"
    ) -> None:
        self._message.Pack(message._message, type_url_prefix)
        self._touch()

    def Unpack(self, message: Message) -> bool:
        is_unpacked = bool(self._message.Unpack(message._message))
        if is_unpacked:
            message._touch()
        return is_unpacked

    def Is(self, descriptor: typing.Any) -> bool:
        kind = getattr(descriptor, "_type", descriptor)
        return bool(self._message.Is(kind))

    def TypeName(self) -> str:
        return str(self._message.TypeName())


class Struct(Message):
    """``google.protobuf.Struct``: a dict of JSON values."""

    def __getitem__(self, name: str) -> typing.Any:
        return self._message.fields[name]

    def __setitem__(self, name: str, value: typing.Any) -> None:
        self._message.fields[name] = value
        self._touch()

    def __delitem__(self, name: str) -> None:
        del self._message.fields[name]

    def __contains__(self, name: object) -> bool:
        return name in self._message.fields

    def __len__(self) -> int:
        return len(self._message.fields)

    def __iter__(self) -> typing.Iterator[str]:
        return iter(self._message.fields)

    def keys(self) -> typing.Any:
        return self._message.fields.keys()

    def values(self) -> typing.Any:
        return self._message.fields.values()

    def items(self) -> typing.Any:
        return self._message.fields.items()

    def update(self, fields: dict[str, typing.Any]) -> None:
        self._message.fields.update(fields)
        self._touch()


_BASES: dict[str, type[Message]] = {
    "google.protobuf.Any": Any,
    "google.protobuf.Duration": Duration,
    "google.protobuf.Struct": Struct,
    "google.protobuf.Timestamp": Timestamp,
}

PLAIN: dict[str, str] = {
    "google.protobuf.FieldMask": "paths",
    "google.protobuf.Struct": "fields",
    "google.protobuf.ListValue": "values",
    "google.protobuf.Value": "value",
    **{f"google.protobuf.{name}": "value" for name in _fields.WRAPPERS.values()},
}
"""Messages that handlers have as values of Python, and the field that holds these."""


def wrap(full_name: str, value: typing.Any) -> typing.Any:
    """protobuf's message for what a handler of the SDK is given."""
    kind = _fields.find(full_name)
    if full_name in PLAIN:
        value = kind(value)
    return message_class(kind)._of(value)


def unwrap(full_name: str, view: typing.Any) -> typing.Any:
    """What a handler of the SDK gives for protobuf's message."""
    kind = message_class(_fields.find(full_name))
    if not isinstance(view, kind):
        raise TypeError(f"expected {full_name}, got {type(view).__name__}")
    message = view._message
    return getattr(message, PLAIN[full_name]) if full_name in PLAIN else message
