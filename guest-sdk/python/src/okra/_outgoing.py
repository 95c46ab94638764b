from __future__ import annotations

import abc
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Union

from . import calls
from ._metadata import Metadata, Value

Entries = Union[Mapping[str, Value], Iterable[tuple[str, Value]]]


class Scope(abc.ABC):
    """Headers and trailers of the last call made in the scope; empty before the
    first."""

    @property
    @abc.abstractmethod
    def headers(self) -> Metadata:
        """Its response headers."""

    @property
    @abc.abstractmethod
    def trailers(self) -> Metadata:
        """Its response trailers."""


@contextlib.contextmanager
def outgoing(
    *, timeout: float | None = None, metadata: Entries = ()
) -> Iterator[Scope]:
    """Sets timeout, in seconds, and metadata of each call made within. A timeout
    shortens the deadline of the call being served and never extends it.

    Without it, a call carries the deadline and the trace context of the call being
    served, and no metadata of its own::

        with okra.outgoing(timeout=0.2, metadata={"x-tenant": "acme"}) as scope:
            user = users.get_user(request)
        version = scope.headers.get("x-version")

    Raises ``InvalidMetadata`` if a name or a value is not valid, or the name belongs
    to the protocol.
    """
    entries = metadata.items() if isinstance(metadata, Mapping) else metadata
    with calls.transport().scope(timeout, Metadata(entries)) as scope:
        yield scope
