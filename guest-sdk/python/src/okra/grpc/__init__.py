"""What handlers that were written for grpcio and google.protobuf import, so that they
move with edits of imports only::

    from okra import grpc                           # import grpc
    from gen.helloworld import pb2 as helloworld_pb2            # import helloworld_pb2
    from gen.helloworld import pb2_grpc as helloworld_pb2_grpc  # ... and its services
    from okra.grpc import timestamp_pb2             # from google.protobuf import ...
    from okra.grpc import rpc_status                # from grpc_status import ...
    from okra.grpc import error_details_pb2         # from google.rpc import ...

The classes of messages are protobuf's: ``repeated.add()``, ``HasField``, fields of
oneofs as attributes. They are views of the SDK's, which new handlers use directly and
which are quicker.
"""

from __future__ import annotations

import types
import typing

from .. import _errors, details
from .. import json_format as _json_format
from .._wire import DecodeError, EncodeError
from . import _messages
from ._messages import Message
from ._service import (
    RpcError,
    ServicerContext,
    ServiceTable,
    Status,
    StatusCode,
    service_attribute,
)

__all__ = [
    "DecodeError",
    "EncodeError",
    "Message",
    "RpcError",
    "Server",
    "ServiceTable",
    "ServicerContext",
    "Status",
    "StatusCode",
    "attribute",
    "insecure_channel",
    "json_format",
    "rpc_status",
    "server",
    "service_attribute",
]

attribute = _messages.attribute
"""What a module of messages has of a name. The generated modules ask it."""


class Server:
    """Takes servicers, as ``grpc.Server`` does. The host listens and has the threads."""

    def add_insecure_port(self, address: str) -> int:
        """Does nothing: ``okra serve --listen`` says where."""
        return 0

    def add_secure_port(self, address: str, credentials: object) -> int:
        """Does nothing: server.toml says where, and with which certificates."""
        return 0

    def start(self) -> None:
        """Does nothing."""

    def wait_for_termination(self, timeout: float | None = None) -> bool:
        """Does nothing, so that ``service.py`` comes to its end."""
        return False

    def stop(self, grace: float | None = None) -> None:
        """Does nothing."""


def server(*arguments: object, **options: object) -> Server:
    """Makes a server for ``add_NAMEServicer_to_server``."""
    if options.get("interceptors"):
        raise NotImplementedError(
            "interceptors are not called: wrap the methods of the servicer instead"
        )
    return Server()


class _Channel:
    """Where a stub calls: ``calls`` in okra.toml says which services there are."""

    def __enter__(self) -> _Channel:
        return self

    def __exit__(self, *reason: object) -> None:
        pass

    def close(self) -> None:
        """Does nothing."""


def insecure_channel(
    target: str = "", *arguments: object, **options: object
) -> _Channel:
    """A channel. Its target says nothing here: the host finds services by name."""
    return _Channel()


class rpc_status:
    """The functions of ``grpc_status.rpc_status``."""

    @staticmethod
    def to_status(status: Message) -> Status:
        """What ``context.abort_with_status`` takes, of a ``google.rpc.Status``."""
        message = status._message
        codes = {code.value[0]: code for code in StatusCode}
        if message.code not in codes:
            raise ValueError(f"{message.code} is not a code of gRPC")
        entry = ("grpc-status-details-bin", message.SerializeToString())
        return Status(codes[message.code], message.message, (entry,))

    @staticmethod
    def from_call(error: RpcError) -> typing.Any:
        """The ``google.rpc.Status`` of an error; None if it has no details."""
        for name, value in error.trailing_metadata():
            if name == "grpc-status-details-bin":
                return _messages.message_class(details.Status).FromString(value)
        return None


class json_format:
    """The functions of ``google.protobuf.json_format``."""

    Error = _json_format.Error
    ParseError = _json_format.ParseError
    SerializeToJsonError = _json_format.SerializeToJsonError

    @staticmethod
    def MessageToDict(
        message: Message, *arguments: typing.Any, **options: typing.Any
    ) -> dict[str, typing.Any]:
        return _json_format.MessageToDict(message._message, *arguments, **options)

    @staticmethod
    def MessageToJson(
        message: Message, *arguments: typing.Any, **options: typing.Any
    ) -> str:
        return _json_format.MessageToJson(message._message, *arguments, **options)

    @staticmethod
    def Parse(
        text: str | bytes, message: typing.Any, ignore_unknown_fields: bool = False
    ) -> typing.Any:
        _json_format.Parse(text, message._message, ignore_unknown_fields)
        message._touch()
        return message

    @staticmethod
    def ParseDict(
        value: typing.Any, message: typing.Any, ignore_unknown_fields: bool = False
    ) -> typing.Any:
        _json_format.ParseDict(value, message._message, ignore_unknown_fields)
        message._touch()
        return message


class _Package(types.ModuleType):
    """The messages of a file that every project has."""

    def __init__(self, name: str, package: str) -> None:
        super().__init__(name)
        self._package = package

    def __getattr__(self, name: str) -> typing.Any:
        return attribute(self._package, name)


class _Codes(types.ModuleType):
    """``google.rpc.code_pb2``: the numbers of the codes."""

    def __getattr__(self, name: str) -> int:
        try:
            return 0 if name == "OK" else int(_errors.Code[name])
        except KeyError:
            raise AttributeError(name) from None


def __getattr__(name: str) -> typing.Any:
    if name == "code_pb2":
        return _Codes(name)
    if name in ("error_details_pb2", "status_pb2"):
        return _Package(name, "google.rpc")
    known = "any duration empty field_mask struct timestamp wrappers".split()
    if name.removesuffix("_pb2") in known and name.endswith("_pb2"):
        return _Package(name, "google.protobuf")
    raise AttributeError(f"okra.grpc has no `{name}`")
