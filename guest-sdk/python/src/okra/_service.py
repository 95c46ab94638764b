from __future__ import annotations

import abc
from collections.abc import Iterator

from ._context import Context
from ._errors import Unimplemented


class Service:
    """Base of the generated services. Each has in ``__methods__`` the paths of its
    methods and the functions that serve them."""


class RawService(abc.ABC):
    """A service that gets encoded messages, for those that bring their own protobuf."""

    @abc.abstractmethod
    def handle(self, method: str, request: bytes, context: Context) -> bytes:
        """Serves a call. ``method`` is the path on the wire, such as
        ``/greeter.v1.Greeter/Hello``; request and answer are encoded messages.
        ``context.codec`` says what the client speaks: of JSON the host converts."""

    def handle_stream(
        self, method: str, requests: Iterator[bytes], context: Context
    ) -> Iterator[bytes]:
        """Serves a call with a stream of requests, of responses, or of both: takes and
        gives encoded messages. On a side without a stream there is exactly one.

        Unless it is overridden, such calls fail with UNIMPLEMENTED."""
        raise Unimplemented(f"{method} is not implemented")


exported: list[Service | RawService] = []


def export(*services: Service | RawService) -> None:
    """Exports objects as the project's services: together they must implement each that
    ``okra.toml`` says is served.

    Belongs at the end of ``service.py``. Away from the component it has no effect.
    """
    exported.extend(services)


def methods(service: Service) -> dict[str, str]:
    """Paths of the methods that an object serves, and its functions for them."""
    functions: dict[str, str] = {}
    for base in type(service).__mro__:
        functions |= vars(base).get("__methods__", {})
    return functions
