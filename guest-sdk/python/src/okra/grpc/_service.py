"""grpcio's servicers, stubs and contexts on the SDK's services and clients."""

from __future__ import annotations

import enum
import typing
from collections.abc import Iterable, Iterator

from .. import _context, _errors, _outgoing, _service, _well_known, calls, details
from . import _messages


class StatusCode(enum.Enum):
    """gRPC's status codes, as ``grpc.StatusCode`` has them."""

    OK = (0, "ok")
    CANCELLED = (1, "cancelled")
    UNKNOWN = (2, "unknown")
    INVALID_ARGUMENT = (3, "invalid argument")
    DEADLINE_EXCEEDED = (4, "deadline exceeded")
    NOT_FOUND = (5, "not found")
    ALREADY_EXISTS = (6, "already exists")
    PERMISSION_DENIED = (7, "permission denied")
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    FAILED_PRECONDITION = (9, "failed precondition")
    ABORTED = (10, "aborted")
    OUT_OF_RANGE = (11, "out of range")
    UNIMPLEMENTED = (12, "unimplemented")
    INTERNAL = (13, "internal")
    UNAVAILABLE = (14, "unavailable")
    DATA_LOSS = (15, "data loss")
    UNAUTHENTICATED = (16, "unauthenticated")


_BY_NUMBER = {code.value[0]: code for code in StatusCode}

Metadata = Iterable[tuple[str, typing.Union[str, bytes]]]
_DETAILS = "grpc-status-details-bin"


class Metadatum(typing.NamedTuple):
    """An entry of metadata."""

    key: str
    value: str | bytes


def _metadata(entries: Iterable[tuple[str, bytes]]) -> tuple[Metadatum, ...]:
    return tuple(
        Metadatum(
            name, value if name.endswith("-bin") else value.decode("utf-8", "replace")
        )
        for name, value in entries
    )


class RpcError(Exception):
    """The error of a call that was made."""

    def __init__(self, error: _errors.Error) -> None:
        super().__init__(str(error))
        self._error = error

    def code(self) -> StatusCode:
        return _BY_NUMBER[self._error.code]

    def details(self) -> str:
        return self._error.message

    def trailing_metadata(self) -> tuple[Metadatum, ...]:
        entries = _metadata(self._error.metadata)
        if not self._error.details:
            return entries
        status = _status_message(self._error).SerializeToString()
        return (*entries, Metadatum(_DETAILS, status))


def _status_message(error: _errors.Error) -> details.Status:
    packed = [
        _well_known.Any(detail.type_url, detail.value) for detail in error.details
    ]
    return details.Status(error.code, error.message, packed)


class Status(typing.NamedTuple):
    """What ``abort_with_status`` takes."""

    code: StatusCode
    details: str
    trailing_metadata: Metadata = ()


class ServicerContext:
    """The context of a call, with the methods of ``grpc.ServicerContext``."""

    def __init__(self, context: _context.Context) -> None:
        self._context = context
        self._code: StatusCode | None = None
        self._details = ""
        self._trailers: list[tuple[str, str | bytes]] = []
        self._error: _errors.Error | None = None

    def invocation_metadata(self) -> tuple[Metadatum, ...]:
        return _metadata(self._context.metadata)

    def peer(self) -> str:
        return self._context.peer or ""

    def peer_identities(self) -> None:
        return None

    def peer_identity_key(self) -> None:
        return None

    def auth_context(self) -> dict[str, list[bytes]]:
        return {}

    def time_remaining(self) -> float | None:
        return self._context.remaining

    def is_active(self) -> bool:
        return not self._context.cancelled

    def cancel(self) -> None:
        """Ends the call with CANCELLED."""
        self.abort(StatusCode.CANCELLED, "the handler cancelled the call")

    def add_callback(self, callback: typing.Callable[[], None]) -> bool:
        """Returns False: a call that has ended runs nothing more."""
        return False

    def send_initial_metadata(self, initial_metadata: Metadata) -> None:
        for name, value in initial_metadata:
            self._context.add_header(name, value)

    def set_trailing_metadata(self, trailing_metadata: Metadata) -> None:
        self._trailers = [(name, value) for name, value in trailing_metadata]

    def trailing_metadata(self) -> tuple[Metadatum, ...]:
        return tuple(Metadatum(*entry) for entry in self._trailers)

    def set_code(self, code: StatusCode) -> None:
        self._code = code

    def set_details(self, details: str) -> None:
        self._details = details

    def code(self) -> StatusCode | None:
        return self._code

    def details(self) -> str:
        return self._details

    def set_compression(self, compression: object) -> None:
        """Does nothing: the host compresses as the client asks."""

    def disable_next_message_compression(self) -> None:
        """Does nothing: the host compresses as the client asks."""

    def abort(self, code: StatusCode, details: str) -> typing.NoReturn:
        """Ends the call with an error, by an exception."""
        if code is StatusCode.OK:
            code, details = StatusCode.UNKNOWN, ""
        self._error = self._made(code, details, self._trailers)
        raise self._error

    def abort_with_status(self, status: typing.Any) -> typing.NoReturn:
        """Ends the call with the error of a status, such as that of
        ``rpc_status.to_status``."""
        entries = [*self._trailers, *(status.trailing_metadata or ())]
        self._error = self._made(status.code, status.details, entries)
        raise self._error

    def _made(
        self, code: StatusCode, message: str, entries: Iterable[tuple[str, str | bytes]]
    ) -> _errors.Error:
        rich: list[_errors.Detail] = []
        trailers = []
        for name, value in entries:
            if name == _DETAILS and isinstance(value, bytes):
                packed = details.Status.FromString(value).details
                rich = [_errors.Detail(it.type_url, it.value) for it in packed]
            else:
                trailers.append((name, value))
        return _errors.Error.of(
            _errors.Code(code.value[0]), message, details=rich, metadata=trailers
        )

    def _end(self) -> None:
        """Comes after the handler. Raises the error that it has set."""
        if self._error is not None:
            # An exception that the handler itself caught.
            raise self._error
        if self._code not in (None, StatusCode.OK):
            assert self._code is not None
            raise self._made(self._code, self._details, self._trailers)
        for name, value in self._trailers:
            self._context.add_trailer(name, value)


class Method(typing.NamedTuple):
    """A method of a service."""

    name: str
    function: str
    request: str
    has_requests: bool
    response: str
    has_responses: bool

    @classmethod
    def of(cls, row: str) -> Method:
        name, function, request, response = row.split(" ")
        _, has_requests, one = request.rpartition("stream:")
        _, has_responses, other = response.rpartition("stream:")
        return cls(name, function, one, bool(has_requests), other, bool(has_responses))


class ServiceTable(typing.NamedTuple):
    """A service, its base class in the SDK, and its methods: ``NAME FUNCTION REQUEST
    RESPONSE``, with ``stream:`` before the types of streams."""

    full_name: str
    base: typing.Any
    rows: tuple[str, ...]

    @property
    def methods(self) -> list[Method]:
        return [Method.of(row) for row in self.rows]

    @property
    def name(self) -> str:
        return self.full_name.rpartition(".")[2]


_EMPTY = "google.protobuf.Empty"


def _handler(servicer: typing.Any, method: Method) -> typing.Any:
    """A method of the SDK's service that calls the servicer's."""

    def called(request: typing.Any, context: _context.Context) -> typing.Any:
        own = ServicerContext(context)
        if method.has_requests:
            argument = (_messages.wrap(method.request, it) for it in request)
        else:
            argument = _messages.wrap(method.request, request)
        return own, getattr(servicer, method.name)(argument, own)

    def unary(self: object, *arguments: typing.Any) -> typing.Any:
        request, context = _both(arguments)
        own, response = called(request, context)
        own._end()
        made = _messages.unwrap(method.response, response)
        return None if method.response == _EMPTY else made

    def stream(self: object, *arguments: typing.Any) -> Iterator[typing.Any]:
        request, context = _both(arguments)
        own, responses = called(request, context)
        for response in responses:
            yield _messages.unwrap(method.response, response)
        own._end()

    def _both(arguments: tuple[typing.Any, ...]) -> typing.Any:
        # A method of `google.protobuf.Empty` has no request.
        return arguments if len(arguments) == 2 else (_well_known.Empty(), *arguments)

    return stream if method.has_responses else unary


def adapt(table: ServiceTable, servicer: typing.Any) -> _service.Service:
    """The SDK's service that a servicer is."""
    body = {method.function: _handler(servicer, method) for method in table.methods}
    for method in table.methods:
        # Here, so that instances begin with the classes that they need.
        _messages.prepare([method.request, method.response])
    adapter: _service.Service = type(table.name, (table.base,), body)()
    return adapter


def _servicer_class(table: ServiceTable) -> type:
    def unimplemented(name: str) -> typing.Any:
        def method(self: object, request: object, context: ServicerContext) -> None:
            context.abort(
                StatusCode.UNIMPLEMENTED, f"{table.full_name}/{name} is not implemented"
            )

        return method

    body = {method.name: unimplemented(method.name) for method in table.methods}
    return type(f"{table.name}Servicer", (), body)


def _stub_class(table: ServiceTable) -> type:
    def create(self: typing.Any, channel: object) -> None:
        for method in table.methods:
            setattr(self, method.name, _Callable(table, method))

    return type(f"{table.name}Stub", (), {"__init__": create})


class _Callable:
    """A method of a stub."""

    def __init__(self, table: ServiceTable, method: Method) -> None:
        self._path, self._method = f"/{table.full_name}/{method.name}", method

    def __call__(
        self,
        request: typing.Any,
        timeout: float | None = None,
        metadata: Metadata | None = None,
        **others: object,
    ) -> typing.Any:
        method = self._method
        if method.has_responses:
            return self._stream(request, timeout, metadata)
        with _outgoing.outgoing(timeout=timeout, metadata=list(metadata or ())):
            try:
                made = calls.client_stream if method.has_requests else calls.unary
                response = made(self._path, self._lowered(request))
            except _errors.Error as error:
                raise RpcError(error) from None
        return self._lifted(response)

    def with_call(self, *arguments: typing.Any, **options: typing.Any) -> typing.Any:
        raise NotImplementedError(
            "`with_call` is not offered: `okra.outgoing` gives headers and trailers"
        )

    def _lowered(self, request: typing.Any) -> typing.Any:
        name = self._method.request
        if self._method.has_requests:
            return (_messages.unwrap(name, it) for it in request)
        return None if name == _EMPTY else _messages.unwrap(name, request)

    def _lifted(self, response: typing.Any) -> typing.Any:
        name = self._method.response
        if name == _EMPTY and response is None:
            return _messages.type_of(name)()
        return _messages.wrap(name, response)

    def _stream(
        self, request: typing.Any, timeout: float | None, metadata: Metadata | None
    ) -> Iterator[typing.Any]:
        with _outgoing.outgoing(timeout=timeout, metadata=list(metadata or ())):
            try:
                if not self._method.has_requests:
                    lowered = self._lowered(request)
                    for response in calls.server_stream(self._path, lowered):
                        yield self._lifted(response)
                    return
                call = calls.stream(self._path)
                for one in self._lowered(request):
                    call.write(one)
                call.done_writing()
                for response in call:
                    yield self._lifted(response)
            except _errors.Error as error:
                raise RpcError(error) from None


def service_attribute(tables: Iterable[ServiceTable], name: str) -> typing.Any:
    """What protoc's module of services has of a name."""
    for table in tables:
        if name == f"{table.name}Servicer":
            return _servicer_class(table)
        if name == f"{table.name}Stub":
            return _stub_class(table)
        if name == f"add_{table.name}Servicer_to_server":
            return lambda servicer, server: _service.export(adapt(table, servicer))
    raise AttributeError(f"no service has `{name}`")
