"""Protobuf's JSON of messages, with the functions of ``google.protobuf.json_format``::

    from okra import json_format

    text = json_format.MessageToJson(invoice, preserving_proto_field_name=True)
    invoice = json_format.Parse(text, Invoice())

An ``Any`` is written as the message in it, which is one of the project's or of
``google/protobuf``: a message that only occurs within ``Any`` is part of a project when
``[proto] types`` in okra.toml names it.
"""

from __future__ import annotations

import json
import typing
from typing import TypeVar

from . import _fields
from ._json_reader import ParseError, Reader
from ._json_writer import SerializeToJsonError, Writer
from ._message import Message

Parsed = TypeVar("Parsed", bound=Message)

__all__ = [
    "Error",
    "MessageToDict",
    "MessageToJson",
    "Parse",
    "ParseDict",
    "ParseError",
    "SerializeToJsonError",
]

Error = ValueError
"""The base of the errors."""


def MessageToDict(
    message: Message,
    always_print_fields_with_no_presence: bool = False,
    preserving_proto_field_name: bool = False,
    use_integers_for_enums: bool = False,
    *,
    including_default_value_fields: bool = False,
    float_precision: int | None = None,
) -> dict[str, typing.Any]:
    """Returns the JSON of a message as Python has it.

    ``always_print_fields_with_no_presence`` writes fields whose absence is not visible
    with their default values; ``including_default_value_fields`` is its older name.
    ``preserving_proto_field_name`` writes ``unit_price`` and not ``unitPrice``.
    ``float_precision`` is the number of digits of floats.

    Raises ``SerializeToJsonError`` for a value that JSON does not have.
    """
    with_defaults = (
        always_print_fields_with_no_presence or including_default_value_fields
    )
    writer = Writer(
        with_defaults,
        preserving_proto_field_name,
        use_integers_for_enums,
        float_precision,
    )
    written: dict[str, typing.Any] = writer.message(message, 1)
    return written


def MessageToJson(
    message: Message,
    always_print_fields_with_no_presence: bool = False,
    preserving_proto_field_name: bool = False,
    indent: int | None = 2,
    sort_keys: bool = False,
    use_integers_for_enums: bool = False,
    ensure_ascii: bool = True,
    *,
    including_default_value_fields: bool = False,
    float_precision: int | None = None,
) -> str:
    """Returns the JSON text of a message. ``indent``, ``sort_keys`` and ``ensure_ascii``
    are those of ``json.dumps``, the others those of ``MessageToDict``."""
    written = MessageToDict(
        message,
        always_print_fields_with_no_presence,
        preserving_proto_field_name,
        use_integers_for_enums,
        including_default_value_fields=including_default_value_fields,
        float_precision=float_precision,
    )
    return json.dumps(
        written, indent=indent, sort_keys=sort_keys, ensure_ascii=ensure_ascii
    )


def Parse(
    text: str | bytes, message: Parsed, ignore_unknown_fields: bool = False
) -> Parsed:
    """Merges JSON text into a message, and returns the message.

    ``ignore_unknown_fields`` leaves out names that the message does not have, and names
    of enum values that the enum does not have.

    Raises ``ParseError``, which names the field.
    """
    if not isinstance(text, str):
        try:
            text = bytes(text).decode()
        except UnicodeDecodeError as error:
            raise ParseError(f"the JSON text is not valid UTF-8: {error}") from None
    try:
        value = json.loads(text, object_pairs_hook=_distinct, parse_constant=_constant)
    except RecursionError:
        raise ParseError("the JSON text is nested too deep") from None
    except ParseError:
        raise
    except ValueError as error:
        raise ParseError(f"the text is not JSON: {error}") from None
    return ParseDict(value, message, ignore_unknown_fields)


def ParseDict(
    value: typing.Any, message: Parsed, ignore_unknown_fields: bool = False
) -> Parsed:
    """Does as ``Parse`` with JSON as Python has it."""
    path = _fields.table(message).full_name
    Reader(ignore_unknown_fields).message(value, message, path, 1)
    return message


def _distinct(pairs: list[tuple[str, typing.Any]]) -> dict[str, typing.Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ParseError(f"`{twice}` occurs twice in a JSON object")
    return made


def _constant(text: str) -> typing.Any:
    raise ParseError(f"{text} is not JSON; protobuf writes it as a string")
