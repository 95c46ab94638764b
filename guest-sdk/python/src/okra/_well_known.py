from __future__ import annotations

import dataclasses
import datetime
import time
from typing import Dict, List, TypeVar, Union

from . import _codec, _fields, _values
from ._fields import describe
from ._message import Message

JsonValue = Union[None, bool, float, str, List["JsonValue"], Dict[str, "JsonValue"]]
"""What ``google.protobuf.Value`` holds: ``Struct`` is a dict, ``ListValue`` a list."""

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_MICROSECOND = datetime.timedelta(microseconds=1)

Packed = TypeVar("Packed", bound=Message)


@dataclasses.dataclass(slots=True, order=True)
class Timestamp(Message):
    """``google.protobuf.Timestamp``: a point in time, to the nanosecond.

    ``datetime`` has microseconds and no years beyond 9999, so messages hold this.
    """

    seconds: int = 0
    """Since 1970-01-01T00:00:00Z, negative before it."""
    nanos: int = 0
    """Beyond the seconds, 0 to 999,999,999."""

    @classmethod
    def now(cls) -> Timestamp:
        """The time of the host's clock."""
        seconds, nanos = divmod(time.time_ns(), 1_000_000_000)
        return cls(seconds, nanos)

    @classmethod
    def from_datetime(cls, when: datetime.datetime) -> Timestamp:
        """Of a ``datetime``; without a time zone it is local time, as in Python."""
        micros = (when.astimezone(datetime.timezone.utc) - _EPOCH) // _MICROSECOND
        seconds, micros = divmod(micros, 1_000_000)
        return cls(seconds, micros * 1000)

    def to_datetime(self) -> datetime.datetime:
        """As ``datetime`` in UTC, its nanoseconds cut to microseconds. Raises
        ``OverflowError`` beyond the years 1 to 9999."""
        return _EPOCH + datetime.timedelta(0, self.seconds, self.nanos // 1000)


@dataclasses.dataclass(slots=True)
class Duration(Message):
    """``google.protobuf.Duration``: a length of time, to the nanosecond."""

    seconds: int = 0
    nanos: int = 0
    """Beyond the seconds, of the same sign."""

    @classmethod
    def from_timedelta(cls, delta: datetime.timedelta) -> Duration:
        """Of a ``timedelta``."""
        micros = delta // _MICROSECOND
        sign = -1 if micros < 0 else 1
        seconds, micros = divmod(abs(micros), 1_000_000)
        return cls(sign * seconds, sign * micros * 1000)

    def to_timedelta(self) -> datetime.timedelta:
        """As ``timedelta``, its nanoseconds cut to microseconds."""
        micros = int(self.nanos / 1000)
        return datetime.timedelta(0, self.seconds, micros)


@dataclasses.dataclass(slots=True)
class Any(Message):
    """``google.protobuf.Any``: a message of a type that is named."""

    type_url: str = ""
    """Such as ``type.googleapis.com/google.rpc.BadRequest``."""
    value: bytes = b""
    """The protobuf encoding of the message."""

    def Pack(
        self, message: Message, type_url_prefix: str = "type.googleapis.com/"
    ) -> None:
        """Takes a message and its type. Raises ``okra.EncodeError`` if a value of the
        message is not right for its field."""
        value = message.SerializeToString()
        prefix = type_url_prefix.rstrip("/")
        self.type_url = f"{prefix}/{_fields.table(message).full_name}"
        self.value = value

    def Unpack(self, message: Message) -> bool:
        """Puts what is packed into a message. Returns False, and leaves the message as
        it is, if something of another type is packed. Raises ``okra.DecodeError``."""
        if not self.Is(message):
            return False
        message.ParseFromString(self.value)
        return True

    def Is(self, kind: object) -> bool:
        """Returns whether a message of this type is packed: of a message, of its class,
        or of its ``DESCRIPTOR``."""
        table = kind if isinstance(kind, _fields.Table) else _fields.table(kind)
        return "/" in self.type_url and self.TypeName() == table.full_name

    def TypeName(self) -> str:
        """Returns the full name of the type that is packed."""
        return self.type_url.rpartition("/")[2]

    @classmethod
    def packed(cls, message: Message) -> Any:
        """An ``Any`` with a message in it."""
        made = cls()
        made.Pack(message)
        return made

    def unpacked(self, kind: type[Packed]) -> Packed | None:
        """Returns the message that is packed; None if it is of another type. Raises
        ``okra.DecodeError``."""
        return kind.FromString(self.value) if self.Is(kind) else None


@dataclasses.dataclass(slots=True)
class Empty(Message):
    """``google.protobuf.Empty``."""


# What fields hold as values of Python is a message by itself within `Any` only.


@dataclasses.dataclass(slots=True)
class FieldMask(Message):
    """``google.protobuf.FieldMask``, to be packed. Fields of this type are lists."""

    paths: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Struct(Message):
    """``google.protobuf.Struct``, to be packed. Fields of this type are dicts."""

    fields: dict[str, JsonValue] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(slots=True)
class ListValue(Message):
    """``google.protobuf.ListValue``, to be packed. Fields of this type are lists."""

    values: list[JsonValue] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(slots=True)
class Value(Message):
    """``google.protobuf.Value``, to be packed. Fields of this type are JSON values."""

    value: JsonValue = None


@dataclasses.dataclass(slots=True)
class BoolValue(Message):
    """``google.protobuf.BoolValue``, to be packed. Fields of this type are ``bool``."""

    value: bool = False


@dataclasses.dataclass(slots=True)
class BytesValue(Message):
    """``google.protobuf.BytesValue``, to be packed. Fields of this type are ``bytes``."""

    value: bytes = b""


@dataclasses.dataclass(slots=True)
class StringValue(Message):
    """``google.protobuf.StringValue``, to be packed. Fields of this type are ``str``."""

    value: str = ""


@dataclasses.dataclass(slots=True)
class DoubleValue(Message):
    """``google.protobuf.DoubleValue``, to be packed. Fields of this type are ``float``."""

    value: float = 0.0


@dataclasses.dataclass(slots=True)
class FloatValue(Message):
    """``google.protobuf.FloatValue``, to be packed. Fields of this type are ``float``."""

    value: float = 0.0


@dataclasses.dataclass(slots=True)
class Int32Value(Message):
    """``google.protobuf.Int32Value``, to be packed. Fields of this type are ``int``."""

    value: int = 0


@dataclasses.dataclass(slots=True)
class Int64Value(Message):
    """``google.protobuf.Int64Value``, to be packed. Fields of this type are ``int``."""

    value: int = 0


@dataclasses.dataclass(slots=True)
class UInt32Value(Message):
    """``google.protobuf.UInt32Value``, to be packed. Fields of this type are ``int``."""

    value: int = 0


@dataclasses.dataclass(slots=True)
class UInt64Value(Message):
    """``google.protobuf.UInt64Value``, to be packed. Fields of this type are ``int``."""

    value: int = 0


_TIME = ("1 seconds implicit int64", "2 nanos implicit int32")
describe(Timestamp, "google.protobuf.Timestamp", *_TIME)
describe(Duration, "google.protobuf.Duration", *_TIME)
describe(
    Any,
    "google.protobuf.Any",
    "1 type_url implicit string",
    "2 value implicit bytes",
)
describe(Empty, "google.protobuf.Empty")
describe(FieldMask, "google.protobuf.FieldMask", "1 paths repeated string")
describe(Struct, "google.protobuf.Struct", "1 fields map:string value")
describe(ListValue, "google.protobuf.ListValue", "1 values repeated value")
describe(Value, "google.protobuf.Value")
_WRAPPERS = [BoolValue, BytesValue, StringValue, DoubleValue, FloatValue]
for _wrapper in [*_WRAPPERS, Int32Value, Int64Value, UInt32Value, UInt64Value]:
    _scalar = _wrapper.__name__.removesuffix("Value").lower()
    describe(
        _wrapper, f"google.protobuf.{_wrapper.__name__}", f"1 value implicit {_scalar}"
    )


def _decode_value(
    data: bytes, place: int, end: int, depth: int, into: Value | None = None
) -> Value:
    made = into or Value()
    made.value = _values.merge_json("value", data, place, end, depth, made.value)
    return made


# A oneof whose values are Python's own is no dataclass that a codec is made of.
_codec.codec(Value).encode = lambda message, depth: _values.encode_json(
    "value", message.value, depth
)
_codec.codec(Value).decode = _decode_value
