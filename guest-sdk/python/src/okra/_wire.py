"""The parts of the protobuf wire format that do not depend on a message.

A reader is given the bytes, the place where it begins and the place where it ends, and
no length is used before it is compared with that end. A read beyond the last byte raises
``IndexError`` or ``struct.error``, which `_codec` reports as ``DecodeError``.
"""

from __future__ import annotations

import struct

MAX_DEPTH = 100
"""How deep messages may be nested, the outermost one included."""

VARINT, FIXED64, LENGTH, START_GROUP, END_GROUP, FIXED32 = range(6)


class DecodeError(ValueError):
    """Bytes or JSON text that are not a message of the wanted type."""


class EncodeError(ValueError):
    """A message that protobuf cannot write: a field has a value of another type, or one
    that is out of range."""


def truncated() -> DecodeError:
    return DecodeError("the message is truncated")


def too_deep() -> DecodeError:
    return DecodeError(f"messages are nested more than {MAX_DEPTH} deep")


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """Reads a varint of at most ten bytes, and returns it with the place behind it."""
    number = shift = 0
    while shift < 70:
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, place
        shift += 7
    raise DecodeError("a varint has more than ten bytes")


def varint(number: int) -> bytes:
    """The bytes of a varint. ``number`` is not negative."""
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)


def skip(data: bytes, place: int, tag: int, end: int, depth: int) -> int:
    """Returns the place behind the value of a field that is not known."""
    kind = tag & 7
    if not 8 <= tag < 1 << 32:
        raise DecodeError(f"field number {tag >> 3} is not valid")
    if kind == VARINT:
        place = read_varint(data, place)[1]
    elif kind == LENGTH:
        length, place = read_varint(data, place)
        place += length
    elif kind == FIXED64:
        place += 8
    elif kind == FIXED32:
        place += 4
    elif kind == START_GROUP:
        place = find_group_end(data, place, tag, end, depth)[1]
    else:
        raise DecodeError(f"field {tag >> 3} has wire type {kind}, which is not valid")
    if place > end:
        raise truncated()
    return place


def find_group_end(
    data: bytes, place: int, tag: int, end: int, depth: int
) -> tuple[int, int]:
    """Returns the places before and behind the end tag of a group that has begun."""
    if depth > MAX_DEPTH:
        raise too_deep()
    while place < end:
        before = place
        inner, place = read_varint(data, place)
        if inner & 7 == END_GROUP:
            if inner >> 3 != tag >> 3:
                raise DecodeError(
                    f"group {tag >> 3} is closed by the end of {inner >> 3}"
                )
            if place > end:
                break
            return before, place
        place = skip(data, place, inner, end, depth + 1)
    raise truncated()


_FLOAT = struct.Struct("<f")


def pack_float(number: float) -> bytes:
    """The four bytes of a float. What is too large for one becomes infinite."""
    try:
        return _FLOAT.pack(number)
    except OverflowError:
        return _FLOAT.pack(float("inf") if number > 0 else float("-inf"))
