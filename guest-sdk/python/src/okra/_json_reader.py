"""From protobuf's JSON to messages."""

from __future__ import annotations

import base64
import binascii
import datetime
import math
import re
import typing

from . import _codec, _fields, _values, _wire
from ._fields import Field
from ._json_writer import FIRST_SECOND, LAST_SECOND, MAX_SECONDS


class ParseError(ValueError):
    """JSON that is not a message of the wanted type."""


LEFT_OUT = object()
"""A name of an enum that it does not have, where unknown fields are ignored."""

_TIMESTAMP = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII
)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


class Reader:
    """Reads JSON as Python has it into messages."""

    def __init__(self, ignores_unknown: bool) -> None:
        self.ignores_unknown = ignores_unknown

    def message(
        self, value: typing.Any, message: typing.Any, path: str, depth: int
    ) -> None:
        """Merges the JSON of a message into one."""
        if depth > _wire.MAX_DEPTH:
            raise ParseError(f"messages are nested more than {_wire.MAX_DEPTH} deep")
        table = _fields.table(message)
        special = _SPECIAL.get(table.full_name)
        if special:
            special(self, value, message, path, depth)
            return
        if not isinstance(value, dict):
            raise ParseError(f"{path}: expected an object, got {_shown(value)}")
        self.fields(value, message, table, path, depth)

    def fields(
        self,
        value: dict[str, typing.Any],
        message: typing.Any,
        table: _fields.Table,
        path: str,
        depth: int,
    ) -> None:
        seen: set[str] = set()
        for name, item in value.items():
            field = table.fields_by_json_name.get(name)
            if field is None:
                if self.ignores_unknown:
                    continue
                raise ParseError(f"{path}: {table.full_name} has no field `{name}`")
            here = f"{path}.{field.name}"
            if field.name in seen:
                raise ParseError(f"{here} occurs twice")
            seen.add(field.name)
            if item is None and not self.is_null_a_value(field):
                if field.label != "case":
                    fresh = getattr(table.message(), field.attribute)
                    setattr(message, field.attribute, fresh)
                continue
            if field.oneof:
                if f"{field.oneof} " in seen:
                    raise ParseError(
                        f"{here}: another field of the oneof `{field.oneof}` is set"
                    )
                seen.add(f"{field.oneof} ")
            self.field(field, item, message, here, depth)
        for field in table.fields:
            if field.label == "required" and field.name not in seen:
                raise ParseError(f"required field `{path}.{field.name}` is missing")

    def is_null_a_value(self, field: Field) -> bool:
        if field.is_repeated or field.label == "map":
            return False
        if field.type == "enum":
            name = _fields.enum_full_name(field.type_class)
            return name == "google.protobuf.NullValue"
        return field.type == "value"

    def field(
        self,
        field: Field,
        value: typing.Any,
        message: typing.Any,
        path: str,
        depth: int,
    ) -> None:
        before = getattr(message, field.attribute)
        if field.is_repeated:
            if not isinstance(value, list):
                raise ParseError(f"{path}: expected an array, got {_shown(value)}")
            for index, item in enumerate(value):
                read = self.item(field, item, f"{path}[{index}]", depth)
                if read is not LEFT_OUT:
                    before.append(read)
        elif field.label == "map":
            if not isinstance(value, dict):
                raise ParseError(f"{path}: expected an object, got {_shown(value)}")
            key_field, value_field = field.entry
            for name, item in value.items():
                here = f"{path}[{name!r}]"
                key = self.key(key_field, name, here)
                read = self.item(value_field, item, here, depth)
                if read is not LEFT_OUT:
                    before[key] = read
        elif field.label == "case":
            held = before.value if type(before) is field.case_class else None
            read = self.value(field, value, path, depth, held)
            if read is not LEFT_OUT:
                setattr(message, field.attribute, field.case_class(read))
        else:
            read = self.value(field, value, path, depth, before)
            if read is None and field.type == "value" and field.label == "optional":
                read = _values.NULL
            if read is not LEFT_OUT:
                setattr(message, field.attribute, read)

    def item(
        self, field: Field, value: typing.Any, path: str, depth: int
    ) -> typing.Any:
        """An item of a list or a map, where null is a value of few types only."""
        is_null_value = field.type == "enum" and (
            _fields.enum_full_name(field.type_class) == "google.protobuf.NullValue"
        )
        if value is None and field.type != "value" and not is_null_value:
            raise ParseError(f"{path}: null is not a value of {field.type}")
        return self.value(field, value, path, depth, None)

    def key(self, field: Field, name: str, path: str) -> typing.Any:
        if field.type == "string":
            return name
        if field.type == "bool":
            if name not in ("true", "false"):
                raise ParseError(f"{path}: `{name}` is neither true nor false")
            return name == "true"
        return self.integer(field.type, name, path)

    def value(
        self,
        field: Field,
        value: typing.Any,
        path: str,
        depth: int,
        before: typing.Any,
    ) -> typing.Any:
        kind = field.scalar if field.type == "wrapper" else field.type
        if kind in ("message", "group"):
            made = field.type_class() if before is None else before
            self.message(value, made, path, depth + 1)
            return made
        if kind == "enum":
            return self.enum(field.type_class, value, path)
        if kind in _fields.INTEGERS:
            return self.integer(kind, value, path)
        if kind in ("double", "float"):
            return self.number(kind, value, path)
        if kind == "bool":
            if not isinstance(value, bool):
                raise ParseError(f"{path}: expected true or false, got {_shown(value)}")
            return value
        if kind == "mask":
            return mask_paths(value, path)
        if kind in ("struct", "value", "list"):
            return self.json(kind, value, path, depth)
        if not isinstance(value, str):
            raise ParseError(f"{path}: expected a string, got {_shown(value)}")
        if kind == "bytes":
            return decode_base64(value, path)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ParseError(f"{path}: the text has a lone surrogate") from None
        return value

    def enum(self, kind: typing.Any, value: typing.Any, path: str) -> typing.Any:
        name = _fields.enum_full_name(kind)
        if value is None and name == "google.protobuf.NullValue":
            return kind(0)
        if isinstance(value, str) and not _INTEGER.fullmatch(value):
            number = _fields.enum_number(kind, value)
            if number is None:
                if self.ignores_unknown:
                    return LEFT_OUT
                raise ParseError(f"{path}: {name} has no value `{value}`")
            return kind(number)
        number = self.integer("int32", value, path)
        try:
            return kind(number)
        except ValueError:
            if self.ignores_unknown:
                return LEFT_OUT
            raise ParseError(f"{path}: {name} has no value {number}") from None

    def integer(self, kind: str, value: typing.Any, path: str) -> int:
        number = value
        if isinstance(value, str):
            if _INTEGER.fullmatch(value):
                # Python refuses to convert texts of thousands of digits.
                number = int(value) if len(value) < 100 else 2**99
            elif _NUMBER.fullmatch(value):
                number = float(value)
            else:
                raise ParseError(f"{path}: `{value}` is not an integer")
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        if isinstance(number, bool) or not isinstance(number, int):
            raise ParseError(f"{path}: expected an integer, got {_shown(value)}")
        low, high = _fields.integer_range(kind)
        if not low <= number <= high:
            raise ParseError(f"{path}: {_shown(value)} is out of the range of {kind}")
        return number

    def number(self, kind: str, value: typing.Any, path: str) -> float:
        if isinstance(value, str):
            if value in ("NaN", "Infinity", "-Infinity"):
                return float(value.replace("Infinity", "inf"))
            if not _NUMBER.fullmatch(value):
                raise ParseError(f"{path}: `{value}` is not a number")
        elif isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ParseError(f"{path}: expected a number, got {_shown(value)}")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        # The largest float is the last one that rounds to a finite one.
        limit = 3.4028235677973366e38 if kind == "float" else math.inf
        if math.isinf(number) or abs(number) >= limit:
            if not isinstance(value, float) or math.isfinite(value):
                raise ParseError(
                    f"{path}: {_shown(value)} is out of the range of {kind}"
                )
            # As Python has it; in JSON text it would be a number that is too large.
            raise ParseError(f"{path}: a number is out of the range of {kind}")
        return number

    def json(self, kind: str, value: typing.Any, path: str, depth: int) -> typing.Any:
        """A JSON value, with all numbers as floats."""
        if kind == "struct" and not isinstance(value, dict):
            raise ParseError(f"{path}: expected an object, got {_shown(value)}")
        if kind == "list" and not isinstance(value, list):
            raise ParseError(f"{path}: expected an array, got {_shown(value)}")
        if depth > _wire.MAX_DEPTH:
            raise ParseError(f"{path}: JSON is nested more than {_wire.MAX_DEPTH} deep")
        if isinstance(value, dict):
            return {
                str(name): self.json("value", item, path, depth + 1)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self.json("value", item, path, depth + 1) for item in value]
        if value is None or isinstance(value, (bool, str)):
            return value
        return self.number("double", value, path)

    def any(
        self, value: typing.Any, message: typing.Any, path: str, depth: int
    ) -> None:
        if not isinstance(value, dict):
            raise ParseError(f"{path}: expected an object, got {_shown(value)}")
        if not value:
            message.type_url, message.value = "", b""
            return
        url = value.get("@type")
        if not isinstance(url, str) or not url.rpartition("/")[2] or "/" not in url:
            raise ParseError(f"{path}: `@type` is missing, or is not the URL of a type")
        name = url.rpartition("/")[2]
        try:
            made = _fields.find(name)()
        except KeyError:
            raise ParseError(
                f"{path}: `{name}` is not a message of this project: name it in `types` "
                "of [proto] in okra.toml"
            ) from None
        if name in _SPECIAL:
            rest = {key: item for key, item in value.items() if key != "@type"}
            unknown = [key for key in rest if key != "value"]
            if unknown and not self.ignores_unknown:
                raise ParseError(f"{path}: {name} has no field `{unknown[0]}`")
            if "value" not in rest and name != "google.protobuf.Empty":
                raise ParseError(f"{path}: `value` is missing")
            self.message(rest.get("value", {}), made, path, depth + 1)
        else:
            rest = {key: item for key, item in value.items() if key != "@type"}
            self.message(rest, made, path, depth + 1)
        message.type_url, message.value = url, _codec.serialize(made)


def _shown(value: typing.Any) -> str:
    """A JSON value, short enough for an error."""
    names = {dict: "an object", list: "an array", type(None): "null"}
    if type(value) in names:
        return names[type(value)]
    text = repr(value) if not isinstance(value, bool) else str(value).lower()
    return text if len(text) <= 60 else text[:57] + "..."


def decode_base64(text: str, path: str) -> bytes:
    """Both alphabets, with and without padding."""
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ParseError(f"{path}: the text is not valid base64") from None


def mask_paths(value: typing.Any, path: str) -> list[str]:
    """The paths of a field mask, in snake_case."""
    if not isinstance(value, str):
        raise ParseError(f"{path}: expected a string, got {_shown(value)}")
    if "_" in value:
        raise ParseError(f"{path}: the paths of a field mask are in lowerCamelCase")
    if not value:
        return []
    snake = "".join(f"_{char.lower()}" if char.isupper() else char for char in value)
    return snake.split(",")


def _nanos(digits: str | None) -> int:
    return int((digits or "0").ljust(9, "0"))


def parse_timestamp(value: typing.Any, path: str) -> tuple[int, int]:
    """Seconds and nanoseconds of the text of a timestamp."""
    found = _TIMESTAMP.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ParseError(f"{path}: {_shown(value)} is not a timestamp as of RFC 3339")
    text, digits, zone = found.groups()
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise ParseError(f"{path}: {_shown(value)} is not a timestamp") from None
    seconds = (when - datetime.datetime(1970, 1, 1)) // datetime.timedelta(seconds=1)
    if zone != "Z":
        offset = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        seconds -= offset if zone[0] == "+" else -offset
    if not FIRST_SECOND <= seconds <= LAST_SECOND:
        raise ParseError(f"{path}: {_shown(value)} is not within the years 1 to 9999")
    return seconds, _nanos(digits)


def parse_duration(value: typing.Any, path: str) -> tuple[int, int]:
    """Seconds and nanoseconds of the text of a duration."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ParseError(f"{path}: {_shown(value)} is not a duration, such as 1.5s")
    sign, digits, fraction = found.groups()
    seconds, nanos = int(digits), _nanos(fraction)
    if seconds > MAX_SECONDS:
        raise ParseError(f"{path}: {_shown(value)} is out of range")
    return (-seconds, -nanos) if sign else (seconds, nanos)


def _timestamp(
    _: Reader, value: typing.Any, it: typing.Any, path: str, __: int
) -> None:
    it.seconds, it.nanos = parse_timestamp(value, path)


def _duration(_: Reader, value: typing.Any, it: typing.Any, path: str, __: int) -> None:
    it.seconds, it.nanos = parse_duration(value, path)


def _mask(_: Reader, value: typing.Any, it: typing.Any, path: str, __: int) -> None:
    it.paths = mask_paths(value, path)


def _empty(
    reader: Reader, value: typing.Any, it: typing.Any, path: str, depth: int
) -> None:
    if not isinstance(value, dict) or (value and not reader.ignores_unknown):
        raise ParseError(f"{path}: expected an empty object, got {_shown(value)}")


def _struct(
    reader: Reader, value: typing.Any, it: typing.Any, path: str, depth: int
) -> None:
    it.fields = reader.json("struct", value, path, depth)


def _list(
    reader: Reader, value: typing.Any, it: typing.Any, path: str, depth: int
) -> None:
    it.values = reader.json("list", value, path, depth)


def _value(
    reader: Reader, value: typing.Any, it: typing.Any, path: str, depth: int
) -> None:
    it.value = reader.json("value", value, path, depth)


def _wrapped(
    reader: Reader, value: typing.Any, it: typing.Any, path: str, depth: int
) -> None:
    field = _fields.table(it).fields[0]
    it.value = reader.value(field, value, path, depth, None)


_SPECIAL: dict[
    str, typing.Callable[[Reader, typing.Any, typing.Any, str, int], None]
] = {
    "google.protobuf.Any": Reader.any,
    "google.protobuf.Timestamp": _timestamp,
    "google.protobuf.Duration": _duration,
    "google.protobuf.FieldMask": _mask,
    "google.protobuf.Empty": _empty,
    "google.protobuf.Struct": _struct,
    "google.protobuf.ListValue": _list,
    "google.protobuf.Value": _value,
    **{f"google.protobuf.{name}": _wrapped for name in _fields.WRAPPERS.values()},
}
