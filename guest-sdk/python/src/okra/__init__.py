"""Services for OKRA in Python.

A project has its messages and services in ``.proto`` files; ``okra generate`` makes
Python of them in package ``gen``: a dataclass for each message, an enum for each enum,
for each service a base class to implement and, when the project calls it, a client.
A service is then a subclass that is exported from ``service.py``::

    import okra
    from gen.greeter.v1 import Greeter, HelloReply, HelloRequest

    class GreeterService(Greeter):
        def hello(self, request: HelloRequest, context: okra.Context) -> HelloReply:
            if not request.name:
                raise okra.InvalidArgument("name must not be empty")
            return HelloReply(message=f"Hello, {request.name}!")

    okra.export(GreeterService())

What a handler can rely on
    An instance of a component serves one call at a time, so handlers need no locks.
    What is kept in a module or an object is seen by later calls *of the same instance*
    only, and the host may start and end instances at any time: nothing that must last
    belongs there. ``service.py`` is imported when the project is built, and every
    instance begins from there: what it reads, it reads at build time.

    An exception that is no ``okra.Error`` ends the call with INTERNAL. Its traceback
    goes to the log, never to the caller. What is printed goes to the log, too, and so
    does what is logged with ``logging``.

Streams
    Requests that are streamed come as an iterator, responses are yielded. A handler
    waits where it takes the next request, and where it yields while the caller is slow.
"""

from . import calls, details, json_format
from ._context import Codec, Context, Protocol
from ._enums import Enum
from ._errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    Code,
    DataLoss,
    DeadlineExceeded,
    Detail,
    Error,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Unknown,
)
from ._fields import describe
from ._message import Message
from ._metadata import InvalidMetadata, Metadata
from ._outgoing import Scope, outgoing
from ._service import RawService, Service, export
from ._values import NULL, Null
from ._well_known import (
    Any,
    BoolValue,
    BytesValue,
    DoubleValue,
    Duration,
    Empty,
    FieldMask,
    FloatValue,
    Int32Value,
    Int64Value,
    JsonValue,
    ListValue,
    StringValue,
    Struct,
    Timestamp,
    UInt32Value,
    UInt64Value,
    Value,
)
from ._wire import DecodeError, EncodeError
from .calls import Call

__all__ = [
    "Aborted",
    "AlreadyExists",
    "Any",
    "BoolValue",
    "BytesValue",
    "Call",
    "Cancelled",
    "Code",
    "Codec",
    "Context",
    "DataLoss",
    "DeadlineExceeded",
    "DecodeError",
    "Detail",
    "DoubleValue",
    "Duration",
    "Empty",
    "EncodeError",
    "Enum",
    "Error",
    "FailedPrecondition",
    "FieldMask",
    "FloatValue",
    "Int32Value",
    "Int64Value",
    "Internal",
    "InvalidArgument",
    "InvalidMetadata",
    "JsonValue",
    "ListValue",
    "Message",
    "Metadata",
    "NULL",
    "NotFound",
    "Null",
    "OutOfRange",
    "PermissionDenied",
    "Protocol",
    "RawService",
    "ResourceExhausted",
    "Scope",
    "Service",
    "StringValue",
    "Struct",
    "Timestamp",
    "UInt32Value",
    "UInt64Value",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Unknown",
    "Value",
    "calls",
    "describe",
    "details",
    "export",
    "json_format",
    "outgoing",
]
