from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Union

Value = Union[str, bytes]
"""A value as it is given: text, or any bytes when the name ends in ``-bin``."""


class InvalidMetadata(ValueError):
    """Metadata that the host refuses: a name or a value that is not valid, a name that
    belongs to the protocol, or headers that have left already."""


class Metadata:
    """gRPC metadata: an ordered multimap of names to values.

    Names are lower case. Names that end in ``-bin`` have any bytes as value, without
    the base64 of the wire; the other values are printable ASCII.
    """

    __slots__ = ("_entries",)

    def __init__(self, entries: Iterable[tuple[str, Value]] = ()) -> None:
        self._entries = [(name.lower(), encoded(value)) for name, value in entries]

    def get(self, name: str) -> str | None:
        """Returns the first value of a name as text."""
        value = self.get_bytes(name)
        return None if value is None else value.decode("utf-8", "replace")

    def get_bytes(self, name: str) -> bytes | None:
        """Returns the first value of a name."""
        return next(iter(self.get_all(name)), None)

    def get_all(self, name: str) -> list[bytes]:
        """Returns all values of a name, in their order."""
        name = name.lower()
        return [value for entry, value in self._entries if entry == name]

    def add(self, name: str, value: Value) -> None:
        """Adds an entry."""
        self._entries.append((name.lower(), encoded(value)))

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get_bytes(name) is not None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Metadata) and self._entries == other._entries

    def __repr__(self) -> str:
        return f"Metadata({self._entries!r})"


def encoded(value: Value) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)
