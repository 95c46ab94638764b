"""Tests of handlers on the developer's machine, in any test runner.

A handler is a method: call it with a message and a ``Context`` of this module. Requests
that are streamed are any iterator, responses come as one. Who answers the calls that it
makes is said with ``fake``, by implementations of the services that are called::

    class FakeUsers(Users):
        def get_user(self, request, context):
            return User(user_id=request.user_id, name="Ada")

    def test_an_invoice_has_its_user_in_it():
        context = okra.testing.Context(metadata={"x-tenant": "acme"})
        with okra.testing.fake(FakeUsers()):
            invoice = BillingService().create_invoice(request, context)
        assert invoice.user.name == "Ada"
        assert context.trailers.get("x-cost") == "3"
"""

from __future__ import annotations

import collections
import contextlib
import re
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence

from . import _context, _metadata, _outgoing, _service, calls
from ._errors import Unimplemented

__all__ = ["Context", "fake"]


class Context(_context.Context):
    """The call that a handler under test serves. What it adds is in ``headers`` and
    ``trailers``."""

    def __init__(
        self,
        *,
        service: str = "test.Service",
        method: str = "Method",
        metadata: _outgoing.Entries = (),
        timeout: float | None = None,
        remaining: float | None = None,
        peer: str | None = None,
        caller: str | None = None,
        client_certificate: bytes | None = None,
        authority: str | None = None,
        chain: Sequence[str] = (),
        cancelled: bool = False,
        protocol: _context.Protocol = _context.Protocol.LOCAL,
        codec: _context.Codec = _context.Codec.PROTO,
        get_query: str | None = None,
    ) -> None:
        entries = metadata.items() if isinstance(metadata, Mapping) else metadata
        self._service, self._method = service, method
        self._metadata = _metadata.Metadata(entries)
        self._timeout = timeout
        self._remaining = timeout if remaining is None else remaining
        self._caller, self._client_certificate = caller, client_certificate
        self._peer, self._authority, self._chain = peer, authority, list(chain)
        self._protocol, self._codec, self._get_query = protocol, codec, get_query
        self._cancelled = cancelled
        self.headers = _metadata.Metadata()
        self.trailers = _metadata.Metadata()

    @property
    def service(self) -> str:
        return self._service

    @property
    def method(self) -> str:
        return self._method

    @property
    def protocol(self) -> _context.Protocol:
        return self._protocol

    @property
    def codec(self) -> _context.Codec:
        return self._codec

    @property
    def get_query(self) -> str | None:
        return self._get_query

    @property
    def metadata(self) -> _metadata.Metadata:
        return self._metadata

    @property
    def timeout(self) -> float | None:
        return self._timeout

    @property
    def remaining(self) -> float | None:
        return self._remaining

    @property
    def peer(self) -> str | None:
        return self._peer

    @property
    def caller(self) -> str | None:
        return self._caller

    @property
    def client_certificate(self) -> bytes | None:
        return self._client_certificate

    @property
    def authority(self) -> str | None:
        return self._authority

    @property
    def chain(self) -> list[str]:
        return self._chain

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    def cancel(self) -> None:
        """The caller goes away."""
        self._cancelled = True

    def add_header(self, name: str, value: _metadata.Value) -> None:
        _check(name, value)
        self.headers.add(name, value)

    def add_trailer(self, name: str, value: _metadata.Value) -> None:
        _check(name, value)
        self.trailers.add(name, value)


_NAME = re.compile(r"[0-9a-z_.-]+")
_OURS = ("grpc-", "connect-", "content-type", "te", "user-agent")


def _check(name: str, value: _metadata.Value) -> None:
    """What the host refuses, roughly."""
    if not _NAME.fullmatch(name):
        raise _metadata.InvalidMetadata(f"`{name}` is no name of metadata")
    if name.startswith(_OURS[:2]) or name in _OURS[2:]:
        raise _metadata.InvalidMetadata(f"`{name}` belongs to the protocol")
    printable = all(0x20 <= byte <= 0x7E for byte in _metadata.encoded(value))
    if not name.endswith("-bin") and not printable:
        raise _metadata.InvalidMetadata(
            f"the value of `{name}` is not printable ASCII; "
            "names that end in -bin may have any"
        )


@contextlib.contextmanager
def fake(*services: _service.Service) -> Iterator[None]:
    """While it lasts, the calls of clients are answered by these objects."""
    before = calls.use(_Fake(services))
    try:
        yield
    finally:
        calls.use(before)


class _Scope(_outgoing.Scope):
    def __init__(self, timeout: float | None, metadata: _metadata.Metadata) -> None:
        self.timeout, self.metadata = timeout, metadata
        self.last: Context | None = None

    @property
    def headers(self) -> _metadata.Metadata:
        return self.last.headers if self.last else _metadata.Metadata()

    @property
    def trailers(self) -> _metadata.Metadata:
        return self.last.trailers if self.last else _metadata.Metadata()


class _Fake(calls.Transport):
    def __init__(self, services: Iterable[_service.Service]) -> None:
        self.handlers = {
            path: getattr(service, function)
            for service in services
            for path, function in _service.methods(service).items()
        }
        self.scopes: list[_Scope] = []

    def handler(self, path: str) -> tuple[typing.Any, Context]:
        service, _, method = path[1:].partition("/")
        if path not in self.handlers:
            raise Unimplemented(f"nobody fakes `{service}`: name it in `fake()`")
        scope = self.scopes[-1] if self.scopes else _Scope(None, _metadata.Metadata())
        scope.last = Context(
            service=service,
            method=method,
            metadata=scope.metadata,
            timeout=scope.timeout,
        )
        return self.handlers[path], scope.last

    def unary(self, path: str, request: object) -> typing.Any:
        handler, context = self.handler(path)
        return handler(*_argument(request), context)

    def server_stream(self, path: str, request: object) -> Iterator[typing.Any]:
        handler, context = self.handler(path)
        return iter(handler(*_argument(request), context))

    def client_stream(self, path: str, requests: Iterable[object]) -> typing.Any:
        handler, context = self.handler(path)
        return handler(iter(requests), context)

    def stream(self, path: str) -> calls.Call[typing.Any, typing.Any]:
        handler, context = self.handler(path)
        return _Call(handler, context)

    @contextlib.contextmanager
    def scope(
        self, timeout: float | None, metadata: _metadata.Metadata
    ) -> Iterator[_outgoing.Scope]:
        for name, value in metadata:
            _check(name, value)
        scope = _Scope(timeout, metadata)
        self.scopes.append(scope)
        try:
            yield scope
        finally:
            self.scopes.remove(scope)


def _argument(request: object) -> tuple[object, ...]:
    """A method without a request, of ``google.protobuf.Empty``, takes none."""
    return () if request is None else (request,)


class _Call(calls.Call[typing.Any, typing.Any]):
    """The handler runs where responses are read."""

    def __init__(self, handler: typing.Any, context: Context) -> None:
        self.requests: collections.deque[object] = collections.deque()
        self.done = False
        self.responses = iter(handler(self.written(), context))

    def written(self) -> Iterator[object]:
        while self.requests or not self.done:
            if not self.requests:
                raise RuntimeError(
                    "the handler waits for a request, and its caller for a response: "
                    "write one first, or say `done_writing()`"
                )
            yield self.requests.popleft()

    def write(self, request: object) -> None:
        self.requests.append(request)

    def done_writing(self) -> None:
        self.done = True

    def read(self) -> typing.Any:
        return next(self.responses, None)
