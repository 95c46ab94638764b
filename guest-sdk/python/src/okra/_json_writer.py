"""From messages to protobuf's JSON."""

from __future__ import annotations

import base64
import datetime
import math
import struct
import typing

from . import _codec, _fields, _values, _wire
from ._fields import Field
from ._message import is_set

MAX_SECONDS = 315_576_000_000
"""Of a duration: about 10,000 years."""
FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999."""

_EPOCH = datetime.datetime(1970, 1, 1)


class SerializeToJsonError(ValueError):
    """A message that protobuf's JSON cannot write."""


class Writer:
    """Writes messages with the options of ``MessageToDict``."""

    def __init__(
        self,
        with_defaults: bool,
        is_proto_named: bool,
        has_enum_numbers: bool,
        precision: int | None,
    ) -> None:
        self.with_defaults = with_defaults
        self.is_proto_named = is_proto_named
        self.has_enum_numbers = has_enum_numbers
        self.precision = precision

    def message(self, message: typing.Any, depth: int) -> typing.Any:
        """The JSON of a message."""
        if depth > _wire.MAX_DEPTH:
            raise SerializeToJsonError(
                f"messages are nested more than {_wire.MAX_DEPTH} deep"
            )
        table = _fields.table(message)
        special = _SPECIAL.get(table.full_name)
        if special:
            return special(self, message, depth)
        written = {}
        for field in table.fields:
            value = getattr(message, field.attribute)
            if not is_set(field, value):
                if field.has_presence or not self.with_defaults:
                    continue
            elif field.label == "case":
                value = value.value
            name = field.name if self.is_proto_named else field.json_name
            written[name] = self.field(field, value, depth)
        return written

    def field(self, field: Field, value: typing.Any, depth: int) -> typing.Any:
        try:
            if field.is_repeated:
                return [self.value(field, item, depth) for item in value]
            if field.label == "map":
                key, item = field.entry
                return {
                    self.key(key, name): self.value(item, of, depth)
                    for name, of in value.items()
                }
            return self.value(field, value, depth)
        except (AttributeError, TypeError, ValueError) as error:
            if isinstance(error, SerializeToJsonError):
                raise
            raise SerializeToJsonError(f"{field.full_name}: {error}") from None

    def key(self, field: Field, key: typing.Any) -> str:
        if field.type == "bool":
            return "true" if key else "false"
        return str(key)

    def value(self, field: Field, value: typing.Any, depth: int) -> typing.Any:
        kind = field.scalar if field.type == "wrapper" else field.type
        if kind in ("message", "group"):
            return self.message(value, depth + 1)
        if kind == "enum":
            return self.enum(field, value)
        if kind in _fields.INTEGERS:
            number = int(value)
            return number if kind.endswith("32") else str(number)
        if kind == "bool":
            return bool(value)
        if kind in ("double", "float"):
            return self.number(kind, value)
        if kind == "bytes":
            return base64.b64encode(value).decode()
        if kind == "mask":
            return mask_text(value)
        if kind in ("struct", "value", "list"):
            return self.json(value, field.full_name, depth)
        if not isinstance(value, str):
            raise TypeError(f"expected str, got {type(value).__name__}")
        return value

    def enum(self, field: Field, value: int) -> typing.Any:
        kind = field.type_class
        if _fields.enum_full_name(kind) == "google.protobuf.NullValue":
            return None
        name = None if self.has_enum_numbers else _fields.enum_name(kind, value)
        return int(value) if name is None else name

    def number(self, kind: str, value: float) -> typing.Any:
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        if self.precision is not None:
            return float(f"{value:.{self.precision}g}")
        return shortest_float(value) if kind == "float" else float(value)

    def json(self, value: typing.Any, path: str, depth: int) -> typing.Any:
        """A JSON value, checked: NaN is none."""
        if depth > _wire.MAX_DEPTH:
            raise SerializeToJsonError(
                f"{path}: JSON is nested more than {_wire.MAX_DEPTH} deep"
            )
        if value is None or value is _values.NULL:
            return None
        if isinstance(value, (bool, str)):
            return value
        if isinstance(value, (int, float)):
            if not math.isfinite(value):
                raise SerializeToJsonError(f"{path}: {value} is not a JSON number")
            whole = float(value)
            return int(whole) if whole.is_integer() and abs(whole) < 2**53 else whole
        if isinstance(value, dict):
            return {
                name: self.json(item, path, depth + 1) for name, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.json(item, path, depth + 1) for item in value]
        raise SerializeToJsonError(
            f"{path}: {type(value).__name__} is not a JSON value"
        )

    def any(self, message: typing.Any, depth: int) -> typing.Any:
        if not message.type_url and not message.value:
            return {}
        name = message.TypeName()
        if "/" not in message.type_url or not name:
            raise SerializeToJsonError(
                f"`{message.type_url}` is not the URL of a type, such as "
                "type.googleapis.com/google.rpc.BadRequest"
            )
        try:
            kind = _fields.find(name)
        except KeyError:
            raise SerializeToJsonError(
                f"`{name}` is not a message of this project: name it in `types` of "
                "[proto] in okra.toml"
            ) from None
        inner = self.message(_codec.parse(kind, message.value), depth + 1)
        if name in _SPECIAL:
            return {"@type": message.type_url, "value": inner}
        return {"@type": message.type_url, **inner}


def shortest_float(value: float) -> float:
    """The number with the fewest digits that is the same float of four bytes."""
    packed = _wire.pack_float(value)
    for digits in range(6, 10):
        short = float(f"{value:.{digits}g}")
        if _wire.pack_float(short) == packed:
            return short
    return float(struct.unpack("<f", packed)[0])


def mask_text(paths: list[str]) -> str:
    """The JSON of a field mask: paths in lowerCamelCase, separated by commas."""
    written = []
    for path in paths:
        camel = _fields.json_name(path)
        if _snake(camel) != path:
            raise SerializeToJsonError(
                f"the path `{path}` of a field mask is not in snake_case"
            )
        written.append(camel)
    return ",".join(written)


def _snake(camel: str) -> str:
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in camel)


def _fraction(nanos: int) -> str:
    """Nanoseconds as a fraction of 0, 3, 6 or 9 digits."""
    if not nanos:
        return ""
    digits = f"{nanos:09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}"


def timestamp_text(seconds: int, nanos: int) -> str:
    """The text of a timestamp, as RFC 3339 has it."""
    if not FIRST_SECOND <= seconds <= LAST_SECOND or not 0 <= nanos < 10**9:
        raise SerializeToJsonError(
            f"a timestamp of {seconds} s and {nanos} ns is not within the years 1 to 9999"
        )
    when = _EPOCH + datetime.timedelta(seconds=seconds)
    return f"{when.isoformat()}{_fraction(nanos)}Z"


def duration_text(seconds: int, nanos: int) -> str:
    """The text of a duration, such as ``-1.500s``."""
    is_mixed = seconds * nanos < 0
    if abs(seconds) > MAX_SECONDS or abs(nanos) >= 10**9 or is_mixed:
        raise SerializeToJsonError(
            f"a duration of {seconds} s and {nanos} ns is out of range"
        )
    sign = "-" if seconds < 0 or nanos < 0 else ""
    return f"{sign}{abs(seconds)}{_fraction(abs(nanos))}s"


def _wrapped(writer: Writer, message: typing.Any, depth: int) -> typing.Any:
    field = _fields.table(message).fields[0]
    return writer.field(field, message.value, depth)


_SPECIAL: dict[str, typing.Callable[[Writer, typing.Any, int], typing.Any]] = {
    "google.protobuf.Any": Writer.any,
    "google.protobuf.Timestamp": lambda _, it, __: timestamp_text(it.seconds, it.nanos),
    "google.protobuf.Duration": lambda _, it, __: duration_text(it.seconds, it.nanos),
    "google.protobuf.FieldMask": lambda _, it, __: mask_text(it.paths),
    "google.protobuf.Empty": lambda _, __, ___: {},
    "google.protobuf.Struct": lambda writer, it, depth: writer.json(
        it.fields, "google.protobuf.Struct", depth
    ),
    "google.protobuf.ListValue": lambda writer, it, depth: writer.json(
        it.values, "google.protobuf.ListValue", depth
    ),
    "google.protobuf.Value": lambda writer, it, depth: writer.json(
        it.value, "google.protobuf.Value", depth
    ),
    **{f"google.protobuf.{name}": _wrapped for name in _fields.WRAPPERS.values()},
}
