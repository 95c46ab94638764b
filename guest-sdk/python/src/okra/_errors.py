from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable
from typing import ClassVar, TypeVar

from . import _fields
from ._message import Message
from ._metadata import Metadata, Value


class Code(enum.IntEnum):
    """gRPC's status codes but for OK: https://grpc.io/docs/guides/status-codes/."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


@dataclasses.dataclass(slots=True)
class Detail:
    """A typed detail of an error, a ``google.protobuf.Any``.

    ``okra.details`` has those that errors usually carry.
    """

    type_url: str
    """Type of the message in ``value``, such as
    ``type.googleapis.com/google.rpc.BadRequest``."""
    value: bytes
    """The protobuf encoding of the message."""

    @classmethod
    def of(cls, message: Message) -> Detail:
        """A message as a detail. Raises ``okra.EncodeError`` if a value of the message
        is not right for its field."""
        name = _fields.table(message).full_name
        return cls(f"type.googleapis.com/{name}", message.SerializeToString())


OwnDetail = TypeVar("OwnDetail", bound=Message)


class Error(Exception):
    """The error of a call, after gRPC's status model.

    Handlers raise it, and so do calls of other services: one that the handler does not
    catch goes to its caller with code, message and details. Catch it if the caller
    should not learn these. There is a subclass for each code::

        raise okra.NotFound(f"no user {request.user_id}")
    """

    code: Code
    """The kind of the error."""
    message: str
    """Text for developers, which the caller sees; programs must not parse it."""
    details: list[Detail]
    """Typed details, sent as ``grpc-status-details-bin``. A message becomes a detail."""
    metadata: Metadata
    """Trailers of the error."""

    def __init__(
        self,
        code: Code,
        message: str = "",
        *,
        details: Iterable[Detail | Message] = (),
        metadata: Iterable[tuple[str, Value]] = (),
    ) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.details = [
            Detail.of(detail) if isinstance(detail, Message) else detail
            for detail in details
        ]
        self.metadata = Metadata(metadata)

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"

    def detail(self, kind: type[OwnDetail]) -> OwnDetail | None:
        """Returns the first detail of a type, such as ``okra.details.BadRequest``; None
        if there is none. Raises ``okra.DecodeError``."""
        name = _fields.table(kind).full_name
        for detail in self.details:
            if detail.type_url.rpartition("/")[2] == name:
                return kind.FromString(detail.value)
        return None

    @staticmethod
    def of(
        code: Code,
        message: str = "",
        *,
        details: Iterable[Detail | Message] = (),
        metadata: Iterable[tuple[str, Value]] = (),
    ) -> Error:
        """Makes an error of the subclass of a code that is known at run time only."""
        return _BY_CODE[code](message, details=details, metadata=metadata)


class _OfOneCode(Error):
    CODE: ClassVar[Code]

    def __init__(
        self,
        message: str = "",
        *,
        details: Iterable[Detail | Message] = (),
        metadata: Iterable[tuple[str, Value]] = (),
    ) -> None:
        super().__init__(self.CODE, message, details=details, metadata=metadata)

    def __init_subclass__(cls) -> None:
        _BY_CODE[cls.CODE] = cls


_BY_CODE: dict[Code, type[_OfOneCode]] = {}


class Cancelled(_OfOneCode):
    """The call was cancelled, typically by the caller."""

    CODE = Code.CANCELLED


class Unknown(_OfOneCode):
    """The error has no better code."""

    CODE = Code.UNKNOWN


class InvalidArgument(_OfOneCode):
    """The request is not valid, whatever the state of the system."""

    CODE = Code.INVALID_ARGUMENT


class DeadlineExceeded(_OfOneCode):
    """The deadline passed before the call finished."""

    CODE = Code.DEADLINE_EXCEEDED


class NotFound(_OfOneCode):
    """The requested entity does not exist."""

    CODE = Code.NOT_FOUND


class AlreadyExists(_OfOneCode):
    """The entity to create exists already."""

    CODE = Code.ALREADY_EXISTS


class PermissionDenied(_OfOneCode):
    """The caller is known and lacks the permission."""

    CODE = Code.PERMISSION_DENIED


class ResourceExhausted(_OfOneCode):
    """A quota, a limit or memory is exhausted."""

    CODE = Code.RESOURCE_EXHAUSTED


class FailedPrecondition(_OfOneCode):
    """The system is not in the state that the call requires."""

    CODE = Code.FAILED_PRECONDITION


class Aborted(_OfOneCode):
    """The call conflicts with another; the caller may retry at a higher level."""

    CODE = Code.ABORTED


class OutOfRange(_OfOneCode):
    """A value is past the valid range, and may become valid as the system changes."""

    CODE = Code.OUT_OF_RANGE


class Unimplemented(_OfOneCode):
    """The method is not implemented or not enabled."""

    CODE = Code.UNIMPLEMENTED


class Internal(_OfOneCode):
    """An invariant of the system is broken."""

    CODE = Code.INTERNAL


class Unavailable(_OfOneCode):
    """The service cannot be reached now; the caller may retry."""

    CODE = Code.UNAVAILABLE


class DataLoss(_OfOneCode):
    """Data is lost or corrupt and cannot be recovered."""

    CODE = Code.DATA_LOSS


class Unauthenticated(_OfOneCode):
    """The caller has no valid credentials."""

    CODE = Code.UNAUTHENTICATED
