from __future__ import annotations

import abc
import enum

from ._metadata import Metadata, Value


class _OpenSet(str, enum.Enum):
    """A set of strings that a newer host may add to. A value that this version of the
    SDK does not know is kept: its ``name`` and its ``value`` are the host's text."""

    @classmethod
    def _missing_(cls, value: object) -> _OpenSet | None:
        if not isinstance(value, str):
            return None
        unknown = str.__new__(cls, value)
        unknown._name_ = unknown._value_ = value
        return unknown

    def __str__(self) -> str:
        return str(self.value)


class Protocol(_OpenSet):
    """The protocol by which a call reached the host. The set is open: a newer host may
    give other values."""

    GRPC = "grpc"
    GRPC_WEB = "grpc-web"
    CONNECT = "connect"
    REST = "rest"
    """JSON over HTTP, at a path of the method's ``google.api.http`` rule."""
    LOCAL = "local"
    """From another component of the host, through its typed import."""


class Codec(_OpenSet):
    """The encoding of the messages between the client and the host. A handler gets typed
    messages in either case. The set is open: a newer host may give other values."""

    PROTO = "proto"
    JSON = "json"


class Context(abc.ABC):
    """The call that is being served: what the caller sent beside the message, and the
    headers and trailers that leave beside the response.

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
        """The protocol by which the call reached the host."""

    @property
    @abc.abstractmethod
    def codec(self) -> Codec:
        """The encoding of the messages between the client and the host."""

    @property
    @abc.abstractmethod
    def get_query(self) -> str | None:
        """The raw query string of a call that came as HTTP GET (of protocol ``connect``
        or ``rest``), without the ``?``; empty if the URL has none. None of any other
        call."""

    @property
    @abc.abstractmethod
    def metadata(self) -> Metadata:
        """The metadata of the request, without the headers of the protocol itself."""

    @property
    @abc.abstractmethod
    def timeout(self) -> float | None:
        """The timeout that the caller sent, in seconds; None if it sent none."""

    @property
    @abc.abstractmethod
    def remaining(self) -> float | None:
        """Seconds until the deadline: 0 after it, None if the call has no deadline."""

    @property
    @abc.abstractmethod
    def peer(self) -> str | None:
        """Network address of the client, such as ``10.0.0.7:52100``; None of a local
        call."""

    @property
    @abc.abstractmethod
    def caller(self) -> str | None:
        """The client's name in its certificate (mutual TLS), with its kind: the first
        URI of the subject's alternative names, such as
        ``uri:spiffe://example.com/billing``, else the first DNS name, such as
        ``dns:billing.example.com``.

        None if the certificate has neither, if the server asked for none, and of a
        local call.
        """

    @property
    @abc.abstractmethod
    def client_certificate(self) -> bytes | None:
        """The client's certificate (mutual TLS), in DER; None if the server asked for
        none, and of a local call."""

    @property
    @abc.abstractmethod
    def authority(self) -> str | None:
        """The name by which the client addressed the server; None of a local call."""

    @property
    @abc.abstractmethod
    def chain(self) -> list[str]:
        """Full names of the services that the call passed through before this one, the
        first caller first; empty if the caller is a client outside."""

    @property
    @abc.abstractmethod
    def cancelled(self) -> bool:
        """True if no caller waits for the response any more: the call was cancelled or
        its deadline passed."""

    @abc.abstractmethod
    def add_header(self, name: str, value: Value) -> None:
        """Adds a response header. Headers leave with the first message, or with the
        error if the call fails before it.

        Raises ``InvalidMetadata`` if the headers have left already, the name or the
        value is not valid, or the name belongs to the protocol.
        """

    @abc.abstractmethod
    def add_trailer(self, name: str, value: Value) -> None:
        """Adds a response trailer. Trailers leave at the end of the call, whether it
        succeeds or fails.

        Raises ``InvalidMetadata`` as ``add_header``.
        """
