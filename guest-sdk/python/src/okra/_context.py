from __future__ import annotations

import abc
import enum

from ._metadata import Metadata, Value


class Protocol(enum.Enum):
    """How a call reached the process."""

    GRPC = "grpc"
    GRPC_WEB = "grpc-web"
    CONNECT = "connect"
    LOCAL = "local"
    """From another component, through its typed import."""


class WireCodec(enum.Enum):
    """How messages are written on the wire."""

    PROTO = "proto"
    JSON = "json"


class Context(abc.ABC):
    """The call that is being served: what came with it, and what goes back beside the
    answer.

    In tests ``okra.testing.Context`` takes its place.
    """

    @property
    @abc.abstractmethod
    def service(self) -> str:
        """Full name of the service, such as ``shop.billing.v1.Billing``."""

    @property
    @abc.abstractmethod
    def method(self) -> str:
        """Name of the method, such as ``CreateInvoice``."""

    @property
    @abc.abstractmethod
    def protocol(self) -> Protocol:
        """How the call came."""

    @property
    @abc.abstractmethod
    def codec(self) -> WireCodec:
        """How messages are written on the wire."""

    @property
    @abc.abstractmethod
    def get_query(self) -> str | None:
        """The raw query string of a call that came as HTTP GET (Connect)."""

    @property
    @abc.abstractmethod
    def metadata(self) -> Metadata:
        """The metadata of the request, without what belongs to the protocol itself."""

    @property
    @abc.abstractmethod
    def timeout(self) -> float | None:
        """The timeout as the caller sent it, in seconds."""

    @property
    @abc.abstractmethod
    def remaining(self) -> float | None:
        """Seconds until the deadline: 0 when it has passed, None without one."""

    @property
    @abc.abstractmethod
    def peer(self) -> str | None:
        """Network address of the client, such as ``10.0.0.7:52100``; None of a local
        call."""

    @property
    @abc.abstractmethod
    def authority(self) -> str | None:
        """The name under which the client addressed the server."""

    @property
    @abc.abstractmethod
    def chain(self) -> list[str]:
        """Full names of the services through which the call came, first caller first;
        empty for a call from outside."""

    @property
    @abc.abstractmethod
    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more."""

    @abc.abstractmethod
    def add_header(self, name: str, value: Value) -> None:
        """Adds a response header. Headers leave with the first message, or with the
        error when the call fails before it.

        Raises ``InvalidMetadata`` when they have left, the name or the value is not
        valid, or the name belongs to the protocol.
        """

    @abc.abstractmethod
    def add_trailer(self, name: str, value: Value) -> None:
        """Adds a trailer, of a call that succeeds as of one that fails.

        Raises ``InvalidMetadata`` as ``add_header``.
        """
