"""The base of all messages: the methods that ``google.protobuf.message.Message`` has."""

from __future__ import annotations

import copy
import typing
from typing import TypeVar

from . import _codec, _fields
from ._fields import Field, Table
from ._values import NULL

Own = TypeVar("Own", bound="Message")


class _Descriptor:
    """``DESCRIPTOR`` of a message or of its class."""

    def __get__(self, message: object, kind: type) -> Table:
        return _fields.table(kind)


class Message:
    """A message of protobuf. The generated dataclasses are subclasses.

    The methods are those of ``google.protobuf.message.Message``, with its names. The
    fields are attributes of the subclass; a oneof is a single attribute, and the methods
    that take the name of a field take those of its cases.
    """

    __slots__ = ()

    DESCRIPTOR: typing.ClassVar[_Descriptor] = _Descriptor()
    """The full name and the fields of the message."""

    def SerializeToString(self, *, deterministic: bool = False) -> bytes:
        """Returns the encoding of the message. Raises ``okra.EncodeError``, which names
        the field, if a value is not right for its field.

        ``deterministic`` sorts the entries of maps.
        """
        message = _sorted(self) if deterministic else self
        return _codec.serialize(message)

    @classmethod
    def FromString(cls: type[Own], data: bytes) -> Own:
        """Returns the message that is encoded. Raises ``okra.DecodeError``."""
        message: Own = _codec.parse(cls, data)
        return message

    def ParseFromString(self, data: bytes) -> int:
        """Becomes the message that is encoded, and returns the number of bytes. Raises
        ``okra.DecodeError``."""
        _replace(self, _codec.parse(type(self), data))
        return len(data)

    def MergeFromString(self, data: bytes) -> int:
        """Merges a message that is encoded into this one, and returns the number of
        bytes. Raises ``okra.DecodeError``."""
        _codec.parse(type(self), data, self)
        return len(data)

    def ByteSize(self) -> int:
        """Returns the length of the encoding."""
        return len(_codec.serialize(self))

    def CopyFrom(self: Own, other: Own) -> None:
        """Becomes a copy of another message of the same type."""
        _check_type(self, other)
        if other is not self:
            _replace(self, copy.deepcopy(other))

    def MergeFrom(self: Own, other: Own) -> None:
        """Takes the fields that are set in another message of the same type: messages
        are merged, lists are joined."""
        _check_type(self, other)
        merge(self, copy.deepcopy(other))

    def Clear(self) -> None:
        """Becomes as a new message."""
        _replace(self, type(self)())

    def HasField(self, name: str) -> bool:
        """Returns whether a field, or some case of a oneof, is set. Raises ``ValueError``
        if the message has no field of this name whose absence is visible."""
        table = _fields.table(self)
        if name in table.oneofs:
            return getattr(self, table.oneofs[name][0].attribute) is not None
        field = table.field(name)
        if not field.has_presence:
            raise ValueError(f"the absence of {field.full_name} is not visible")
        value = getattr(self, field.attribute)
        if field.label == "case":
            return type(value) is field.case_class
        return value is not None

    def ClearField(self, name: str) -> None:
        """Sets a field to its default, or a oneof to none of its cases. Raises
        ``ValueError`` if the message has no field of this name."""
        table = _fields.table(self)
        if name in table.oneofs:
            setattr(self, table.oneofs[name][0].attribute, None)
            return
        field = table.field(name)
        if field.label != "case":
            setattr(self, field.attribute, getattr(type(self)(), field.attribute))
        elif self.HasField(name):
            setattr(self, field.attribute, None)

    def WhichOneof(self, name: str) -> str | None:
        """Returns the name of the field of a oneof that is set. Raises ``ValueError`` if
        the message has no oneof of this name."""
        table = _fields.table(self)
        if name in table.oneofs:
            cases = table.oneofs[name]
            value = getattr(self, cases[0].attribute)
            names = (case.name for case in cases if type(value) is case.case_class)
            return next(names, None)
        # protobuf has a oneof for each `optional` field, with a `_` before its name.
        field = table.fields_by_name.get(name[1:]) if name[:1] == "_" else None
        if field is None or field.label != "optional":
            raise ValueError(f"{table.full_name} has no oneof `{name}`")
        return field.name if self.HasField(field.name) else None

    def ListFields(self) -> list[tuple[Field, typing.Any]]:
        """Returns the fields that are set, with their values, by their numbers."""
        return sorted(set_fields(self), key=lambda pair: pair[0].number)

    def IsInitialized(self) -> bool:
        """Returns True: a required field has a value always."""
        return True


def _check_type(message: object, other: object) -> None:
    if type(other) is not type(message):
        name = type(other).__name__
        raise TypeError(f"expected {type(message).__name__}, got {name}")


def _replace(message: typing.Any, other: typing.Any) -> None:
    for field in _fields.table(message).fields:
        setattr(message, field.attribute, getattr(other, field.attribute))


def is_set(field: Field, value: typing.Any) -> bool:
    """Whether a field with this value of its attribute is written."""
    if field.label == "case":
        return type(value) is field.case_class
    if field.label == "optional":
        return value is not None
    if field.label == "required":
        return True
    return bool(value) or (isinstance(value, float) and str(value)[0] == "-")


def set_fields(message: typing.Any) -> list[tuple[Field, typing.Any]]:
    """The fields that are set, with their values, in the order of the dataclass."""
    found = []
    for field in _fields.table(message).fields:
        value = getattr(message, field.attribute)
        if is_set(field, value):
            found.append((field, value.value if field.label == "case" else value))
    return found


def merge(target: typing.Any, source: typing.Any) -> None:
    """Merges the fields of a message that nothing else holds."""
    for field, value in set_fields(source):
        attribute = field.attribute
        before = getattr(target, attribute)
        if field.label == "case":
            if type(before) is field.case_class:
                value = _merged(field, before.value, value)
            value = field.case_class(value)
        elif field.is_repeated:
            value = [*before, *value]
        elif field.label == "map":
            value = {**before, **value}
        else:
            value = _merged(field, before, value)
        setattr(target, attribute, value)


def _merged(field: Field, before: typing.Any, value: typing.Any) -> typing.Any:
    if before is None or before is NULL:
        return value
    if field.type in ("message", "group"):
        merge(before, value)
        return before
    if field.type in ("list", "mask", "struct", "value"):
        if isinstance(before, list) and isinstance(value, list):
            return [*before, *value]
        if isinstance(before, dict) and isinstance(value, dict):
            return {**before, **value}
    return value


def _sorted(message: Own) -> Own:
    """A copy in which the entries of maps are sorted."""
    made = copy.copy(message)
    for field in _fields.table(message).fields:
        value = getattr(message, field.attribute)
        if value is None:
            continue
        is_message = field.type in ("message", "group")
        if field.label == "map":
            items = sorted(value.items())
            value = {key: _sorted(v) if is_message else v for key, v in items}
        elif field.is_repeated:
            value = [_sorted(v) if is_message else v for v in value]
        elif field.label != "case":
            value = _sorted(value) if is_message else value
        elif type(value) is field.case_class and is_message:
            value = field.case_class(_sorted(value.value))
        setattr(made, field.attribute, value)
    return made
