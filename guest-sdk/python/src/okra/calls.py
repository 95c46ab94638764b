"""Calls of other services. The generated clients are made of these functions."""

from __future__ import annotations

import abc
import contextlib
import typing
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

if typing.TYPE_CHECKING:
    from ._metadata import Metadata
    from ._outgoing import Scope

Request = TypeVar("Request")
Response = TypeVar("Response")


class Call(abc.ABC, Generic[Request, Response]):
    """A call in which both sides stream. Dropped, it is cancelled.

    It iterates over the responses that are still to come.
    """

    @abc.abstractmethod
    def write(self, request: Request) -> None:
        """Sends a request, waiting while the reader is slow. Raises the error that ended
        the call if the reader is gone."""

    def write_all(self, requests: Iterable[Request]) -> None:
        """Sends requests in their order, as ``write`` does: those of a list or a tuple
        together, at a fraction of the cost where they are small."""
        for request in requests:
            self.write(request)

    @abc.abstractmethod
    def done_writing(self) -> None:
        """Says that no more requests follow."""

    @abc.abstractmethod
    def read(self) -> Response | None:
        """Waits for the next response; None at the end. Raises what ended the call."""

    def __iter__(self) -> Iterator[Response]:
        while (response := self.read()) is not None:
            yield response


class Transport(abc.ABC):
    """What carries calls: the host, or in tests ``okra.testing``."""

    @abc.abstractmethod
    def unary(self, path: str, request: object) -> typing.Any: ...

    @abc.abstractmethod
    def server_stream(self, path: str, request: object) -> Iterator[typing.Any]: ...

    @abc.abstractmethod
    def client_stream(self, path: str, requests: Iterable[object]) -> typing.Any: ...

    @abc.abstractmethod
    def stream(self, path: str) -> Call[typing.Any, typing.Any]: ...

    @abc.abstractmethod
    def scope(
        self, timeout: float | None, metadata: Metadata
    ) -> contextlib.AbstractContextManager[Scope]: ...


_transport: Transport | None = None


def transport() -> Transport:
    """The transport in use."""
    if _transport is None:
        raise RuntimeError(
            "there is nobody to call: in a test, say who answers with "
            "`with okra.testing.fake(FakeService()):`"
        )
    return _transport


def use(transport: Transport | None) -> Transport | None:
    """Takes another transport; gives the one before."""
    global _transport
    before, _transport = _transport, transport
    return before


def unary(path: str, request: object) -> typing.Any:
    """Makes a unary call."""
    return transport().unary(path, request)


def server_stream(path: str, request: object) -> Iterator[typing.Any]:
    """Makes a call with many responses; dropped, their iterator cancels it."""
    return transport().server_stream(path, request)


def client_stream(path: str, requests: Iterable[object]) -> typing.Any:
    """Makes a call with many requests."""
    return transport().client_stream(path, requests)


def stream(path: str) -> Call[typing.Any, typing.Any]:
    """Makes a call in which both sides stream."""
    return transport().stream(path)
