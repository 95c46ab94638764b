from __future__ import annotations

import abc
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Union

from . import calls
from ._metadata import Metadata, Value

Entries = Union[Mapping[str, Value], Iterable[tuple[str, Value]]]


class Scope(abc.ABC):
    """What the last call that was made in it brought back beside the answer."""

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
    """Settings of the calls that are made within: the seconds that each may take, which
    shorten the deadline of the call being served and never lengthen it, and metadata.

    Without it a call leaves with the deadline and the trace of the call being served,
    and no metadata::

        with okra.outgoing(timeout=0.2, metadata={"x-tenant": "acme"}) as scope:
            user = users.get_user(request)
        version = scope.headers.get("x-version")

    Raises ``InvalidMetadata`` when a name or a value is not valid, or the name belongs
    to the protocol.
    """
    entries = metadata.items() if isinstance(metadata, Mapping) else metadata
    with calls.transport().scope(timeout, Metadata(entries)) as scope:
        yield scope
