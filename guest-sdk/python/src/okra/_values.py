"""The values of fields: which are right for a field, and those that hold JSON."""

from __future__ import annotations

import enum
import struct
import typing

from . import _fields, _wire
from ._enums import Enum
from ._fields import Field
from ._wire import DecodeError, EncodeError


class Null(enum.Enum):
    """``okra.NULL``, the JSON null of a field of type ``google.protobuf.Value`` whose
    absence is None. Within lists, dicts and oneofs null is None."""

    NULL = "null"


NULL = Null.NULL


def is_closed(kind: type) -> bool:
    """Whether an enum has no numbers but those that it names."""
    return not issubclass(kind, Enum)


def out_of_range(name: str, value: object) -> EncodeError:
    return EncodeError(f"{name}: {value} is out of range")


_EXPECTED = {"string": "str", "bytes": "bytes", "bool": "bool", "enum": "int"}
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "bytes": (bytes, bytearray, memoryview),
    "bool": (bool, int),
    "enum": (int,),
    "double": (float, int),
    "float": (float, int),
}


def check(message: typing.Any, path: str = "", depth: int = 1) -> None:
    """Raises ``EncodeError`` for the first value that its field cannot have."""
    table = _fields.table(message)
    path = path or table.full_name
    if depth > _wire.MAX_DEPTH:
        raise EncodeError(f"{path}: nested more than {_wire.MAX_DEPTH} deep")
    for field in table.fields:
        value = getattr(message, field.attribute)
        here = f"{path}.{field.name}"
        if field.label == "case":
            if type(value) is field.case_class:
                _check_value(field, value.value, here, depth)
            elif not _is_of_oneof(table, field.oneof, value):
                holders = field._case.rpartition(".")[0]
                where = f"{path}.{field.oneof}"
                raise EncodeError(
                    f"{where}: expected a class of {holders}, got {type(value).__name__}"
                )
        elif field.is_repeated:
            _check_kind(value, (list, tuple), "list", here)
            for index, item in enumerate(value):
                _check_value(field, item, f"{here}[{index}]", depth)
        elif field.label == "map":
            _check_kind(value, (dict,), "dict", here)
            for key, item in value.items():
                _check_value(field.entry[0], key, f"{here}[{key!r}]", depth)
                _check_value(field.entry[1], item, f"{here}[{key!r}]", depth)
        elif value is not None or field.label != "optional":
            _check_value(field, value, here, depth)


def _is_of_oneof(table: _fields.Table, oneof: str, value: object) -> bool:
    cases = table.oneofs[oneof]
    return value is None or any(type(value) is case.case_class for case in cases)


def _check_kind(
    value: object, kinds: tuple[type, ...], expected: str, path: str
) -> None:
    if not isinstance(value, kinds):
        raise EncodeError(f"{path}: expected {expected}, got {type(value).__name__}")


def _check_value(field: Field, value: typing.Any, path: str, depth: int) -> None:
    kind = field.scalar if field.type == "wrapper" else field.type
    if kind in ("message", "group"):
        _check_kind(value, (field.type_class,), field.type_class.__name__, path)
        check(value, path, depth + 1)
    elif kind in _fields.INTEGERS:
        _check_kind(value, (int,), "int", path)
        low, high = _fields.integer_range(kind)
        if not low <= value <= high:
            raise out_of_range(path, value)
    elif kind in _TYPES:
        _check_kind(value, _TYPES[kind], _EXPECTED.get(kind, "float"), path)
        if kind == "string":
            try:
                value.encode()
            except UnicodeEncodeError:
                raise EncodeError(f"{path}: the text has a lone surrogate") from None
    elif kind == "mask":
        _check_kind(value, (list, tuple), "list", path)
        for item in value:
            _check_kind(item, (str,), "str", path)
    else:
        try:
            encode_json(kind, value, depth + 1)
        except (AttributeError, TypeError, ValueError) as error:
            raise EncodeError(f"{path}: {error}") from None


# Struct, Value and ListValue.


def encode_json(kind: str, value: typing.Any, depth: int) -> bytearray:
    """The encoding of a ``struct``, a ``value`` or a ``list``."""
    if depth > _wire.MAX_DEPTH:
        raise EncodeError(f"JSON is nested more than {_wire.MAX_DEPTH} deep")
    out = bytearray()
    if kind == "struct":
        for name, item in value.items():
            text, inner = name.encode(), encode_json("value", item, depth + 1)
            head = b"\x0a" + _wire.varint(len(text)) + text
            entry = head + b"\x12" + _wire.varint(len(inner)) + inner
            out += b"\x0a" + _wire.varint(len(entry)) + entry
    elif kind == "list":
        for item in value:
            inner = encode_json("value", item, depth + 1)
            out += b"\x0a" + _wire.varint(len(inner)) + inner
    elif value is None or value is NULL:
        out += b"\x08\x00"
    elif isinstance(value, bool):
        out += b"\x20\x01" if value else b"\x20\x00"
    elif isinstance(value, (int, float)):
        out += b"\x11" + struct.pack("<d", value)
    elif isinstance(value, str):
        text = value.encode()
        out += b"\x1a" + _wire.varint(len(text)) + text
    elif isinstance(value, dict):
        inner = encode_json("struct", value, depth + 1)
        out += b"\x2a" + _wire.varint(len(inner)) + inner
    elif isinstance(value, (list, tuple)):
        inner = encode_json("list", value, depth + 1)
        out += b"\x32" + _wire.varint(len(inner)) + inner
    else:
        raise TypeError(f"{type(value).__name__} is not a JSON value")
    return out


def merge_json(
    kind: str, data: bytes, place: int, end: int, depth: int, before: typing.Any = None
) -> typing.Any:
    """Decodes a ``struct``, a ``value`` or a ``list``, merged into the one before."""
    if depth > _wire.MAX_DEPTH:
        raise _wire.too_deep()
    value: typing.Any = before
    if kind != "value" and before is None:
        value = {} if kind == "struct" else []
    while place < end:
        tag, place = _wire.read_varint(data, place)
        start, place = place, _wire.skip(data, place, tag, end, depth)
        if tag & 7 == _wire.LENGTH:
            start = _wire.read_varint(data, start)[1]
        if kind == "struct" and tag == 10:
            name, item = _json_entry(data, start, place, depth + 1)
            value[name] = item
        elif kind == "list" and tag == 10:
            value.append(merge_json("value", data, start, place, depth + 1))
        elif kind == "value":
            value = _json_value(tag, data, start, place, depth, value)
    return value


def _json_entry(
    data: bytes, place: int, end: int, depth: int
) -> tuple[str, typing.Any]:
    name, value = "", None
    while place < end:
        tag, place = _wire.read_varint(data, place)
        start, place = place, _wire.skip(data, place, tag, end, depth)
        if tag & 7 == _wire.LENGTH:
            start = _wire.read_varint(data, start)[1]
        if tag == 10:
            name = str(data[start:place], "utf-8")
        elif tag == 18:
            value = merge_json("value", data, start, place, depth, value)
    return name, value


def _json_value(
    tag: int, data: bytes, start: int, end: int, depth: int, before: typing.Any
) -> typing.Any:
    if tag == 8:
        return None
    if tag == 17:
        return struct.unpack_from("<d", data, start)[0]
    if tag == 26:
        return str(data[start:end], "utf-8")
    if tag == 32:
        return _wire.read_varint(data, start)[0] != 0
    if tag == 42:
        fields = before if isinstance(before, dict) else None
        return merge_json("struct", data, start, end, depth + 1, fields)
    if tag == 50:
        items = before if isinstance(before, list) else None
        return merge_json("list", data, start, end, depth + 1, items)
    return before


__all__ = ["NULL", "DecodeError", "Null", "check", "encode_json", "merge_json"]
