"""The details that errors usually carry: messages of ``google/rpc/error_details.proto``,
which clients of every language know::

    wrong = okra.details.BadRequest()
    wrong.violation("name", "must not be empty")
    raise okra.InvalidArgument("the request has a mistake", details=[wrong.detail()])

Any other message goes as ``okra.Detail``.
"""

from __future__ import annotations

import dataclasses

from ._errors import Detail
from ._well_known import Duration


@dataclasses.dataclass(slots=True)
class BadRequest:
    """``google.rpc.BadRequest``: which fields of a request are wrong."""

    violations: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    """Paths of fields, such as ``lines[1].unit_price``, and what is wrong with each."""

    def violation(self, field: str, description: str) -> None:
        """Adds a field that is wrong."""
        self.violations.append((field, description))

    def detail(self) -> Detail:
        """As a detail of an error."""
        value = b"".join(_bytes(1, _pair(*pair)) for pair in self.violations)
        return _named("BadRequest", value)


@dataclasses.dataclass(slots=True)
class ErrorInfo:
    """``google.rpc.ErrorInfo``: why a call failed, for programs."""

    reason: str
    """The cause, such as ``CARD_EXPIRED``; unique within the domain."""
    domain: str
    """Whose reason it is, such as ``billing.shop.example``."""
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)

    def detail(self) -> Detail:
        """As a detail of an error."""
        entries = (_bytes(3, _pair(*entry)) for entry in self.metadata.items())
        return _named("ErrorInfo", _pair(self.reason, self.domain) + b"".join(entries))


@dataclasses.dataclass(slots=True)
class RetryInfo:
    """``google.rpc.RetryInfo``: when the call may be tried again."""

    delay: Duration
    """How long to wait at least."""

    def detail(self) -> Detail:
        """As a detail of an error."""
        delay = _number(1, self.delay.seconds) + _number(2, self.delay.nanos)
        return _named("RetryInfo", _bytes(1, delay))


def _named(name: str, value: bytes) -> Detail:
    return Detail(f"type.googleapis.com/google.rpc.{name}", value)


def _pair(first: str, second: str) -> bytes:
    """A message with two strings, fields 1 and 2."""
    return _bytes(1, first.encode()) + _bytes(2, second.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number & (2**64 - 1))


def _varint(number: int) -> bytes:
    written = bytearray()
    while number >= 0x80:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    written.append(number)
    return bytes(written)
